// Line charts, as SVG files and for the terminal: an error over time, with what is required of it.

import { COLOURS, document, element, escapeText, FONT, px, textAt, textWidth, titled } from './markup.ts';

export interface Series {
  name: string;
  points: [number, number][];
  colour?: string;
  /** SVG dash pattern, e.g. `6 4` */
  dash?: string;
}

export interface Chart {
  title: string;
  xLabel: string;
  yLabel: string;
  series: Series[];
  /** what happened when */
  marks?: { x: number; text: string }[];
  /** stretches of x worth shading */
  bands?: { from: number; to: number; text: string }[];
  /** what is required: a horizontal line */
  limits?: { y: number; text: string }[];
  /** where the axes begin and end; from the data by default */
  xMin?: number;
  xMax?: number;
  yMin?: number;
  yMax?: number;
  /** logarithmic y axis */
  log?: boolean;
  width?: number;
  height?: number;
}

const SERIES = [COLOURS.blue, COLOURS.orange, COLOURS.green, COLOURS.purple, COLOURS.sky, COLOURS.grey];
const DASHES = [undefined, '7 4', '2 3', '9 3 2 3', '1 4', '12 4'];

/** Round numbers that divide a span into about `count` parts. */
export function ticksOf(min: number, max: number, count: number): number[] {
  const span = max - min;
  if (!(span > 0) || !Number.isFinite(span)) return [min];
  const rough = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const unit = [1, 2, 5, 10].find((m) => m * power >= rough * 0.999) ?? 10;
  const step = unit * power;
  const out: number[] = [];
  for (let i = Math.ceil(min / step - 1e-9); i * step <= max + step * 1e-9; i++) out.push(i === 0 ? 0 : i * step);
  return out;
}

function logTicks(min: number, max: number): number[] {
  const out: number[] = [];
  const few = Math.log10(max / min) < 2;
  for (let e = Math.floor(Math.log10(min)); e <= Math.ceil(Math.log10(max)); e++) {
    for (const m of few ? [1, 2, 5] : [1]) {
      const y = m * 10 ** e;
      if (y >= min * 0.999 && y <= max * 1.001) out.push(y);
    }
  }
  return out;
}

function numberText(value: number): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) return value.toExponential(0);
  return `${Number(value.toPrecision(6))}`;
}

interface Scale {
  xMin: number;
  xMax: number;
  yMin: number;
  yMax: number;
  log: boolean;
  xTicks: number[];
  yTicks: number[];
  x(value: number): number;
  y(value: number): number;
}

/** A share of the way from bottom to top, or from left to right. */
function scaleOf(chart: Chart): Scale {
  const log = chart.log === true;
  let xMin = Number.POSITIVE_INFINITY;
  let xMax = Number.NEGATIVE_INFINITY;
  let yMin = Number.POSITIVE_INFINITY;
  let yMax = Number.NEGATIVE_INFINITY;
  const seeY = (y: number) => {
    if (!Number.isFinite(y) || (log && y <= 0)) return;
    yMin = Math.min(yMin, y);
    yMax = Math.max(yMax, y);
  };
  for (const series of chart.series) {
    for (const [x, y] of series.points) {
      if (!Number.isFinite(x)) continue;
      xMin = Math.min(xMin, x);
      xMax = Math.max(xMax, x);
      seeY(y);
    }
  }
  for (const limit of chart.limits ?? []) seeY(limit.y);
  if (xMin > xMax) [xMin, xMax] = [0, 1];
  if (yMin > yMax) [yMin, yMax] = log ? [1, 10] : [0, 1];
  xMin = chart.xMin ?? xMin;
  xMax = chart.xMax ?? xMax;
  if (xMax <= xMin) xMax = xMin + 1;
  if (log) {
    yMin = chart.yMin ?? 10 ** Math.floor(Math.log10(yMin));
    yMax = chart.yMax ?? 10 ** Math.ceil(Math.log10(yMax) + 1e-9);
    if (yMax <= yMin) yMax = yMin * 10;
  } else {
    // zero belongs to the picture unless the data is far from it
    if (yMin > 0 && yMin < yMax * 0.6) yMin = 0;
    if (yMax < 0 && yMax > yMin * 0.6) yMax = 0;
    if (yMax <= yMin) yMax = yMin + 1;
    const ticks = ticksOf(yMin, yMax, 6);
    const step = (ticks[1] ?? yMax) - (ticks[0] ?? yMin) || 1;
    yMin = chart.yMin ?? Math.floor(yMin / step + 1e-9) * step;
    yMax = chart.yMax ?? Math.ceil(yMax / step - 1e-9) * step;
  }
  const ly = (v: number) => (log ? Math.log10(v) : v);
  return {
    xMin,
    xMax,
    yMin,
    yMax,
    log,
    xTicks: ticksOf(xMin, xMax, 8),
    yTicks: log ? logTicks(yMin, yMax) : ticksOf(yMin, yMax, 6),
    x: (v) => (v - xMin) / (xMax - xMin),
    y: (v) => (log && v <= 0 ? 0 : (ly(v) - ly(yMin)) / (ly(yMax) - ly(yMin))),
  };
}

/**
 * Points as a path; breaks where a value is none. Where several fall on one pixel, only the first, lowest, highest
 * and last are drawn: a peak never goes missing.
 */
function pathOf(points: [number, number][], x: (v: number) => number, y: (v: number) => number): string {
  let d = '';
  let pen = false;
  let column: { x: number; ys: number[] } | null = null;
  const flush = () => {
    if (!column) return;
    const { ys } = column;
    const least = ys.indexOf(Math.min(...ys));
    const most = ys.indexOf(Math.max(...ys));
    const kept = [...new Set([0, Math.min(least, most), Math.max(least, most), ys.length - 1])];
    for (const i of kept) {
      d += `${pen ? 'L' : 'M'}${px(column.x)} ${px(ys[i] as number)}`;
      pen = true;
    }
    column = null;
  };
  for (const [vx, vy] of points) {
    if (!Number.isFinite(vx) || !Number.isFinite(vy)) {
      flush();
      pen = false;
      continue;
    }
    const at = Math.round(x(vx) * 2) / 2;
    const current = column as { x: number; ys: number[] } | null;
    if (current && current.x === at) current.ys.push(y(vy));
    else {
      flush();
      column = { x: at, ys: [y(vy)] };
    }
  }
  flush();
  return d;
}

const STYLE = [
  `text{font-family:${FONT};font-size:12px;fill:${COLOURS.ink}}`,
  '.h{font-size:16px;font-weight:600}',
  `.s{font-size:11px;fill:${COLOURS.grey}}`,
  '.m{text-anchor:middle}',
  '.e{text-anchor:end}',
  '.o{paint-order:stroke;stroke:#fff;stroke-width:3px;stroke-linejoin:round}',
].join('');

/** A line chart, a standalone SVG document. */
export function lineChart(chart: Chart): string {
  const width = chart.width ?? 960;
  const scale = scaleOf(chart);
  const rows = legendRows(chart, width);
  const marksTall = (chart.marks ?? []).length > 0 ? 20 : 0;
  const left = 24 + Math.max(24, ...scale.yTicks.map((t) => textWidth(numberText(t), 11))) + 24;
  const right = width - 24;
  const top = 46 + rows.length * 22 + marksTall;
  const height = chart.height ?? 420;
  const bottom = height - 52;
  const x = (v: number) => left + scale.x(v) * (right - left);
  const y = (v: number) => bottom - scale.y(v) * (bottom - top);
  const body: string[] = [];
  body.push(
    element(
      'defs',
      {},
      element(
        'clipPath',
        { id: 'plot' },
        element('rect', { x: left, y: top, width: right - left, height: bottom - top }),
      ),
    ),
  );
  body.push(textAt(18, 28, chart.title, { class: 'h' }));
  rows.forEach((row, i) => {
    for (const { series, index, x: at } of row) {
      const line = { x1: at, y1: 48 + i * 22, x2: at + 26, y2: 48 + i * 22, stroke: colourOf(series, index) };
      body.push(
        element('line', {
          ...line,
          'stroke-width': '2.5',
          'stroke-dasharray': series.dash ?? DASHES[index % DASHES.length],
        }),
      );
      body.push(textAt(at + 32, 52 + i * 22, series.name));
    }
  });
  for (const band of chart.bands ?? []) {
    const a = x(Math.max(scale.xMin, band.from));
    const b = x(Math.min(scale.xMax, band.to));
    if (b <= a) continue;
    const rect = element('rect', {
      x: a,
      y: top,
      width: b - a,
      height: bottom - top,
      fill: COLOURS.yellow,
      opacity: '0.16',
    });
    body.push(titled(band.text, rect));
    if (textWidth(band.text, 11) < b - a) body.push(textAt((a + b) / 2, top + 14, band.text, { class: 's m o' }));
  }
  for (const tick of scale.yTicks) {
    body.push(
      element('line', { x1: left, y1: y(tick), x2: right, y2: y(tick), stroke: COLOURS.faint, 'stroke-width': '1' }),
    );
    body.push(textAt(left - 8, y(tick) + 4, numberText(tick), { class: 's e' }));
  }
  for (const tick of scale.xTicks) {
    body.push(
      element('line', {
        x1: x(tick),
        y1: bottom,
        x2: x(tick),
        y2: bottom + 5,
        stroke: COLOURS.grey,
        'stroke-width': '1',
      }),
    );
    body.push(textAt(x(tick), bottom + 19, numberText(tick), { class: 's m' }));
  }
  body.push(
    element('path', {
      d: `M${px(left)} ${px(top)}V${px(bottom)}H${px(right)}`,
      fill: 'none',
      stroke: COLOURS.grey,
      'stroke-width': '1',
    }),
  );
  body.push(textAt((left + right) / 2, height - 12, chart.xLabel, { class: 'm' }));
  const middle = (top + bottom) / 2;
  body.push(textAt(18, middle, chart.yLabel, { class: 'm', transform: `rotate(-90 18 ${px(middle)})` }));
  chart.series.forEach((series, index) => {
    const points = scale.log
      ? series.points.map(([a, b]): [number, number] => [a, b > 0 ? b : Number.NaN])
      : series.points;
    const d = pathOf(points, x, y);
    if (!d) return;
    const path = { d, fill: 'none', stroke: colourOf(series, index), 'stroke-width': '2', 'stroke-linejoin': 'round' };
    const line = element('path', { ...path, 'stroke-dasharray': series.dash ?? DASHES[index % DASHES.length] });
    body.push(element('g', { 'clip-path': 'url(#plot)' }, element('title', {}, escapeText(series.name)), line));
  });
  for (const limit of chart.limits ?? []) {
    if (limit.y < scale.yMin || limit.y > scale.yMax) continue;
    const at = y(limit.y);
    body.push(
      element('line', {
        x1: left,
        y1: at,
        x2: right,
        y2: at,
        stroke: '#8f0f1f',
        'stroke-width': '1.5',
        'stroke-dasharray': '10 4',
      }),
    );
    body.push(textAt(right - 6, at - 6, limit.text, { class: 'e o', style: 'fill:#8f0f1f;font-weight:600' }));
  }
  body.push(...drawMarks(chart, x, left, right, top, bottom, scale));
  return document(width, height, chart.title, STYLE, body);
}

function colourOf(series: Series, index: number): string {
  return series.colour ?? (SERIES[index % SERIES.length] as string);
}

interface Placed {
  series: Series;
  index: number;
  x: number;
}

function legendRows(chart: Chart, width: number): Placed[][] {
  const rows: Placed[][] = [];
  let x = Number.POSITIVE_INFINITY;
  chart.series.forEach((series, index) => {
    const w = 32 + textWidth(series.name, 12) + 24;
    if (x + w > width - 18) {
      rows.push([]);
      x = 24;
    }
    (rows[rows.length - 1] as Placed[]).push({ series, index, x });
    x += w;
  });
  return rows;
}

function drawMarks(
  chart: Chart,
  x: (v: number) => number,
  left: number,
  right: number,
  top: number,
  bottom: number,
  scale: Scale,
): string[] {
  const out: string[] = [];
  const ends: number[] = [];
  const marks = [...(chart.marks ?? [])].sort((a, b) => a.x - b.x);
  for (const mark of marks) {
    if (mark.x < scale.xMin || mark.x > scale.xMax) continue;
    const at = x(mark.x);
    const half = textWidth(mark.text, 11) / 2;
    const middle = Math.min(Math.max(at, left + half), right - half);
    let level = 0;
    while (level < 3 && (ends[level] ?? Number.NEGATIVE_INFINITY) > middle - half - 6) level++;
    ends[level] = middle + half;
    const above = top - 7 + level * 14;
    const line = element('line', {
      x1: at,
      y1: top - 3,
      x2: at,
      y2: bottom,
      stroke: COLOURS.ink,
      'stroke-width': '1',
      'stroke-dasharray': '3 3',
    });
    const text = textAt(middle, level === 0 ? above : above + 6, mark.text, { class: 'm o', style: 'font-size:11px' });
    out.push(titled(`${mark.text}: ${numberText(mark.x)}`, line), text);
  }
  return out;
}

const BRAILLE = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
];

export interface TextChartOptions {
  width?: number;
  height?: number;
  color?: boolean;
  ascii?: boolean;
}

/** The same chart in a terminal: dots of braille, or one letter a series in plain ASCII. */
export function textChart(chart: Chart, options: TextChartOptions = {}): string {
  const scale = scaleOf(chart);
  const height = Math.max(4, options.height ?? 12);
  const ticks = scale.yTicks.map(numberText);
  const gutter = Math.max(...ticks.map((t) => t.length), 3) + 2;
  const width = Math.max(20, (options.width ?? 80) - gutter);
  const ascii = options.ascii === true;
  const across = ascii ? 1 : 2;
  const down = ascii ? 1 : 4;
  const bits = Array.from({ length: height }, () => new Array<number>(width).fill(0));
  const who = Array.from({ length: height }, () => new Array<number>(width).fill(-1));
  const dot = (px2: number, py: number, series: number) => {
    const cx = Math.floor(px2 / across);
    const cy = Math.floor(py / down);
    const row = bits[cy];
    if (!row || cx < 0 || cx >= width) return;
    row[cx] = (row[cx] as number) | (ascii ? 1 : (BRAILLE[py % 4]?.[px2 % 2] as number));
    (who[cy] as number[])[cx] = series;
  };
  const wide = width * across - 1;
  const tall = height * down - 1;
  chart.series.forEach((series, index) => {
    let before: [number, number] | null = null;
    for (const [vx, vy] of series.points) {
      if (!Number.isFinite(vx) || !Number.isFinite(vy) || (scale.log && vy <= 0)) {
        before = null;
        continue;
      }
      const x = Math.round(scale.x(vx) * wide);
      const y = Math.round((1 - Math.min(1, Math.max(0, scale.y(vy)))) * tall);
      const [bx, by]: [number, number] = before ?? [x, y];
      const steps = Math.max(1, Math.abs(x - bx), Math.abs(y - by));
      for (let i = 0; i <= steps; i++)
        dot(Math.round(bx + ((x - bx) * i) / steps), Math.round(by + ((y - by) * i) / steps), index);
      before = [x, y];
    }
  });
  const limits = new Map<number, string>();
  for (const limit of chart.limits ?? []) {
    if (limit.y >= scale.yMin && limit.y <= scale.yMax) {
      limits.set(Math.floor(Math.round((1 - scale.y(limit.y)) * tall) / down), limit.text);
    }
  }
  const labels = new Map<number, string>();
  for (const tick of scale.yTicks)
    labels.set(Math.floor(Math.round((1 - scale.y(tick)) * tall) / down), numberText(tick));
  const codes = [34, 33, 32, 35, 36, 37];
  const letters = '*o+x#@';
  const paint = (text: string, series: number) =>
    options.color && series >= 0 ? `\x1b[${codes[series % codes.length]}m${text}\x1b[0m` : text;
  const out = [chart.title];
  for (let cy = 0; cy < height; cy++) {
    let line = `${(labels.get(cy) ?? '').padStart(gutter - 2)} ${ascii ? '|' : '┤'}`;
    for (let cx = 0; cx < width; cx++) {
      const bit = bits[cy]?.[cx] as number;
      const series = who[cy]?.[cx] as number;
      if (bit)
        line += paint(ascii ? (letters[series % letters.length] as string) : String.fromCharCode(0x2800 + bit), series);
      else line += limits.has(cy) ? (ascii ? '-' : '╌') : ' ';
    }
    const limit = limits.get(cy);
    out.push(limit ? `${line.trimEnd()} ${limit}` : line.trimEnd());
  }
  const axis = new Array<string>(width + 8).fill(' ');
  for (const tick of scale.xTicks) {
    const text = numberText(tick);
    const at = Math.max(0, Math.round((scale.x(tick) * wide) / across) - Math.floor(text.length / 2));
    if (at + text.length > width + 3) continue;
    if (axis.slice(Math.max(0, at - 1), at + text.length + 1).some((c) => c !== ' ')) continue;
    [...text].forEach((c, i) => {
      axis[at + i] = c;
    });
  }
  out.push(`${' '.repeat(gutter)}${axis.join('').trimEnd()}  ${chart.xLabel}`);
  const keys = chart.series.map(
    (s, i) => `${paint(ascii ? (letters[i % letters.length] as string) : '━━', i)} ${s.name}`,
  );
  out.push(`${' '.repeat(gutter)}${keys.join('   ')}   (${chart.yLabel})`);
  return `${out.join('\n')}\n`;
}

/** A line of bars, as wide as the numbers given, or `width`. */
export function sparkline(values: number[], options: { width?: number; max?: number; ascii?: boolean } = {}): string {
  const bars = options.ascii ? '_.-=*#' : '▁▂▃▄▅▆▇█';
  const width = Math.min(options.width ?? values.length, values.length);
  const buckets: number[] = [];
  for (let i = 0; i < width; i++) {
    const part = values.slice(Math.floor((i * values.length) / width), Math.floor(((i + 1) * values.length) / width));
    const finite = part.filter((v) => Number.isFinite(v));
    buckets.push(finite.length > 0 ? finite.reduce((a, b) => Math.max(a, b)) : Number.NaN);
  }
  const max = options.max ?? buckets.reduce((a, b) => (Number.isNaN(b) ? a : Math.max(a, b)), 0);
  return buckets
    .map((v) => {
      if (Number.isNaN(v)) return ' ';
      const level = max > 0 ? Math.floor((Math.max(0, v) / max) * bars.length) : 0;
      return bars[Math.min(bars.length - 1, level)];
    })
    .join('');
}
