// A space-time diagram for the terminal: processes side by side, time downwards, a row for what happens at once.

import type { TraceLine } from '../check/types.ts';
import type { Condition, CutSpan, History, Lane, Mark, MarkKind, Passage, Step } from './history.ts';
import { readHistory } from './history.ts';
import { messageLabel, secondsText } from './names.ts';
import type { Selection } from './select.ts';
import { conditionsAt, FOLD_US, foldText, isDrawn, lanesOf, select, windowOf } from './select.ts';

export interface TextOptions extends Selection {
  /** columns of the terminal, 60 or more; 100 by default */
  width?: number;
  /** ANSI colours; see `colourWanted` */
  color?: boolean;
  /** nothing but ASCII */
  ascii?: boolean;
  /** false: no legend below */
  legend?: boolean;
}

/** What the terminal and the user want (https://no-color.org). */
export function colourWanted(env: Record<string, string | undefined>, isTerminal: boolean): boolean {
  if (env.NO_COLOR) return false;
  if (env.FORCE_COLOR && env.FORCE_COLOR !== '0') return true;
  return isTerminal && env.TERM !== 'dumb';
}

type Style = '' | 'dim' | 'bold' | 'dirty' | 'bad' | 'good' | 'cut' | 'old';

const ANSI: Record<Style, string> = {
  '': '',
  dim: '2',
  bold: '1',
  dirty: '33',
  bad: '1;31',
  good: '32',
  cut: '36',
  old: '1;34',
};

interface Glyphs {
  clean: string;
  dirty: string;
  frozen: string;
  frozenDirty: string;
  seat: string;
  cross: string;
  line: string;
  dashed: string;
  left: string;
  right: string;
  fold: string;
  lost: string;
  marks: Record<MarkKind | 'event', string>;
}

const UNICODE: Glyphs = {
  clean: ' │ ',
  dirty: '▒▒▒',
  frozen: ' ┊ ',
  frozenDirty: '▒┊▒',
  seat: ' · ',
  cross: '┼',
  line: '─',
  dashed: '╌',
  left: '◀',
  right: '▶',
  fold: '~',
  lost: '○',
  marks: {
    event: '●',
    passed: '✓',
    failed: '✗',
    output: '◆',
    suppressed: '◌',
    withheld: '⊘',
    checkpoint: '▣',
    clean: '●',
    failure: '✗',
    error: '!',
    freeze: '‖',
    report: '≡',
    decide: '◉',
    rollback: '↶',
    takeover: '★',
    role: '◎',
    word: '»',
    absent: '?',
    off: '×',
    boot: '↑',
    dropped: '⊘',
    handover: '●',
  },
};

const ASCII: Glyphs = {
  clean: ' | ',
  dirty: '###',
  frozen: ' : ',
  frozenDirty: '#:#',
  seat: ' . ',
  cross: '+',
  line: '-',
  dashed: '=',
  left: '<',
  right: '>',
  fold: '~',
  lost: 'o',
  marks: {
    event: '*',
    passed: 'v',
    failed: 'X',
    output: 'O',
    suppressed: 's',
    withheld: '/',
    checkpoint: 'C',
    clean: '*',
    failure: 'X',
    error: '!',
    freeze: '"',
    report: 'r',
    decide: 'D',
    rollback: 'R',
    takeover: 'T',
    role: 'o',
    word: 'w',
    absent: '?',
    off: 'x',
    boot: '^',
    dropped: '/',
    handover: '*',
  },
};

/** The mark that stands for a step, most telling first. */
const RANK: MarkKind[] = [
  'failed',
  'failure',
  'off',
  'boot',
  'takeover',
  'rollback',
  'absent',
  'decide',
  'freeze',
  'error',
  'withheld',
  'passed',
  'output',
  'word',
  'report',
  'role',
  'dropped',
  'suppressed',
  'checkpoint',
  'clean',
  'handover',
];

function topMark(step: Step): MarkKind | 'event' {
  for (const kind of RANK) if (step.marks.some((m) => m.kind === kind)) return kind;
  return 'event';
}

const STYLES: Partial<Record<MarkKind | 'event', Style>> = {
  failed: 'bad',
  failure: 'bad',
  off: 'bad',
  absent: 'bad',
  error: 'bad',
  withheld: 'bad',
  takeover: 'old',
  rollback: 'old',
  passed: 'good',
  output: 'good',
  freeze: 'cut',
  report: 'cut',
  decide: 'cut',
  role: 'cut',
  word: 'cut',
};

interface Row {
  steps: Step[];
  /** messages drawn from lane to lane */
  arrows: Passage[];
  /** messages that leave for a receipt drawn elsewhere, or for none */
  leaving: Passage[];
  /** receipts of such */
  arriving: Passage[];
}

/** Two things that happen within this are drawn in one row, where nothing forbids it. */
const ROW_US = 1000;

/** True where the sender changed between sending and the receipt: a level arrow would say what was not so. */
function isSplit(passage: Passage, changes: Map<Lane, number[]>): boolean {
  const to = passage.to;
  if (!to) return true;
  const list = changes.get(passage.from.lane) ?? [];
  let low = 0;
  for (let high = list.length; low < high; ) {
    const middle = (low + high) >> 1;
    if ((list[middle] as number) > passage.from.index) high = middle;
    else low = middle + 1;
  }
  return low < list.length && (list[low] as number) < to.index;
}

function rowsOf(steps: Step[], lanes: Set<Lane>, everything: boolean, history: History): Row[] {
  const shown = new Set(steps);
  const changes = new Map<Lane, number[]>();
  for (const s of history.steps) {
    const b = s.before;
    const a = s.after;
    if (b.contaminated !== a.contaminated || b.frozen !== a.frozen || b.role !== a.role || b.off !== a.off) {
      const list = changes.get(s.lane);
      if (list) list.push(s.index);
      else changes.set(s.lane, [s.index]);
    }
  }
  const drawn = (p: Passage | null): p is Passage =>
    p !== null && isDrawn(p, everything) && lanes.has(p.lane) && lanes.has(p.from.lane);
  const app = (p: Passage) => p.message.kind === 'app';
  const level = (p: Passage) => p.to !== null && shown.has(p.to) && !(app(p) && isSplit(p, changes));
  const rows: Row[] = [];
  const rowOf = new Map<Step, Row>();
  const place = new Map<Row, number>();
  let floor = 0;
  const spans = (row: Row): [number, number][] =>
    row.arrows.map((p) => {
      const ends = [p.from.lane.pid, p.lane.pid];
      return [Math.min(...ends), Math.max(...ends)];
    });
  const fits = (row: Row, step: Step, arrow: Passage | null): boolean => {
    const first = row.steps[0] as Step;
    if (Math.abs(step.t - first.t) > ROW_US) return false;
    if (row.steps.some((s) => s.lane === step.lane)) return false;
    const pid = step.lane.pid;
    for (const [a, b] of spans(row)) if (pid >= a && pid <= b) return false;
    if (row.leaving.length > 0 && arrow) return false;
    if (!arrow) return true;
    const from = arrow.from.lane.pid;
    const low = Math.min(from, pid);
    const high = Math.max(from, pid);
    for (const s of row.steps) {
      if (s.lane.pid > low && s.lane.pid < high) return false;
      if (s.lane === arrow.from.lane && s !== arrow.from) return false;
    }
    for (const [i, [a, b]] of spans(row).entries()) {
      const same = row.arrows[i]?.from === arrow.from;
      if (same ? b > low && a < high && !(b === from || a === from) : b >= low && a <= high) return false;
      if (same && Math.sign((row.arrows[i]?.lane.pid ?? 0) - from) === Math.sign(pid - from)) return false;
    }
    return true;
  };
  const laneFloor = new Map<Lane, number>();
  for (const step of steps) {
    const arrow = drawn(step.received) && level(step.received) ? step.received : null;
    const leaving = step.sent.filter((p) => drawn(p) && app(p) && !level(p));
    const arriving = drawn(step.received) && !arrow && step.received ? [step.received] : [];
    const sends = step.sent.filter((p) => drawn(p));
    const only = !arrow && arriving.length === 0 && leaving.length === 0 && sends.length > 0 && step.marks.length === 0;
    const same = step.before.contaminated === step.after.contaminated && step.before.role === step.after.role;
    if (only && same && !everything) continue; // its arrows show it
    const fromRow = arrow ? rowOf.get(arrow.from) : undefined;
    let lowest = Math.max(floor, laneFloor.get(step.lane) ?? 0);
    if (arrow)
      lowest = Math.max(lowest, fromRow ? (place.get(fromRow) ?? 0) : 0, (laneFloor.get(arrow.from.lane) ?? 1) - 1);
    let row: Row | null = null;
    for (let i = lowest; i < rows.length; i++) {
      const candidate = rows[i] as Row;
      if (fits(candidate, step, arrow)) {
        row = candidate;
        break;
      }
    }
    if (!row) {
      const last = rows[rows.length - 1]?.steps[0];
      if (last && step.t - last.t > ROW_US) floor = rows.length;
      row = { steps: [], arrows: [], leaving: [], arriving: [] };
      place.set(row, rows.length);
      rows.push(row);
    }
    row.steps.push(step);
    if (arrow) row.arrows.push(arrow);
    row.leaving.push(...leaving);
    row.arriving.push(...arriving);
    rowOf.set(step, row);
    const at = (place.get(row) as number) + 1;
    laneFloor.set(step.lane, at);
    if (arrow) laneFloor.set(arrow.from.lane, Math.max(at, laneFloor.get(arrow.from.lane) ?? 0));
  }
  return rows;
}

class Line {
  readonly cells: { ch: string; style: Style }[] = [];

  put(x: number, text: string, style: Style = ''): void {
    let i = x;
    for (const ch of text) {
      while (this.cells.length <= i) this.cells.push({ ch: ' ', style: '' });
      if (i >= 0) this.cells[i] = { ch, style };
      i++;
    }
  }

  at(x: number): string {
    return this.cells[x]?.ch ?? ' ';
  }

  text(color: boolean): string {
    let out = '';
    let now: Style = '';
    for (const { ch, style } of this.cells) {
      if (color && style !== now && !(ch === ' ' && ANSI[style] === '')) {
        out += now === '' ? '' : '\x1b[0m';
        out += style === '' ? '' : `\x1b[${ANSI[style]}m`;
        now = style;
      }
      out += ch;
    }
    if (now !== '') return `${out.trimEnd()}\x1b[0m`;
    return out.trimEnd();
  }
}

const TIME_WIDTH = 11;

interface Layout {
  lanes: Lane[];
  x: Map<Lane, number>;
  notesAt: number;
  notesWidth: number;
  spacing: number;
}

function layoutOf(lanes: Lane[], width: number): Layout {
  const room = width - TIME_WIDTH - 30;
  const spacing = Math.max(5, Math.min(13, Math.floor(room / Math.max(1, lanes.length))));
  const x = new Map<Lane, number>();
  lanes.forEach((lane, i) => {
    x.set(lane, TIME_WIDTH + 2 + i * spacing);
  });
  const notesAt = TIME_WIDTH + lanes.length * spacing + 1;
  return { lanes, x, notesAt, notesWidth: Math.max(18, width - notesAt), spacing };
}

function roleText(condition: Condition): string {
  if (condition.off) return 'off';
  return condition.role === 'low' ? 'new' : condition.role === 'stopped' ? '' : condition.role;
}

/** Names above the lanes: a component's once over both versions. */
function heading(layout: Layout, conditions: Map<Lane, Condition>): Line[] {
  const upper = new Line();
  const lower = new Line();
  const versions = new Line();
  const roles = new Line();
  const free = [0, 0];
  let i = 0;
  let used = false;
  while (i < layout.lanes.length) {
    const lane = layout.lanes[i] as Lane;
    let j = i;
    while (layout.lanes[j + 1]?.component === lane.component) j++;
    const a = layout.x.get(lane) as number;
    const b = layout.x.get(layout.lanes[j] as Lane) as number;
    const centre = Math.round((a + b) / 2);
    const start = Math.max(TIME_WIDTH - 1, centre - Math.floor(lane.component.length / 2));
    const level = start > (free[1] as number) ? 1 : 0;
    if (level === 0) used = true;
    (level ? lower : upper).put(start, lane.component, 'bold');
    free[level] = start + lane.component.length;
    i = j + 1;
  }
  for (const lane of layout.lanes) {
    const x = layout.x.get(lane) as number;
    versions.put(x - 1, lane.name.slice(lane.component.length) || ' ');
    const role = roleText(conditions.get(lane) as Condition).slice(0, layout.spacing - 1);
    roles.put(x - Math.floor(role.length / 2), role, 'dim');
  }
  roles.put(1, 'seconds', 'dim');
  return used ? [upper, lower, versions, roles] : [lower, versions, roles];
}

function laneText(condition: Condition, glyphs: Glyphs): { text: string; style: Style } {
  if (condition.off || condition.role === 'stopped') return { text: '   ', style: '' };
  if (condition.role === 'seat') return { text: glyphs.seat, style: 'dim' };
  if (condition.frozen) {
    return condition.contaminated
      ? { text: glyphs.frozenDirty, style: 'dirty' }
      : { text: glyphs.frozen, style: 'cut' };
  }
  return condition.contaminated ? { text: glyphs.dirty, style: 'dirty' } : { text: glyphs.clean, style: '' };
}

function drawArrow(line: Line, layout: Layout, p: Passage, conditions: Map<Lane, Condition>, glyphs: Glyphs): void {
  const a = layout.x.get(p.from.lane) as number;
  const b = layout.x.get(p.lane) as number;
  const step = Math.sign(b - a);
  const style: Style =
    p.message.kind === 'app' ? (p.contaminated ? 'dirty' : '') : p.message.kind === 'passed' ? 'good' : 'cut';
  const ch = p.contaminated ? glyphs.dashed : glyphs.line;
  for (let x = a + 2 * step; x !== b - step; x += step) {
    const lane = layout.lanes.find((l) => Math.abs((layout.x.get(l) as number) - x) <= 1);
    const condition = lane && conditions.get(lane);
    if (lane && condition) {
      const under = laneText(condition, glyphs).text;
      if (x === layout.x.get(lane)) {
        if (under.trim() !== '') line.put(x, glyphs.cross, style);
        else line.put(x, ch, style);
        continue;
      }
      if (condition.contaminated && condition.role !== 'stopped' && !condition.off) continue;
    }
    line.put(x, ch, style);
  }
  line.put(b - 2 * step, step > 0 ? glyphs.right : glyphs.left, style);
  const label = shortLabel(p, layout.spacing - 5, Math.abs(b - a) > layout.spacing ? layout.spacing - 3 : 0);
  // beside the arrow's head, where the receiver is
  const at = step > 0 ? b - 2 - label.length : b + 3;
  if (label) line.put(at, label, style);
}

function shortLabel(p: Passage, room: number, more: number): string {
  const space = Math.max(room, more);
  if (p.message.kind !== 'app') {
    const name = p.message.kind === 'passed' ? 'passed' : p.message.kind;
    return name.length <= space ? name : '';
  }
  const full = messageLabel(p.message);
  if (full.length <= space) return full;
  const q = `q${p.message.q}`;
  return q.length <= space ? q : '';
}

/** Marks that speak for themselves where they stand. */
const SILENT = new Set<MarkKind>(['suppressed', 'checkpoint', 'clean', 'report']);

interface Note {
  text: string;
  style: Style;
}

/** Outputs of a step by device: `5`, or `5 to 8`. */
function outputsText(step: Step, glyph: string): string[] {
  const devices = new Map<string, string[]>();
  for (const mark of step.marks) {
    if (mark.kind !== 'output') continue;
    const [device, number] = mark.text.split(' output');
    const list = devices.get(device ?? '') ?? [];
    list.push((number ?? '').trim());
    devices.set(device ?? '', list);
  }
  return [...devices].map(([device, numbers]) => {
    const first = numbers[0];
    const last = numbers[numbers.length - 1];
    return `${glyph} ${device} ${first === last ? first : `${first} to ${last}`}`.trimEnd();
  });
}

function notesOf(row: Row, cuts: CutSpan[], glyphs: Glyphs): Note[] {
  /** what several processes do alike is said once */
  const said = new Map<string, { names: string[]; style: Style }>();
  const small: Note[] = [];
  for (const step of row.steps) {
    const has = (kind: MarkKind) => step.marks.some((m) => m.kind === kind);
    const texts: string[] = [];
    let style: Style = '';
    let board = false;
    for (const mark of step.marks) {
      const text = noteOf(mark, step, cuts, has);
      if (text === null) continue;
      if (mark.kind === 'role' || mark.kind === 'handover' || mark.kind === 'absent') {
        const alike = said.get(text) ?? { names: [], style: STYLES[mark.kind] ?? 'cut' };
        alike.names.push(step.lane.name);
        said.set(text, alike);
        continue;
      }
      board = mark.kind === 'boot' || mark.kind === 'off';
      texts.push(text);
      const wanted = STYLES[mark.kind] ?? '';
      if (style === '' || wanted === 'bad') style = wanted;
    }
    const passed = has('passed') && !has('failed');
    const outputs = outputsText(step, passed ? glyphs.marks.passed : glyphs.marks.output);
    if (texts.length > 0) {
      const key = [...texts, ...outputs].join(', ');
      const known = said.get(key) ?? { names: [], style };
      if (!board) known.names.push(step.lane.name);
      said.set(key, known);
    } else for (const text of outputs) small.push({ text, style: 'good' });
  }
  const out: Note[] = [];
  if (small.length > 0) out.push({ text: small.map((n) => n.text).join('  '), style: 'good' });
  for (const [text, { names, style }] of said) {
    const who = names.length > 3 ? `${names.length} processes:` : names.join(', ');
    out.push({ text: `${who} ${text}`.trim(), style });
  }
  for (const p of row.leaving) {
    const fate = p.to === null ? ', not received' : ', on its way';
    out.push({ text: `${label(p)} to ${p.lane.name}${fate}`, style: p.contaminated ? 'dirty' : 'dim' });
  }
  for (const p of row.arriving) {
    out.push({ text: `${label(p)} of ${p.from.lane.name} arrives`, style: p.contaminated ? 'dirty' : 'dim' });
  }
  return out;
}

function label(p: Passage): string {
  const type = p.type ? `${p.type} ` : '';
  return `${type}${messageLabel(p.message)}`;
}

function noteOf(mark: Mark, step: Step, cuts: CutSpan[], has: (kind: MarkKind) => boolean): string | null {
  const isFirst = (what: 'frozen' | 'decided') => cuts.some((c) => c[what][0] === step);
  if (SILENT.has(mark.kind)) return null;
  if (mark.kind === 'output' || (mark.kind === 'passed' && has('output'))) return null;
  if (mark.kind === 'dropped' && mark.text.startsWith('a repeat')) return null;
  if (mark.kind === 'freeze') return isFirst('frozen') ? mark.text : null;
  if (mark.kind === 'decide') return isFirst('decided') ? mark.text : null;
  if (mark.kind === 'failure' && has('failed')) return null;
  if (mark.kind === 'role' && has('takeover')) return null;
  if (mark.kind === 'rollback') return mark.back ? `rolls back to ${secondsText(mark.back.t)} s` : mark.text;
  return mark.text;
}

function plain(notes: Note[], glyphs: Glyphs): Note[] {
  if (glyphs !== ASCII) return notes;
  return notes.map((n) => ({ ...n, text: n.text.replaceAll('→', '->').replaceAll('µ', 'u') }));
}

/** Lines no longer than `width`, as words allow. */
function wrap(parts: Note[], width: number): Note[] {
  const out: Note[] = [];
  for (const part of parts) {
    let line = '';
    // an arrow stays with what it points to, a unit with its number
    for (const word of part.text.split(/(?<!→|->) (?!s\b)/)) {
      if (line !== '' && line.length + 1 + word.length > width) {
        out.push({ text: line, style: part.style });
        line = `  ${word}`;
      } else line = line === '' ? word : `${line} ${word}`;
    }
    if (line) out.push({ text: line.slice(0, width), style: part.style });
  }
  return out;
}

function legendOf(rows: Row[], glyphs: Glyphs): string[] {
  const used = new Set<MarkKind | 'event'>();
  for (const row of rows) for (const step of row.steps) used.add(topMark(step));
  const names: [MarkKind | 'event', string][] = [
    ['event', 'event'],
    ['checkpoint', 'checkpoint'],
    ['passed', 'test passed'],
    ['failed', 'test failed'],
    ['output', 'output'],
    ['suppressed', "shadow's, to its log"],
    ['freeze', 'freezes'],
    ['report', 'reports'],
    ['decide', 'decides'],
    ['rollback', 'rolls back'],
    ['takeover', 'takes over'],
    ['role', 'new role'],
    ['word', "operator's word"],
    ['dropped', 'left out'],
    ['absent', 'declared absent'],
    ['off', 'power lost'],
    ['boot', 'boots'],
  ];
  const marks = names.filter(([kind]) => used.has(kind)).map(([kind, name]) => `${glyphs.marks[kind]} ${name}`);
  const lanes = [
    `${glyphs.clean.trim()} clean`,
    `${glyphs.dirty} contaminated`,
    `${glyphs.frozen.trim()} frozen`,
    `${glyphs.seat.trim()} not running yet`,
    `${glyphs.line}${glyphs.line}${glyphs.right} message`,
    `${glyphs.dashed}${glyphs.dashed}${glyphs.right} contaminated message`,
  ];
  return [lanes.join('   '), ...pack(marks)];
}

function pack(items: string[]): string[] {
  const out: string[] = [];
  for (const item of items) {
    const last = out[out.length - 1];
    if (last !== undefined && last.length + item.length + 3 <= 96) out[out.length - 1] = `${last}   ${item}`;
    else out.push(item);
  }
  return out;
}

/** A space-time diagram of a trace for people at a terminal; ends with a line feed. */
export function renderText(lines: TraceLine[], options: TextOptions = {}): string {
  const glyphs = options.ascii ? ASCII : UNICODE;
  const color = options.color === true;
  const history = readHistory(lines);
  const selected = select(history, options);
  const everything = options.everything === true;
  const all = rowsOf(selected.steps, selected.lanes, everything, history);
  if (all.length === 0) return 'nothing happened\n';
  const [first, last] = rangeOf(all, selected.anchor);
  const [from, to] = windowOf([first, last], all.length - 1, options.max ?? 50);
  const rows = all.slice(from, to + 1);
  const steps = rows.flatMap((r) => r.steps).sort((a, b) => a.index - b.index);
  const before = all.slice(0, from).flatMap((r) => r.steps);
  const conditions = conditionsAt(history, selected, before);
  const layout = layoutOf(lanesOf(steps, conditions), Math.max(60, options.width ?? 100));
  const out = heading(layout, conditions);
  let time = '';
  let lastT = (steps[0] as Step).t;
  if (from > 0) out.push(mention(layout, conditions, glyphs, `${from} rows before`));
  for (const row of rows) {
    const t = Math.min(...row.steps.map((s) => s.t));
    if (t - lastT > FOLD_US) out.push(foldLine(layout, glyphs, foldText(t - lastT), conditions));
    lastT = Math.max(...row.steps.map((s) => s.t));
    const line = new Line();
    const now = secondsText(t);
    if (now !== time) line.put(TIME_WIDTH - 1 - now.length, now, 'dim');
    time = now;
    for (const lane of layout.lanes) putLane(line, layout, lane, conditions.get(lane) as Condition, glyphs);
    for (const step of row.steps) drawStep(line, layout, step, glyphs);
    for (const p of row.arrows) drawArrow(line, layout, p, conditions, glyphs);
    for (const p of row.arrows) {
      if (row.steps.includes(p.from) || p.message.kind === 'freeze') continue;
      const x = layout.x.get(p.from.lane) as number;
      const condition = conditions.get(p.from.lane) as Condition;
      line.put(x, glyphs.marks.event, condition.contaminated ? 'dirty' : '');
    }
    for (const p of row.leaving) drawStub(line, layout, p, glyphs, true);
    for (const p of row.arriving) drawStub(line, layout, p, glyphs, false);
    for (const step of row.steps) conditions.set(step.lane, step.after);
    const notes = wrap(plain(notesOf(row, history.cuts, glyphs), glyphs), layout.notesWidth);
    notes.forEach((note, i) => {
      const target = i === 0 ? line : new Line();
      if (i > 0) {
        for (const lane of layout.lanes) putLane(target, layout, lane, conditions.get(lane) as Condition, glyphs);
      }
      target.put(layout.notesAt, note.text, note.style);
      if (i === 0) out.push(line);
      else out.push(target);
    });
    if (notes.length === 0) out.push(line);
  }
  if (to < all.length - 1) out.push(mention(layout, conditions, glyphs, `${all.length - 1 - to} rows after`));
  const text = out.map((l) => l.text(color));
  if (options.legend !== false) {
    text.push('');
    for (const line of legendOf(rows, glyphs)) text.push(color ? `\x1b[2m${line}\x1b[0m` : line);
  }
  return `${text.join('\n')}\n`;
}

function rangeOf(rows: Row[], anchor: [Step, Step] | null): [number, number] {
  if (!anchor) return [0, 0];
  const [a, b] = anchor;
  let first = rows.findIndex((r) => r.steps.some((s) => s.index >= a.index && s.index <= b.index));
  let last = -1;
  rows.forEach((r, i) => {
    if (r.steps.some((s) => s.index >= a.index && s.index <= b.index)) last = i;
  });
  if (first < 0) {
    first = rows.findIndex((r) => r.steps.some((s) => s.index >= a.index));
    if (first < 0) first = rows.length - 1;
    last = first;
  }
  return [first, last];
}

function putLane(line: Line, layout: Layout, lane: Lane, condition: Condition, glyphs: Glyphs): void {
  const { text, style } = laneText(condition, glyphs);
  line.put((layout.x.get(lane) as number) - 1, text, style);
}

/** The step's mark; what the process was before on its left, what it is now on its right. */
function drawStep(line: Line, layout: Layout, step: Step, glyphs: Glyphs): void {
  const x = layout.x.get(step.lane) as number;
  const kind = topMark(step);
  const shade = (c: Condition) =>
    c.contaminated && !c.off
      ? { ch: glyphs.dirty[0] as string, style: 'dirty' as Style }
      : { ch: ' ', style: '' as Style };
  const left = shade(step.before.contaminated || !step.touched ? step.before : { ...step.after, contaminated: true });
  const right = shade(step.after);
  line.put(x - 1, left.ch, left.style);
  line.put(x, glyphs.marks[kind], STYLES[kind] ?? (step.after.contaminated ? 'dirty' : ''));
  line.put(x + 1, right.ch, right.style);
}

function drawStub(line: Line, layout: Layout, p: Passage, glyphs: Glyphs, leaving: boolean): void {
  const lane = leaving ? p.from.lane : p.lane;
  const other = leaving ? p.lane : p.from.lane;
  const x = layout.x.get(lane) as number;
  const side = Math.sign((layout.x.get(other) ?? 0) - x) || 1;
  const style: Style = p.contaminated ? 'dirty' : '';
  const ch = p.contaminated ? glyphs.dashed : glyphs.line;
  if (line.at(x + 2 * side) !== ' ' || line.at(x + 3 * side) !== ' ') return; // the note tells
  line.put(x + 2 * side, leaving || side > 0 ? (leaving ? ch : glyphs.left) : glyphs.right, style);
  const end = leaving ? (p.to === null ? glyphs.lost : side > 0 ? glyphs.right : glyphs.left) : ch;
  line.put(x + 3 * side, end, style);
}

function foldLine(layout: Layout, glyphs: Glyphs, text: string, conditions: Map<Lane, Condition>): Line {
  const line = new Line();
  for (const lane of layout.lanes) {
    const { text: under, style } = laneText(conditions.get(lane) as Condition, glyphs);
    if (under.trim() !== '') line.put((layout.x.get(lane) as number) - 1, ` ${glyphs.fold} `, style || 'dim');
  }
  line.put(layout.notesAt, `${glyphs.fold} ${text.replace('µ', glyphs === ASCII ? 'u' : 'µ')}`, 'dim');
  return line;
}

function mention(layout: Layout, conditions: Map<Lane, Condition>, glyphs: Glyphs, text: string): Line {
  const line = new Line();
  for (const lane of layout.lanes) putLane(line, layout, lane, conditions.get(lane) as Condition, glyphs);
  line.put(layout.notesAt, `${glyphs === ASCII ? '...' : '…'} ${text}`, 'dim');
  return line;
}
