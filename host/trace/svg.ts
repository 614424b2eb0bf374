// A space-time diagram as an SVG file: a lane a process, time to the right, messages as arrows, contaminated
// stretches shaded and hatched, cuts as bars across all lanes.

import type { TraceLine } from '../check/types.ts';
import type { Condition, CutSpan, History, Lane, MarkKind, Passage, Step } from './history.ts';
import { readHistory } from './history.ts';
import { COLOURS, document, element, escapeText, FONT, px, textAt, textWidth, titled } from './markup.ts';
import { durationText, headerOf, messageLabel, secondsText } from './names.ts';
import type { Selection } from './select.ts';
import { conditionsAt, FOLD_US, isDrawn, lanesOf, select, windowOf } from './select.ts';

export interface SvgOptions extends Selection {
  title?: string;
  /** least width, px; 960 by default */
  width?: number;
  /** false: no legend */
  legend?: boolean;
}

const LEFT = 148;
const RIGHT = 26;
const TOP = 92;
const LANE = 58;
const COLUMN = 27;
const FOLD = 40;
/** Steps within this share columns where cause and effect allow. */
const COLUMN_US = 1000;

interface Picture {
  history: History;
  /** conditions where the picture begins */
  start: Map<Lane, Condition>;
  lanes: Lane[];
  steps: Step[];
  x: Map<Step, number>;
  y: Map<Lane, number>;
  left: number;
  right: number;
  bottom: number;
  columns: { t: number; end: number; x: number }[];
  everything: boolean;
}

/** A column for each step: after what the process did before, after the sending of what it received. */
function columnsOf(steps: Step[]): number[] {
  const column = new Map<Step, number>();
  const laneNext = new Map<Lane, number>();
  let base = 0;
  let highest = -1;
  let baseT = Number.NEGATIVE_INFINITY;
  return steps.map((step) => {
    if (step.t - baseT > COLUMN_US) {
      base = highest + 1;
      baseT = step.t;
    }
    const sender = step.received ? column.get(step.received.from) : undefined;
    const at = Math.max(base, laneNext.get(step.lane) ?? 0, sender === undefined ? 0 : sender + 1);
    column.set(step, at);
    laneNext.set(step.lane, at + 1);
    highest = Math.max(highest, at);
    return at;
  });
}

function pictureOf(lines: TraceLine[], options: SvgOptions): Picture {
  const history = readHistory(lines);
  const selected = select(history, options);
  const columns = columnsOf(selected.steps);
  const last = columns.reduce((a, b) => Math.max(a, b), 0);
  const inAnchor = columns.filter((_, i) => {
    const index = (selected.steps[i] as Step).index;
    return selected.anchor && index >= selected.anchor[0].index && index <= selected.anchor[1].index;
  });
  const after = columns.find(
    (_, i) => selected.anchor && (selected.steps[i] as Step).index >= selected.anchor[0].index,
  );
  const range: [number, number] =
    inAnchor.length > 0 ? [Math.min(...inAnchor), Math.max(...inAnchor)] : [after ?? last, after ?? last];
  const [from, to] = windowOf(range, last, options.max ?? 32);
  const steps = selected.steps.filter((_, i) => (columns[i] as number) >= from && (columns[i] as number) <= to);
  const before = selected.steps.filter((_, i) => (columns[i] as number) < from);
  const start = conditionsAt(history, selected, before);
  const lanes = lanesOf(steps, start);
  const spans: { t: number; end: number; x: number }[] = [];
  selected.steps.forEach((step, i) => {
    const c = (columns[i] as number) - from;
    if (c < 0 || c > to - from) return;
    const span = spans[c];
    if (span) {
      span.t = Math.min(span.t, step.t);
      span.end = Math.max(span.end, step.t);
    } else spans[c] = { t: step.t, end: step.t, x: 0 };
  });
  const folds = spans.filter((s, i) => i > 0 && s.t - (spans[i - 1] as { end: number }).end > FOLD_US).length;
  const natural = LEFT + RIGHT + 40 + (spans.length - 1) * COLUMN + folds * FOLD;
  const wider = Math.max(0, (options.width ?? 960) - natural) / Math.max(1, spans.length - 1);
  const gap = COLUMN + Math.min(COLUMN, wider);
  let x = LEFT + 24;
  spans.forEach((span, i) => {
    const before = spans[i - 1];
    if (before) x += gap + (span.t - before.end > FOLD_US ? FOLD : 0);
    span.x = x;
  });
  const right = Math.max(x + 24, (options.width ?? 960) - RIGHT);
  const xs = new Map<Step, number>();
  selected.steps.forEach((step, i) => {
    const span = spans[(columns[i] as number) - from];
    if (span) xs.set(step, span.x);
  });
  const y = new Map<Lane, number>();
  lanes.forEach((lane, i) => {
    y.set(lane, TOP + 34 + i * LANE);
  });
  return {
    history,
    start,
    lanes,
    steps,
    x: xs,
    y,
    left: LEFT,
    right,
    bottom: TOP + 34 + (lanes.length - 1) * LANE + 36,
    columns: spans,
    everything: options.everything === true,
  };
}

const STYLE = [
  `text{font-family:${FONT};font-size:11px;fill:${COLOURS.ink}}`,
  '.h{font-size:16px;font-weight:600}',
  '.n{font-size:13px;font-weight:600}',
  `.s{font-size:10px;fill:${COLOURS.grey}}`,
  '.m{text-anchor:middle}',
  '.e{text-anchor:end}',
  '.l{font-size:10px;text-anchor:middle;paint-order:stroke;stroke:#fff;stroke-width:3px;stroke-linejoin:round}',
].join('');

function hatch(): string {
  const line = element('path', {
    d: 'M0 8L8 0M-2 2L2 -2M6 10L10 6',
    stroke: COLOURS.orange,
    'stroke-width': '1',
    opacity: '0.55',
  });
  const rect = element('rect', { width: 8, height: 8, fill: '#fbe3cc' });
  return element(
    'defs',
    {},
    element('pattern', { id: 'contaminated', width: 8, height: 8, patternUnits: 'userSpaceOnUse' }, rect, line),
  );
}

/** Lanes as stretches of one condition each. */
function drawLanes(p: Picture): string[] {
  const out: string[] = [];
  const perLane = new Map<Lane, Step[]>();
  for (const step of p.steps) {
    const list = perLane.get(step.lane);
    if (list) list.push(step);
    else perLane.set(step.lane, [step]);
  }
  for (const lane of p.lanes) {
    const y = p.y.get(lane) as number;
    const steps = perLane.get(lane) ?? [];
    let condition = p.start.get(lane) as Condition;
    const role = condition.off ? 'off' : roleName(condition.role);
    const width = textWidth(lane.name, 13);
    out.push(
      textAt(LEFT - 14, y - 1, lane.name, { class: 'n e', textLength: width > LEFT - 20 ? LEFT - 20 : undefined }),
    );
    out.push(textAt(LEFT - 14, y + 13, `${lane.board} · ${role}`, { class: 's e' }));
    let x = p.left;
    const stretch = (to: number) => {
      if (to <= x) return;
      const title = `${lane.name}: ${conditionText(condition)}`;
      const parts: string[] = [];
      if (condition.contaminated && !condition.off) {
        const band = { x, y: y - 9, width: to - x, height: 18, fill: 'url(#contaminated)', stroke: COLOURS.orange };
        parts.push(element('rect', { ...band, 'stroke-width': '0.8' }));
      }
      const line: Record<string, string | number> = { x1: x, y1: y, x2: to, y2: y };
      if (condition.off || condition.role === 'stopped') line.stroke = 'none';
      else if (condition.role === 'seat')
        Object.assign(line, { stroke: '#9aa4ae', 'stroke-width': '1', 'stroke-dasharray': '1 4' });
      else if (condition.frozen)
        Object.assign(line, { stroke: COLOURS.blue, 'stroke-width': '2', 'stroke-dasharray': '2 4' });
      else Object.assign(line, { stroke: condition.contaminated ? COLOURS.orange : COLOURS.ink, 'stroke-width': '2' });
      if (line.stroke !== 'none') parts.push(element('line', line));
      if (parts.length > 0) out.push(titled(title, ...parts));
    };
    for (const step of steps) {
      const to = p.x.get(step) as number;
      const a = step.before;
      const b = step.after;
      if (step.touched && !a.contaminated && !b.contaminated) {
        const band = { x: to - 7, y: y - 9, width: 14, height: 18, fill: 'url(#contaminated)', stroke: COLOURS.orange };
        stretch(to);
        x = to;
        out.push(
          titled(`${lane.name}: contaminated within this step`, element('rect', { ...band, 'stroke-width': '0.8' })),
        );
      }
      if (a.contaminated === b.contaminated && a.frozen === b.frozen && a.role === b.role && a.off === b.off) continue;
      stretch(to);
      x = to;
      condition = b;
    }
    stretch(p.right);
  }
  return out;
}

function roleName(role: string): string {
  return role === 'low' ? 'new version' : role === 'seat' ? 'not yet running' : role;
}

function conditionText(condition: Step['after']): string {
  const parts = [condition.off ? 'off' : roleName(condition.role)];
  if (condition.contaminated) parts.push('contaminated');
  if (condition.frozen) parts.push('frozen');
  return parts.join(', ');
}

/** A cut: from the first process that freezes to the last that decides. */
function drawCuts(p: Picture): { under: string[]; captions: string[] } {
  const under: string[] = [];
  const captions: string[] = [];
  let free = 0;
  for (const cut of p.history.cuts) {
    const inside = p.steps.filter((s) => s.index >= cut.first.index && s.index <= cut.last.index);
    const own = inside.filter(
      (s) => s === cut.first || cut.frozen.includes(s) || cut.reported.includes(s) || cut.decided.includes(s),
    );
    if (own.length === 0) continue;
    const xs = own.map((s) => p.x.get(s) as number);
    const a = Math.min(...xs);
    const b = Math.max(...xs);
    const top = TOP - 4;
    const title = `${cut.kind}: ${cut.why}; ${durationText(cut.last.t - cut.first.t)} from the first to freeze to the last to decide`;
    const band = element('rect', {
      x: a - 11,
      y: top,
      width: b - a + 22,
      height: p.bottom - top,
      fill: COLOURS.sky,
      opacity: '0.13',
    });
    const edge = (x: number) =>
      element('line', { x1: x, y1: top, x2: x, y2: p.bottom, stroke: COLOURS.blue, 'stroke-width': '1.2' });
    under.push(titled(title, band, edge(a - 11), edge(b + 11)));
    const line1 = cut.kind.toUpperCase();
    const line2 = `${cutReason(cut)}${durationText(cut.last.t - cut.first.t)}, epoch ${cut.epoch - 1} → ${cut.epoch}`;
    const half = Math.max(textWidth(line1, 12) * 1.1, textWidth(line2, 10)) / 2;
    const middle = Math.min(Math.max((a + b) / 2, p.left + half, free + half), p.right - half);
    captions.push(
      textAt(middle, TOP - 40, line1, {
        class: 'm',
        'font-weight': '700',
        style: `fill:${COLOURS.blue};font-size:12px`,
      }),
    );
    captions.push(textAt(middle, TOP - 27, line2, { class: 's m' }));
    free = middle + half + 12;
  }
  return { under, captions };
}

function cutReason(cut: CutSpan): string {
  const why = cut.why === 'operator' ? "operator's word" : cut.why;
  return why ? `${why.length > 48 ? `${why.slice(0, 47)}…` : why} · ` : '';
}

function drawAxis(p: Picture): string[] {
  const out: string[] = [];
  const top = TOP + 4;
  let free = p.left - 30;
  p.columns.forEach((column, i) => {
    const before = p.columns[i - 1];
    const folded = before !== undefined && column.t - before.end > FOLD_US;
    if (folded && before) {
      const x = (before.x + column.x) / 2;
      const zig = (dx: number) => {
        let d = `M${px(x + dx)} ${px(top)}`;
        for (let y = top; y < p.bottom; y += 12) d += `l3 3l-6 6l3 3`;
        return element('path', { d, fill: 'none', stroke: '#8c959f', 'stroke-width': '1' });
      };
      const gap = element('rect', { x: x - 4, y: top, width: 8, height: p.bottom - top, fill: '#ffffff' });
      out.push(titled(`${durationText(column.t - before.end)} without anything to show`, gap, zig(-4), zig(4)));
      out.push(textAt(x, p.bottom + 24, durationText(column.t - before.end), { class: 's m' }));
    }
    const text = secondsText(column.t);
    const half = textWidth(text, 10) / 2;
    const last = i === 0 || folded || secondsText((before as { t: number }).t) !== text;
    if (last && column.x - half > free) {
      out.push(
        element('line', {
          x1: column.x,
          y1: top - 4,
          x2: column.x,
          y2: top + 2,
          stroke: COLOURS.grey,
          'stroke-width': '1',
        }),
      );
      out.push(textAt(column.x, top - 8, text, { class: 's m' }));
      free = column.x + half + 6;
    }
  });
  out.push(textAt(p.left - 14, top - 8, 'time, s', { class: 's e' }));
  return out;
}

interface Box {
  x: number;
  y: number;
  w: number;
  h: number;
}

function overlaps(a: Box, b: Box): boolean {
  return Math.abs(a.x - b.x) * 2 < a.w + b.w && Math.abs(a.y - b.y) * 2 < a.h + b.h;
}

function arrowColour(passage: Passage): string {
  const kind = passage.message.kind;
  if (kind === 'app') return passage.contaminated ? COLOURS.orange : COLOURS.ink;
  if (kind === 'passed') return COLOURS.green;
  return COLOURS.blue;
}

function drawArrows(p: Picture, boxes: Box[]): { lines: string[]; labels: string[] } {
  const lines: string[] = [];
  const labels: string[] = [];
  const known = new Set(p.lanes);
  const seen = new Set<Passage>();
  for (const step of p.steps) {
    for (const passage of [...(step.received ? [step.received] : []), ...step.sent]) {
      if (seen.has(passage) || !isDrawn(passage, p.everything)) continue;
      if (!known.has(passage.lane) || !known.has(passage.from.lane)) continue;
      seen.add(passage);
      drawArrowOf(p, passage, boxes, lines, labels);
    }
  }
  return { lines, labels };
}

/** How far a mark reaches from its middle, so that arrows stop at its edge. */
function reach(step: Step | null): number {
  if (!step) return 3;
  const kind = topMark(step);
  return kind === 'event' ? 4 : kind === 'takeover' ? 10 : 8;
}

function drawArrowOf(p: Picture, passage: Passage, boxes: Box[], lines: string[], labels: string[]): void {
  const fromX = p.x.get(passage.from);
  const toX = passage.to ? p.x.get(passage.to) : undefined;
  const y1 = p.y.get(passage.from.lane) as number;
  const y2 = p.y.get(passage.lane) as number;
  const down = Math.sign(y2 - y1) || 1;
  const lost = passage.to === null;
  let x1 = fromX ?? p.left;
  let x2 = toX ?? Math.min(p.right, x1 + 20);
  let a = y1;
  let b = y2;
  if (fromX === undefined) {
    // sent before the window
    x1 = Math.max(p.left, x2 - 16);
    a = y2 - down * 22;
  } else if (toX === undefined) {
    x2 = Math.min(p.right, x1 + 16);
    b = y1 + down * 28;
  }
  const length = Math.hypot(x2 - x1, b - a) || 1;
  const ux = (x2 - x1) / length;
  const uy = (b - a) / length;
  const start = fromX === undefined ? 0 : reach(passage.from);
  const end = toX === undefined ? 0 : reach(passage.to) + 1;
  const sx = x1 + ux * start;
  const sy = a + uy * start;
  const ex = x2 - ux * end;
  const ey = b - uy * end;
  const colour = arrowColour(passage);
  const control = passage.message.kind !== 'app';
  const line = element('line', {
    x1: sx,
    y1: sy,
    x2: ex - ux * 5,
    y2: ey - uy * 5,
    stroke: colour,
    'stroke-width': control ? '1' : '1.5',
    'stroke-dasharray': passage.contaminated ? '5 3' : control ? '2 2' : undefined,
  });
  const head = lost
    ? element('circle', { cx: ex, cy: ey, r: 3.5, fill: '#fff', stroke: colour, 'stroke-width': '1.5' })
    : element('path', {
        d: `M${px(ex)} ${px(ey)}L${px(ex - ux * 8 - uy * 3.5)} ${px(ey - uy * 8 + ux * 3.5)}L${px(ex - ux * 8 + uy * 3.5)} ${px(ey - uy * 8 - ux * 3.5)}Z`,
        fill: colour,
      });
  lines.push(titled(arrowTitle(passage), line, head));
  const text = control
    ? passage.message.kind === 'freeze'
      ? ''
      : passage.message.kind
    : messageLabel(passage.message);
  if (!text || lost) return;
  const w = textWidth(text, 10) + 4;
  for (const part of [0.5, 0.36, 0.64, 0.26, 0.74]) {
    const box = { x: sx + (ex - sx) * part, y: sy + (ey - sy) * part, w, h: 11 };
    if (boxes.some((other) => overlaps(box, other))) continue;
    boxes.push(box);
    labels.push(
      textAt(box.x, box.y + 3.5, text, { class: 'l', style: colour === COLOURS.ink ? undefined : `fill:${colour}` }),
    );
    return;
  }
}

function arrowTitle(passage: Passage): string {
  const m = passage.message;
  const parts = [`${passage.type || m.kind} ${messageLabel(m)}: ${passage.from.lane.name} to ${passage.lane.name}`];
  parts.push(`sent at ${secondsText(passage.from.t)} s`);
  if (passage.to) parts.push(`received ${durationText(passage.to.t - passage.from.t)} later`);
  else parts.push('not received');
  if (m.kind === 'app' && m.T && m.T.length > 0) parts.push(`T [${m.T.join(' ')}], V [${(m.V ?? []).join(' ')}]`);
  if (passage.contaminated) parts.push('contaminated');
  if (passage.dropped) parts.push('left out by the receiver');
  return parts.join('\n');
}

const RANK: MarkKind[] = [
  'failed',
  'failure',
  'off',
  'boot',
  'takeover',
  'absent',
  'decide',
  'freeze',
  'error',
  'withheld',
  'passed',
  'report',
  'dropped',
  'suppressed',
  'checkpoint',
];

function topMark(step: Step): MarkKind | 'event' {
  for (const kind of RANK) if (step.marks.some((m) => m.kind === kind)) return kind;
  return 'event';
}

function star(x: number, y: number, r: number): string {
  let d = '';
  for (let i = 0; i < 10; i++) {
    const angle = -Math.PI / 2 + (i * Math.PI) / 5;
    const radius = i % 2 === 0 ? r : r * 0.45;
    d += `${i === 0 ? 'M' : 'L'}${px(x + radius * Math.cos(angle))} ${px(y + radius * Math.sin(angle))}`;
  }
  return `${d}Z`;
}

/** The sign of a kind of mark, around a point; the legend draws the same. */
function sign(kind: MarkKind | 'event', x: number, y: number, contaminated: boolean): string {
  const white = {
    stroke: '#fff',
    'stroke-width': '1.8',
    fill: 'none',
    'stroke-linecap': 'round',
    'stroke-linejoin': 'round',
  };
  const at = (dx: number, dy: number) => `${px(x + dx)} ${px(y + dy)}`;
  const cross = `M${at(-3.5, -3.5)}L${at(3.5, 3.5)}M${at(3.5, -3.5)}L${at(-3.5, 3.5)}`;
  switch (kind) {
    case 'passed':
      return (
        element('circle', { cx: x, cy: y, r: 7, fill: COLOURS.green, stroke: '#fff', 'stroke-width': '1' }) +
        element('path', { d: `M${at(-3.2, 0.3)}L${at(-0.8, 2.9)}L${at(3.4, -2.6)}`, ...white })
      );
    case 'failed':
    case 'failure':
      return (
        element('rect', {
          x: x - 7.5,
          y: y - 7.5,
          width: 15,
          height: 15,
          rx: 2,
          fill: '#8f0f1f',
          stroke: '#fff',
          'stroke-width': '1',
        }) + element('path', { d: cross, ...white, 'stroke-width': '2.2' })
      );
    case 'off':
      return element('path', {
        d: `M${at(-7, -7)}L${at(7, 7)}M${at(7, -7)}L${at(-7, 7)}`,
        stroke: COLOURS.ink,
        'stroke-width': '3',
        fill: 'none',
      });
    case 'boot':
      return element('path', { d: `M${at(0, -8)}L${at(7, 5)}L${at(-7, 5)}Z`, fill: COLOURS.ink });
    case 'takeover':
      return element('path', {
        d: star(x, y, 11),
        fill: COLOURS.yellow,
        stroke: COLOURS.ink,
        'stroke-width': '1.2',
        'stroke-linejoin': 'round',
      });
    case 'absent':
    case 'error':
      return (
        element('circle', { cx: x, cy: y, r: 7, fill: '#fff', stroke: '#8f0f1f', 'stroke-width': '2' }) +
        textAt(x, y + 4, kind === 'error' ? '!' : '?', { class: 'm', style: 'font-weight:700;fill:#8f0f1f' })
      );
    case 'decide':
      return (
        element('circle', { cx: x, cy: y, r: 7, fill: '#fff', stroke: COLOURS.blue, 'stroke-width': '2' }) +
        element('circle', { cx: x, cy: y, r: 3.2, fill: COLOURS.blue })
      );
    case 'freeze':
      return (
        element('rect', { x: x - 7, y: y - 8, width: 14, height: 16, fill: '#fff' }) +
        element('path', {
          d: `M${at(-3, -7)}L${at(-3, 7)}M${at(3, -7)}L${at(3, 7)}`,
          stroke: COLOURS.blue,
          'stroke-width': '3',
          fill: 'none',
        })
      );
    case 'report':
      return element('rect', {
        x: x - 4.5,
        y: y - 4.5,
        width: 9,
        height: 9,
        fill: '#fff',
        stroke: COLOURS.blue,
        'stroke-width': '2',
      });
    case 'suppressed':
      return element('circle', {
        cx: x,
        cy: y,
        r: 5,
        fill: '#fff',
        stroke: COLOURS.grey,
        'stroke-width': '1.8',
        'stroke-dasharray': '2.4 1.6',
      });
    case 'checkpoint':
      return element('path', {
        d: `M${at(0, -7)}L${at(7, 0)}L${at(0, 7)}L${at(-7, 0)}Z`,
        fill: '#fff',
        stroke: COLOURS.purple,
        'stroke-width': '2',
      });
    case 'dropped':
    case 'withheld':
      return element('path', {
        d: `M${at(-5.5, 0)}a5.5 5.5 0 1 0 11 0a5.5 5.5 0 1 0 -11 0M${at(-3.8, 3.8)}L${at(3.8, -3.8)}`,
        fill: '#fff',
        stroke: kind === 'dropped' ? COLOURS.grey : '#8f0f1f',
        'stroke-width': '1.8',
      });
    default:
      return element('circle', { cx: x, cy: y, r: 3.4, fill: contaminated ? COLOURS.orange : COLOURS.ink });
  }
}

function outputSign(x: number, y: number, colour: string): string {
  return (
    element('line', { x1: x, y1: y + 7, x2: x, y2: y + 15, stroke: colour, 'stroke-width': '2' }) +
    element('path', { d: `M${px(x)} ${px(y + 20)}l-4.5 -6.5h9z`, fill: colour })
  );
}

/** How a rollback goes back along its lane. */
function drawRollback(p: Picture, step: Step, back: Step | undefined): string {
  const x = p.x.get(step) as number;
  const y = p.y.get(step.lane) as number;
  const to = (back && p.x.get(back)) ?? p.left;
  const rise = Math.min(26, 14 + (x - to) / 14);
  const d = `M${px(x)} ${px(y - 8)}C${px(x - 6)} ${px(y - rise)} ${px(to + 6)} ${px(y - rise)} ${px(to)} ${px(y - 11)}`;
  const path = element('path', { d, fill: 'none', stroke: COLOURS.purple, 'stroke-width': '2.2' });
  const head = element('path', { d: `M${px(to)} ${px(y - 7.5)}l0.5 -9.5l7.6 4.6z`, fill: COLOURS.purple });
  return titled(`${step.lane.name} rolls back to before event ${back?.n ?? '?'}`, path, head);
}

function drawMarks(p: Picture, boxes: Box[]): { signs: string[]; labels: string[] } {
  const out: string[] = [];
  const labels: string[] = [];
  /** what many processes are told alike is written once */
  const told = new Set<string>();
  const say = (x: number, y: number, text: string, colour: string, bold = false) => {
    const w = textWidth(text, 10) * (bold ? 1.1 : 1) + 4;
    const middle = Math.min(Math.max(x, p.left + w / 2), p.right - w / 2);
    for (const dy of [0, -10, 10]) {
      const box = { x: middle, y: y + dy - 3, w, h: 10 };
      if (boxes.some((b) => overlaps(box, b))) continue;
      boxes.push(box);
      labels.push(
        textAt(middle, y + dy, text, { class: 'l', style: `fill:${colour}${bold ? ';font-weight:700' : ''}` }),
      );
      return;
    }
  };
  for (const step of p.steps) {
    const x = p.x.get(step) as number;
    const y = p.y.get(step.lane) as number;
    const has = (kind: MarkKind) => step.marks.some((m) => m.kind === kind);
    const parts: string[] = [];
    const rollback = step.marks.find((m) => m.kind === 'rollback');
    if (rollback) {
      out.push(drawRollback(p, step, rollback.back));
      say(x + 4, y - 18, 'rolls back', COLOURS.purple, true);
    }
    const outputs = step.marks.filter((m) => m.kind === 'output');
    if (outputs.length > 0) {
      const colour = has('passed') ? COLOURS.green : COLOURS.ink;
      parts.push(outputSign(x, y, colour));
      const text = outputs.length === 1 ? (outputs[0]?.text ?? '') : `${outputs.length} outputs`;
      say(x, y + 30, outputs.length === 1 ? text.replace(' output', '') : text, colour);
    }
    parts.push(sign(topMark(step), x, y, step.after.contaminated || step.touched));
    out.push(titled(stepTitle(step), ...parts));
    if (has('failed')) say(x, y - 14, 'test failed', '#8f0f1f', true);
    else if (has('failure')) say(x, y - 14, step.marks.find((m) => m.kind === 'failure')?.text ?? '', '#8f0f1f', true);
    if (has('takeover')) say(x, y - 15, 'takes over', COLOURS.blue, true);
    if (has('off')) say(x, y - 13, 'power lost', COLOURS.ink, true);
    if (has('boot')) say(x, y - 13, 'boots', COLOURS.ink, true);
    const absent = step.marks.find((m) => m.kind === 'absent');
    if (absent && !told.has(absent.text)) say(x, y - 14, absent.text, '#8f0f1f', true);
    if (absent) told.add(absent.text);
    const word = step.marks.find((m) => m.kind === 'word');
    if (word) say(x, y - 14, word.text, COLOURS.blue, true);
    if (has('role') && !has('takeover') && step.before.role !== step.after.role) {
      const role = step.after.role === 'stopped' ? 'stops' : `→ ${roleName(step.after.role)}`;
      say(x + 6, y - 14, role, COLOURS.blue);
    }
  }
  return { signs: out, labels };
}

function stepTitle(step: Step): string {
  const what = [step.event.kind, ...step.marks.map((m) => m.text)];
  return `${secondsText(step.t)} s  ${step.lane.name} on ${step.lane.board}, event ${step.n}\n${what.join('\n')}`;
}

function drawLegend(p: Picture, y: number): { parts: string[]; height: number } {
  const used = new Set<MarkKind | 'event'>();
  let outputs = false;
  let rolled = false;
  for (const step of p.steps) {
    used.add(topMark(step));
    outputs ||= step.marks.some((m) => m.kind === 'output');
    rolled ||= step.marks.some((m) => m.kind === 'rollback');
  }
  const items: [string, (x: number, y: number) => string][] = [];
  const line = (colour: string, dash?: string) => (x: number, at: number) =>
    element('line', {
      x1: x - 11,
      y1: at,
      x2: x + 11,
      y2: at,
      stroke: colour,
      'stroke-width': '2',
      'stroke-dasharray': dash,
    });
  items.push(['clean', line(COLOURS.ink)]);
  items.push([
    'contaminated',
    (x, at) =>
      element('rect', {
        x: x - 11,
        y: at - 7,
        width: 22,
        height: 14,
        fill: 'url(#contaminated)',
        stroke: COLOURS.orange,
        'stroke-width': '0.8',
      }) + line(COLOURS.orange)(x, at),
  ]);
  items.push(['frozen', line(COLOURS.blue, '2 4')]);
  items.push(['contaminated message', line(COLOURS.orange, '5 3')]);
  const marks: [MarkKind | 'event', string][] = [
    ['passed', 'acceptance test passed'],
    ['failed', 'failed'],
    ['failure', 'failure'],
    ['suppressed', "shadow's, kept in its log"],
    ['checkpoint', 'checkpoint'],
    ['freeze', 'freezes'],
    ['report', 'reports'],
    ['decide', 'decides'],
    ['takeover', 'takes over'],
    ['dropped', 'left out'],
    ['withheld', 'withheld'],
    ['absent', 'declared absent'],
    ['off', 'power lost'],
    ['boot', 'boots'],
  ];
  if (outputs) items.push(['output to a device', (x, at) => outputSign(x, at - 13, COLOURS.ink)]);
  for (const [kind, name] of marks) if (used.has(kind)) items.push([name, (x, at) => sign(kind, x, at, false)]);
  if (rolled) {
    items.push([
      'rolls back',
      (x, at) =>
        element('path', {
          d: `M${px(x + 10)} ${px(at + 5)}C${px(x + 6)} ${px(at - 8)} ${px(x - 4)} ${px(at - 8)} ${px(x - 8)} ${px(at + 2)}`,
          fill: 'none',
          stroke: COLOURS.purple,
          'stroke-width': '2',
        }) + element('path', { d: `M${px(x - 9)} ${px(at + 6)}l-2.2 -8.5l8 3z`, fill: COLOURS.purple }),
    ]);
  }
  const parts: string[] = [];
  let x = 30;
  let at = y;
  for (const [name, draw] of items) {
    const width = 36 + textWidth(name, 11) + 14;
    if (x + width > p.right + RIGHT) {
      x = 30;
      at += 24;
    }
    parts.push(draw(x, at), textAt(x + 17, at + 4, name));
    x += width;
  }
  return { parts, height: at - y + 24 };
}

/** A space-time diagram of a trace, a standalone SVG document. */
export function renderSvg(lines: TraceLine[], options: SvgOptions = {}): string {
  const p = pictureOf(lines, options);
  const boxes: Box[] = [];
  for (const step of p.steps) {
    const size = reach(step) * 2 - 2;
    boxes.push({ x: p.x.get(step) as number, y: p.y.get(step.lane) as number, w: size, h: size });
  }
  const system = headerOf(lines).system;
  const first = p.columns[0]?.t ?? 0;
  const last = p.columns[p.columns.length - 1]?.end ?? 0;
  const title = options.title ?? `${system ? `${system}, ` : ''}${secondsText(first)} s to ${secondsText(last)} s`;
  const { under, captions } = drawCuts(p);
  const marks = drawMarks(p, boxes);
  const arrows = drawArrows(p, boxes);
  const legend = options.legend === false ? { parts: [], height: 0 } : drawLegend(p, p.bottom + 50);
  const height = p.bottom + 34 + (options.legend === false ? 0 : legend.height + 6);
  const body = [
    hatch(),
    textAt(18, 28, title, { class: 'h' }),
    ...under,
    ...drawLanes(p),
    ...arrows.lines,
    ...drawAxis(p),
    ...marks.signs,
    ...arrows.labels,
    ...marks.labels,
    ...captions,
    ...legend.parts,
  ];
  return document(p.right + RIGHT, height, title, escapeText(STYLE), body);
}
