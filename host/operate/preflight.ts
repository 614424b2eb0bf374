// Before an upgrade: what it would do, and what speaks against it. Nothing is sent to a board.

import { dirname } from 'node:path';
import { slotBytes } from '../../firmware/image.ts';
import { JOURNAL_BYTES_MIN } from '../../firmware/limits.ts';
import type { Plan } from '../../firmware/plan.ts';
import type { Flash } from '../../hal/hal.ts';
import type { Difference } from '../describe/cluster.ts';
import { schemaDifferences } from '../describe/cluster.ts';
import type { BoardType } from '../describe/board.ts';
import { tooSmall } from '../describe/board.ts';
import type { Testbed } from '../describe/read.ts';
import { boardDescription } from '../describe/read.ts';
import { EXIT, Failure } from '../failure.ts';
import type { JournalPlan } from './durability.ts';
import { declaredRates, journalPlan } from './durability.ts';
import { boardBytes, costsOf, processBytes } from './memory.ts';
import { besidePrograms, programSectors } from './programs.ts';
import type { Version } from './version.ts';
import { imageOf } from './version.ts';

const ALONE = 'place the new version on a board of its own';

export interface BoardFlight {
  board: string;
  type: string;
  imageBytes: number;
  slotBytes: number;
  /** processes during guarded operation */
  active: string[];
  low: string[];
  shadow: string[];
  /** an estimate (memory.ts) */
  memoryBytes: number;
  /** 0: not known */
  memoryLimit: number;
  /** what a call that never returns costs: it is interrupted, the board is reset, or nothing goes on there */
  hang: 'interrupted' | 'reset' | 'stuck';
  /** in guarded operation, at the rates that the description allows; null: durability is off */
  journal: JournalPlan | null;
  /** the same outside guarded operation, with durability always */
  always: JournalPlan | null;
}

export interface Preflight {
  upgrade: string;
  hash: string;
  base: string;
  cluster: string[];
  added: string[];
  removed: string[];
  differences: Difference[];
  durability: string;
  boards: BoardFlight[];
  policy: Plan['policy'];
  warnings: string[];
  refusals: Refusal[];
}

function names(plan: Plan, base: Plan, components: number[]): string[] {
  return components.map((c) => plan.components[c]?.name ?? base.components[c]?.name ?? '');
}

export function hangOf(type: BoardType): BoardFlight['hang'] {
  if (type.interrupts) return 'interrupted';
  return type.watchdog ? 'reset' : 'stuck';
}

function boardFlight(base: Version, upgrade: Version, board: string, name: string, type: BoardType): BoardFlight {
  const cluster = upgrade.plan.upgrade?.cluster ?? [];
  const costs = costsOf(type);
  const out: BoardFlight = {
    board,
    type: name,
    imageBytes: imageOf(upgrade, board).bytes.length,
    slotBytes: slotBytes(type.flash as unknown as Flash),
    active: [],
    low: [],
    shadow: [],
    memoryBytes: boardBytes([base.plan, upgrade.plan], costs),
    memoryLimit: type.memoryBytes,
    hang: hangOf(type),
    journal: null,
    always: null,
  };
  const { plan } = upgrade;
  if (plan.durability !== 'off') out.journal = journalPlan(base, upgrade, board, type.flash, declaredRates(plan));
  if (plan.durability === 'always') {
    out.always = journalPlan(base, null, board, type.flash, declaredRates(base.plan));
  }
  const add = (list: string[], version: Version, c: number): void => {
    const component = version.plan.components[c];
    if (!component || version.plan.boards[component.board] !== board) return;
    list.push(component.name);
    out.memoryBytes += processBytes(upgrade.plan, (version.modules[component.module] ?? '').length, costs);
  };
  const count = Math.max(base.plan.components.length, upgrade.plan.components.length);
  for (let c = 0; c < count; c++) {
    if (!cluster.includes(c)) add(out.active, base, c);
    else {
      add(out.shadow, base, c);
      add(out.low, upgrade, c);
    }
  }
  return out;
}

/** Why the journal of a board cannot hold what it must; null: it can. */
function unfit({ board, journal }: BoardFlight): string | null {
  if (!journal || journal.perSecond.events === 0) return null;
  if (journal.sectors === 0) {
    return `board ${board}: its flash has no room for a journal: less than ${JOURNAL_BYTES_MIN} bytes, or fewer than 3 sectors, are left beside its two slots`;
  }
  if (journal.wanted <= journal.capacity) return null;
  return `board ${board}: its journal holds ${journal.capacity} bytes; about ${journal.wanted} are wanted: the checkpoints of its processes twice, and the reserve for one cut`;
}

interface Refusal {
  code: string;
  cause: string;
  next: string;
}

/**
 * A low process where no call can be interrupted (PROTOCOL 7): its hang costs the board a reset, and with it whoever else
 * is there. By the user's word they come back from the journal; but without a watchdog nothing resets the board, and where
 * the next boot cannot know in which process it was (PROTOCOL 6.10), that process does the same again.
 */
function fate(flight: BoardFlight, type: BoardType, plan: Plan): { refusal: Refusal | null; warning: string | null } {
  const survivors = [...flight.active, ...flight.shadow];
  if (flight.hang === 'interrupted' || flight.low.length === 0) return { refusal: null, warning: null };
  const start = `board ${flight.board} cannot interrupt a call: a hang of ${flight.low.join(', ')} would`;
  const stuck = flight.hang === 'stuck';
  const power = 'stop it until its power is cycled: it has no watchdog';
  if (survivors.length === 0) return { refusal: null, warning: stuck ? `${start} ${power}` : null };
  const cause = `${start} ${stuck ? 'stop' : 'reset'} it, and with it ${survivors.join(', ')}`;
  const refuse = (why: string, next: string) => ({
    refusal: { code: 'E_FATE', cause: `${cause}${why}`, next },
    warning: null,
  });
  if (!plan.sharedFate) return refuse('', `${ALONE}, or set "sharedFate": true`);
  if (plan.durability === 'off') {
    return refuse('; sharedFate needs durability', 'set "durability": "guard" in the system');
  }
  const after = stuck
    ? 'it has no watchdog, so until its power is cycled'
    : type.keeps
      ? 'its journal brings them back'
      : 'it keeps nothing over a reset that tells which process hung, so it may come again after each';
  return { refusal: null, warning: `${cause}; ${after} (sharedFate)` };
}

/**
 * Board types are those of the testbed; `sharedFate`, hangs and interrupts as in PROTOCOL 7. `programBytes`: of the program
 * that a real Espruino board holds twice.
 */
export function preflight(base: Version, upgrade: Version, testbed: Testbed, programBytes: number): Preflight {
  const plan = upgrade.plan;
  const info = plan.upgrade as NonNullable<Plan['upgrade']>;
  const warnings: string[] = [];
  const refusals: Preflight['refusals'] = [];
  const refuse = (code: string, cause: string, next: string): void => {
    refusals.push({ code, cause, next });
  };
  const boards: BoardFlight[] = [];
  for (const board of plan.boards) {
    const entry = testbed.value.boards[board];
    if (!entry) {
      refuse('E_BOARD', `the testbed has no board named ${board}`, `add it to ${testbed.file}`);
      continue;
    }
    const described = boardDescription(entry.type, dirname(testbed.file));
    const taken = entry.kind === 'real' ? programSectors(described.value, programBytes) : 0;
    const small = tooSmall(described.value, taken);
    const type = { ...described.value, flash: besidePrograms(described.value.flash, taken) };
    if (small) {
      const cause = `board ${board}: no system can live on a ${type.name}: its ${small.path} ${small.reason}`;
      refuse('E_BOARD_SMALL', cause, `use another board; npx understudy board ${entry.type} says what fits on it`);
      continue;
    }
    const flight = boardFlight(base, upgrade, board, entry.type, type);
    boards.push(flight);
    if (flight.imageBytes > flight.slotBytes) {
      const cause = `board ${board}: an image of ${flight.imageBytes} bytes, a slot of ${flight.slotBytes}`;
      refuse('E_SPACE', cause, 'make its modules smaller, or use a board with more flash');
    }
    if (flight.memoryLimit > 0 && flight.memoryBytes > flight.memoryLimit) {
      const what =
        flight.shadow.length > 0
          ? `no room for the shadow${flight.shadow.length > 1 ? 's' : ''} of ${flight.shadow.join(', ')}`
          : 'too little memory';
      const cause = `board ${board}: ${what}: about ${flight.memoryBytes} bytes wanted, ${flight.memoryLimit} there`;
      refuse('E_MEMORY', cause, 'place the new version on a board of its own: `board` in the upgrade');
    }
    const journal = unfit(flight);
    if (journal) refuse('E_JOURNAL_SMALL', journal, 'use a type of board with more flash, or set "durability": "off"');
    const { refusal, warning } = fate(flight, type, plan);
    if (refusal) refusals.push(refusal);
    if (warning) warnings.push(warning);
    if (entry.kind !== 'virtual' && type.unknown.length > 0) {
      warnings.push(
        `board ${board}: ${type.unknown.join(', ')} of a ${type.name} are assumed; check them on the board`,
      );
    }
  }
  const crosses = info.cluster.some((c) =>
    (plan.components[c]?.sends ?? []).some(([, to]) => to.some((receiver) => !info.cluster.includes(receiver))),
  );
  if (plan.policy.validated > 0 && !crosses) {
    warnings.push(
      'the cluster sends no message across its border, so `validated` is never reached: commit by your word, or set it to 0',
    );
  }
  if (plan.policy.commitAfterMs === 0 && plan.policy.validated === 0) {
    warnings.push('no guard policy: guarded operation ends only on a word (npx understudy commit)');
  }
  const texts = names(plan, base.plan, info.cluster);
  return {
    upgrade: info.name,
    hash: upgrade.hash,
    base: base.hash,
    cluster: texts,
    added: names(plan, base.plan, info.added),
    removed: names(plan, base.plan, info.removed),
    differences: schemaDifferences(base.plan, plan),
    durability: plan.durability,
    boards,
    policy: plan.policy,
    warnings,
    refusals,
  };
}

/** Throws the refusals as one Failure (exit 7); its code is that of the first. */
export function insist(flight: Preflight): void {
  const [first, ...others] = flight.refusals;
  if (!first) return;
  if (others.length === 0) throw new Failure(first.code, EXIT.refused, first.cause, first.next);
  const causes = flight.refusals.map((r) => `${r.code}: ${r.cause}\n    next: ${r.next}`);
  const cause = `${flight.refusals.length} things speak against upgrade ${flight.upgrade}:\n  ${causes.join('\n  ')}`;
  throw new Failure(first.code, EXIT.refused, cause, 'nothing was sent; mend them and try again');
}
