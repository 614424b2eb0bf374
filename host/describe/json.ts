// JSON with places: JSON.parse tells where a file breaks in some of its errors only, and nothing of where a value stands.

export interface Place {
  /** both from 1 */
  line: number;
  column: number;
}

export interface Parsed {
  value: unknown;
  /** by path in the file, as problems name it: `components.estimator.reads[0]`; '' is the whole */
  places: Map<string, Place>;
}

export class JsonError extends Error {
  readonly place: Place;

  constructor(place: Place, reason: string) {
    super(reason);
    this.place = place;
  }
}

const SPACE = /[ \t\r\n]*/y;
const WORD = /[A-Za-z_$][\w$]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const STRING = /"(?:[^"\\\p{Cc}]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*"/uy;
const LITERALS: Record<string, unknown> = { true: true, false: false, null: null };
/** Deeper than any description. */
const DEPTH_MAX = 64;

class Parser {
  readonly places = new Map<string, Place>();
  private readonly source: string;
  private at = 0;

  constructor(source: string) {
    this.source = source;
  }

  whole(): unknown {
    const value = this.value('', 0);
    this.space();
    if (this.at < this.source.length) throw this.error('more text after the end of the JSON');
    return value;
  }

  private place(offset: number): Place {
    const before = this.source.slice(0, offset);
    return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n') };
  }

  private error(reason: string, offset = this.at): JsonError {
    return new JsonError(this.place(offset), reason);
  }

  private match(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const text = pattern.exec(this.source)?.[0] ?? '';
    this.at += text.length;
    return text;
  }

  private space(): void {
    this.match(SPACE);
    if (this.source.startsWith('//', this.at) || this.source.startsWith('/*', this.at)) {
      throw this.error('JSON has no comments');
    }
  }

  /** What stands at the current place, for an error. */
  private found(): string {
    const next = this.source.slice(this.at, this.at + 1);
    return next === '' ? 'the file ends' : `there is ${next}`;
  }

  private value(path: string, depth: number): unknown {
    this.space();
    if (depth > DEPTH_MAX) throw this.error(`more than ${DEPTH_MAX} levels deep`);
    this.places.set(path, this.place(this.at));
    const next = this.source[this.at];
    if (next === '{') return this.object(path, depth);
    if (next === '[') return this.list(path, depth);
    if (next === '"') return this.string();
    const start = this.at;
    const number = this.match(NUMBER);
    if (number) return Number(number);
    const word = this.match(WORD);
    if (Object.hasOwn(LITERALS, word)) return LITERALS[word];
    if (word) throw this.error(`${word} is no JSON value; text stands in double quotes`, start);
    throw this.error(`a value should stand here; ${this.found()}`);
  }

  private string(): string {
    const start = this.at;
    const text = this.match(STRING);
    if (!text) throw this.error('text that does not end on its line, or has a wrong escape', start);
    return JSON.parse(text) as string;
  }

  /** After an element: true where another one follows. */
  private more(end: string): boolean {
    this.space();
    const next = this.source[this.at];
    if (next !== ',' && next !== end) throw this.error(`a comma or ${end} should stand here; ${this.found()}`);
    this.at++;
    if (next === end) return false;
    const comma = this.at - 1;
    this.space();
    if (this.source[this.at] === end) throw this.error(`a comma before ${end}`, comma);
    return true;
  }

  private opened(end: string): boolean {
    this.at++;
    this.space();
    if (this.source[this.at] !== end) return true;
    this.at++;
    return false;
  }

  private object(path: string, depth: number): unknown {
    const out: Record<string, unknown> = Object.create(null);
    if (!this.opened('}')) return out;
    do {
      this.space();
      const start = this.at;
      if (this.source[this.at] !== '"') throw this.error(`a name in double quotes should stand here; ${this.found()}`);
      const key = this.string();
      if (key in out) throw this.error(`${key} stands here twice`, start);
      this.space();
      if (this.source[this.at] !== ':') throw this.error(`a colon should follow "${key}"; ${this.found()}`);
      this.at++;
      out[key] = this.value(path ? `${path}.${key}` : key, depth + 1);
    } while (this.more('}'));
    return out;
  }

  private list(path: string, depth: number): unknown {
    const out: unknown[] = [];
    if (!this.opened(']')) return out;
    do out.push(this.value(`${path}[${out.length}]`, depth + 1));
    while (this.more(']'));
    return out;
  }
}

/** Objects have no prototype: a name from a file means nothing but itself. Throws JsonError. */
export function parseJson(source: string): Parsed {
  const parser = new Parser(source.startsWith('\uFEFF') ? source.slice(1) : source);
  return { value: parser.whole(), places: parser.places };
}

/** Where a path stands, or the nearest thing around it that does. */
export function placeOf(places: Map<string, Place>, path: string): Place | null {
  for (let at = path; ; at = at.slice(0, Math.max(at.lastIndexOf('.'), at.lastIndexOf('['), 0))) {
    const place = places.get(at);
    if (place || at === '') return place ?? null;
  }
}
