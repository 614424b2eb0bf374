// Figures as text.

export function number(value: number): string {
  if (!Number.isFinite(value)) return '-';
  if (Number.isInteger(value)) return `${value}`.replace(/\B(?=(\d{3})+$)/g, ',');
  return value >= 100 ? number(Math.round(value)) : value.toFixed(value >= 10 ? 1 : 2);
}

/** A figure that is measured, and whole only by chance. */
export function measured(value: number): string {
  return Number.isInteger(value) && value !== 0 && value < 100 ? value.toFixed(value >= 10 ? 1 : 2) : number(value);
}

/** [median, 99th of a hundred, most] */
export function spread(values: number[]): [number, number, number] {
  const sorted = values.slice().sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  return [at(0.5), at(0.99), at(1)];
}

export function spreadText(values: number[]): string {
  return spread(values)
    .map((value) => number(value >= 10 ? Math.round(value) : Math.round(value * 10) / 10))
    .join(' · ');
}

/** A bar of so many eighths of a character; whatever is there is seen. */
export function bar(share: number, width: number): string {
  const eighths = Math.max(share > 0 ? 1 : 0, Math.round(share * width * 8));
  const part = eighths % 8 > 0 ? String.fromCharCode(0x2590 - (eighths % 8)) : '';
  return `${'█'.repeat(eighths >> 3)}${part}`;
}

/** Words in lines of at most so many characters. */
export function wrap(text: string, width = 116): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line ? `${line} ${word}` : word;
  }
  return [...lines, line];
}
