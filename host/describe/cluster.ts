// The cluster is derived, not declared (PROTOCOL 1): the upgraded components plus, step by step, whatever sends or
// receives a changed message type. From outside, nothing may have changed.

import type { Plan, TypePlan } from '../../firmware/plan.ts';
import { EXIT, Failure } from '../failure.ts';
import type { Draft, Modules } from './compile.ts';
import { checkModules, draftUpgrade, fieldText } from './compile.ts';
import type { Upgrade } from './read.ts';
import { refuse } from './read.ts';
import type { Problem } from './shape.ts';

export interface Difference {
  type: string;
  /** fields as they were and as they become; null: there was none, or is none any more */
  fields: { name: string; before: string | null; after: string | null }[];
  /** the same fields, in another order */
  reordered: boolean;
  /** messages per second, 0: any; null: unchanged */
  perSecond: { before: number; after: number } | null;
}

function differences(old: TypePlan, type: TypePlan): Difference {
  const fields: Difference['fields'] = [];
  const before = old.fields;
  const after = type.fields;
  for (const field of before) {
    const now = after.find((f) => f.name === field.name);
    if (!now || fieldText(now) !== fieldText(field)) {
      fields.push({ name: field.name, before: fieldText(field), after: now ? fieldText(now) : null });
    }
  }
  for (const field of after) {
    if (!before.some((f) => f.name === field.name))
      fields.push({ name: field.name, before: null, after: fieldText(field) });
  }
  return {
    type: type.name,
    fields,
    reordered: fields.length === 0 && before.some((field, i) => field.name !== after[i]?.name),
    perSecond: old.perSecond === type.perSecond ? null : { before: old.perSecond, after: type.perSecond },
  };
}

/** What an upgrade changes in the messages, type by type. */
export function schemaDifferences(base: Plan, plan: Plan): Difference[] {
  return (plan.upgrade?.changed ?? []).map(([old, now]) =>
    differences(base.types[old] as TypePlan, plan.types[now] as TypePlan),
  );
}

/** `Attitude.euler f32[3]→- Attitude.q -→f32[4]` */
export function differenceText({ type, fields, reordered, perSecond }: Difference): string {
  const rate = (value: number) => (value === 0 ? 'any' : value);
  return [
    ...fields.map((f) => `${type}.${f.name} ${f.before ?? '-'}→${f.after ?? '-'}`),
    ...(reordered ? [`${type} fields in another order`] : []),
    ...(perSecond ? [`${type} ${rate(perSecond.before)}→${rate(perSecond.after)} per second`] : []),
  ].join(' ');
}

/** Pairs that exchange a type, in the plan given: [sender, receiver]. */
function pairs(plan: Plan, type: number): [number, number][] {
  const out: [number, number][] = [];
  plan.components.forEach((component, sender) => {
    for (const [t, to] of component?.sends ?? [])
      if (t === type) for (const receiver of to) out.push([sender, receiver]);
  });
  return out;
}

function devicesOf(plan: Plan, devices: number[] | undefined): string {
  return (devices ?? []).map((d) => plan.devices[d]?.name ?? '').join(', ');
}

function nameOf(draft: Draft, base: Plan, component: number): string {
  return draft.plan.components[component]?.name ?? base.components[component]?.name ?? '';
}

/** Throws E_SCHEMA where a changed type would cross the border: its pair and its fields are named. */
function deriveCluster(base: Plan, draft: Draft): number[] {
  const cluster = new Set(draft.brought);
  const missing: { pair: [number, number]; change: [number, number]; component: number }[] = [];
  for (const change of draft.changed) {
    for (const pair of [...pairs(base, change[0]), ...pairs(draft.plan, change[1])]) {
      for (const component of pair) {
        if (!cluster.has(component)) missing.push({ pair, change, component });
      }
    }
  }
  if (missing.length === 0) return [...cluster].sort((a, b) => a - b);
  const lines = new Set<string>();
  const wanted = new Set<string>();
  for (const { pair, change, component } of missing) {
    const [old, now] = [base.types[change[0]] as TypePlan, draft.plan.types[change[1]] as TypePlan];
    const what = differenceText(differences(old, now));
    lines.add(`${nameOf(draft, base, pair[0])}>${nameOf(draft, base, pair[1])} ${what}`);
    wanted.add(nameOf(draft, base, component));
  }
  const names = [...wanted].join(', ');
  const cause = `${[...lines].join('\n')}\nthe upgrade brings no new version of ${names}, so a changed message would cross the border of the cluster`;
  throw new Failure(
    'E_SCHEMA',
    EXIT.refused,
    cause,
    `add ${names} to the upgrade’s components, with a module that knows the new format`,
  );
}

/** What the outside of the cluster would notice: a boundary channel or device that is new, gone or different. */
function checkBorder(base: Plan, draft: Draft, cluster: number[], problems: Problem[]): void {
  const inside = (c: number) => cluster.includes(c);
  const channels = (plan: Plan, sender: number): Set<string> => {
    const out = new Set<string>();
    for (const [type, to] of plan.components[sender]?.sends ?? []) {
      for (const receiver of to) {
        if (!inside(receiver)) out.add(`${plan.types[type]?.name} to ${nameOf(draft, base, receiver)}`);
      }
    }
    return out;
  };
  for (const component of cluster) {
    const name = nameOf(draft, base, component);
    const before = channels(base, component);
    const after = channels(draft.plan, component);
    for (const channel of after) {
      if (!before.has(channel))
        problems.push({
          path: `components.${name}.sends`,
          reason: `${channel} is new and leaves the cluster: the old version does not send it`,
        });
    }
    for (const channel of before) {
      if (!after.has(channel))
        problems.push({
          path: `components.${name}.sends`,
          reason: `${channel} is gone, and its receiver is outside the cluster`,
        });
    }
    const old = base.components[component];
    const now = draft.plan.components[component];
    const drives = (list: number[] | undefined) => (list ?? []).slice().sort().join();
    if (drives(old?.drives) !== drives(now?.drives)) {
      let reason = 'changes: old and new version must drive the same devices';
      if (!old) reason = 'an added component has no shadow that could go on with its outputs; wanted no devices';
      if (!now)
        reason = `the component is removed, but its devices (${devicesOf(base, old?.drives)}) need their outputs`;
      problems.push({ path: `components.${name}${now ? '.drives' : ''}`, reason });
    }
  }
  base.components.forEach((component, sender) => {
    if (inside(sender)) return;
    for (const [type, to] of component?.sends ?? []) {
      for (const receiver of to) {
        if (!draft.removed.includes(receiver)) continue;
        const what = `${component?.name} still sends it ${base.types[type]?.name}`;
        problems.push({ path: `components.${nameOf(draft, base, receiver)}`, reason: `is removed, but ${what}` });
      }
    }
  });
}

/** The plan of an upgrade of `base`, whose hash is given. Throws Failure E_DESCRIPTION or E_SCHEMA. */
export function compileUpgrade(base: Plan, baseHash: string, upgrade: Upgrade, modules: Modules): Plan {
  const draft = draftUpgrade(base, upgrade, modules);
  const cluster = deriveCluster(base, draft);
  const problems: Problem[] = [];
  checkBorder(base, draft, cluster, problems);
  const plan: Plan = {
    ...draft.plan,
    upgrade: {
      name: upgrade.value.name,
      base: baseHash,
      cluster,
      added: draft.added,
      removed: draft.removed,
      changed: draft.changed,
    },
  };
  checkModules(plan, modules, { say: (path, reason) => problems.push({ path, reason }) });
  refuse(upgrade, problems);
  return plan;
}
