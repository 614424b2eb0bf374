// The little of SVG that the pictures need: elements as text, and numbers no longer than they have to be.

export type Attributes = Record<string, string | number | undefined>;

export function escapeText(text: string): string {
  let out = '';
  for (const ch of text) {
    const code = ch.codePointAt(0) as number;
    if (ch === '&') out += '&amp;';
    else if (ch === '<') out += '&lt;';
    else if (ch === '>') out += '&gt;';
    else if (ch === '"') out += '&quot;';
    // XML 1.0 has no other control characters, not even escaped, and no half surrogates
    else if (
      (code < 32 && code !== 9 && code !== 10 && code !== 13) ||
      (code >= 0xd800 && code <= 0xdfff) ||
      (code >= 0xfffe && code <= 0xffff)
    )
      out += '\ufffd';
    else out += ch;
  }
  return out;
}

/** To a tenth of a pixel: the same picture from the same trace, and a short one. */
export function px(value: number): string {
  const rounded = Math.round(value * 10) / 10;
  return `${Object.is(rounded, -0) ? 0 : rounded}`;
}

export function element(name: string, attributes: Attributes, ...children: string[]): string {
  let out = `<${name}`;
  for (const key of Object.keys(attributes)) {
    const value = attributes[key];
    if (value === undefined) continue;
    out += ` ${key}="${typeof value === 'number' ? px(value) : escapeText(value)}"`;
  }
  return children.length === 0 ? `${out}/>` : `${out}>${children.join('')}</${name}>`;
}

export function titled(text: string, ...children: string[]): string {
  return element('g', {}, element('title', {}, escapeText(text)), ...children);
}

export function textAt(x: number, y: number, text: string, attributes: Attributes = {}): string {
  return element('text', { x, y, ...attributes }, escapeText(text));
}

/** About how wide a text is; there is no font to ask. */
export function textWidth(text: string, size: number): number {
  let width = 0;
  for (const ch of text) width += "iljtf.,:;|!'()[] ".includes(ch) ? 0.34 : ch >= 'A' && ch <= 'Z' ? 0.68 : 0.57;
  return width * size;
}

/** A whole document, with its name for those who hear it instead of seeing it. */
export function document(width: number, height: number, title: string, style: string, body: string[]): string {
  const open = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${px(width)} ${px(height)}" width="${px(width)}" height="${px(height)}" role="img" aria-label="${escapeText(title)}">`;
  const background = element('rect', { x: 0, y: 0, width, height, fill: '#ffffff' });
  const head = [open, element('title', {}, escapeText(title)), element('style', {}, style), background];
  return `${[...head, ...body, '</svg>'].join('\n')}\n`;
}

export const FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', Arial, sans-serif";

/** Okabe and Ito's colours, darkened where text needs it: told apart by every kind of eye. */
export const COLOURS = {
  ink: '#1b1f24',
  grey: '#57606a',
  faint: '#d0d7de',
  blue: '#0063a3',
  orange: '#c44e00',
  green: '#00704f',
  purple: '#8a2a6b',
  yellow: '#e69f00',
  sky: '#3d9bd1',
} as const;
