// Shapes of JSON: one description of a file format serves the checker that reads it and the JSON Schema that editors
// complete from, so that the two cannot drift apart.

export interface Problem {
  /** where in the file: `components.estimator.board` */
  path: string;
  reason: string;
}

export interface Shape<T> {
  /** Says what is wrong into `problems`, and returns the value with defaults filled in. */
  check(value: unknown, path: string, problems: Problem[]): T;
  schema(): Record<string, unknown>;
}

export type TypeOf<S> = S extends Shape<infer T> ? T : never;

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  return `the ${typeof value} ${JSON.stringify(value)}`;
}

function wrong(problems: Problem[], path: string, wanted: string, value: unknown): void {
  problems.push({
    path,
    reason: value === undefined ? `missing; wanted ${wanted}` : `is ${kindOf(value)}; wanted ${wanted}`,
  });
}

/** The known word that a mistyped one is nearest to, if one is near. */
export function nearest(word: string, known: string[]): string | null {
  let best: string | null = null;
  let least = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of known) {
    const d = distance(word.toLowerCase(), candidate.toLowerCase());
    if (d < least) {
      least = d;
      best = candidate;
    }
  }
  return best;
}

/** Edits between two words (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}

export function suggestion(word: string, known: string[]): string {
  const near = nearest(word, known);
  return near ? `did you mean ${near}?` : `known: ${known.join(', ') || 'none'}`;
}

export function text(about: string, pattern = /\S/): Shape<string> {
  return {
    check(value, path, problems) {
      if (typeof value !== 'string' || !pattern.test(value)) {
        wrong(problems, path, about, value);
        return '';
      }
      return value;
    },
    schema: () => ({ type: 'string', description: about, pattern: pattern.source }),
  };
}

export function number(about: string, least: number, most: number, whole = false): Shape<number> {
  const wanted = `${about}, ${whole ? 'a whole number ' : ''}from ${least} to ${most}`;
  return {
    check(value, path, problems) {
      const fits = typeof value === 'number' && value >= least && value <= most && (!whole || Number.isInteger(value));
      if (fits) return value;
      wrong(problems, path, wanted, value);
      return least;
    },
    schema: () => ({ type: whole ? 'integer' : 'number', description: about, minimum: least, maximum: most }),
  };
}

const HEX = /^0x[0-9A-Fa-f]{1,8}$/;

/** An address: a whole number, or text as 0x08010000, since JSON has no such numbers. */
export function address(about: string): Shape<number> {
  const top = 2 ** 32 - 1;
  return {
    check(value, path, problems) {
      if (typeof value === 'string' && HEX.test(value)) return Number(value);
      if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= top) return value;
      wrong(problems, path, `${about}, an address as "0x08010000"`, value);
      return 0;
    },
    schema: () => ({
      description: about,
      anyOf: [
        { type: 'string', pattern: HEX.source },
        { type: 'integer', minimum: 0, maximum: top },
      ],
    }),
  };
}

export function flag(about: string): Shape<boolean> {
  return {
    check(value, path, problems) {
      if (typeof value === 'boolean') return value;
      wrong(problems, path, 'true or false', value);
      return false;
    },
    schema: () => ({ type: 'boolean', description: about }),
  };
}

export function choice<T extends string | number>(about: string, words: readonly T[]): Shape<T> {
  return {
    check(value, path, problems) {
      if (words.includes(value as T)) return value as T;
      wrong(problems, path, `${about}, one of ${words.join(', ')}`, value);
      return words[0] as T;
    },
    schema: () => ({ enum: words, description: about }),
  };
}

export function list<T>(about: string, item: Shape<T>): Shape<T[]> {
  return {
    check(value, path, problems) {
      if (Array.isArray(value)) return value.map((v, i) => item.check(v, `${path}[${i}]`, problems));
      wrong(problems, path, about, value);
      return [];
    },
    schema: () => ({ type: 'array', description: about, items: item.schema() }),
  };
}

/** A list of texts, none of them twice. */
export function distinct(about: string, item: Shape<string>): Shape<string[]> {
  const any = list(about, item);
  return {
    check(value, path, problems) {
      const out = any.check(value, path, problems);
      if (!Array.isArray(value)) return out;
      value.forEach((v, i) => {
        if (typeof v === 'string' && value.indexOf(v) < i)
          problems.push({ path: `${path}[${i}]`, reason: `${v} stands in this list twice` });
      });
      return out;
    },
    schema: () => ({ ...any.schema(), uniqueItems: true }),
  };
}

/** Names become keys of objects on boards: what every object of JavaScript has already is none. */
const NAME =
  /^(?!(?:constructor|hasOwnProperty|isPrototypeOf|propertyIsEnumerable|toLocaleString|toString|valueOf)$)[A-Za-z][A-Za-z0-9_-]{0,47}$/;
const NAME_WANTED = 'letters, digits, - and _, a letter first, at most 48, and no word that every object has';

/** An object whose keys are names that the user chooses. */
export function named<T>(about: string, item: Shape<T>): Shape<Record<string, T>> {
  return {
    check(value, path, problems) {
      const out: Record<string, T> = {};
      if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        wrong(problems, path, about, value);
        return out;
      }
      for (const [key, v] of Object.entries(value)) {
        const at = path ? `${path}.${key}` : key;
        if (!NAME.test(key)) problems.push({ path: at, reason: `is no name; wanted ${NAME_WANTED}` });
        else out[key] = item.check(v, at, problems);
      }
      return out;
    },
    schema: () => ({
      type: 'object',
      description: about,
      propertyNames: { pattern: NAME.source },
      additionalProperties: item.schema(),
    }),
  };
}

export function nullable<T>(item: Shape<T>): Shape<T | null> {
  return {
    check: (value, path, problems) => (value === null ? null : item.check(value, path, problems)),
    schema: () => ({ anyOf: [{ type: 'null' }, item.schema()] }),
  };
}

/** Any JSON value. */
export function anything(about: string): Shape<unknown> {
  return { check: (value) => value, schema: () => ({ description: about }) };
}

interface Optional<T> {
  shape: Shape<T>;
  otherwise: T;
}

export function optional<T>(shape: Shape<T>, otherwise: T): Optional<T> {
  return { shape, otherwise };
}

type Fields = Record<string, Shape<unknown> | Optional<unknown>>;
type Value<F extends Fields> = {
  [K in keyof F]: F[K] extends Optional<infer T> ? T : F[K] extends Shape<infer T> ? T : never;
};

function isOptional(field: Shape<unknown> | Optional<unknown>): field is Optional<unknown> {
  return 'shape' in field;
}

export function object<F extends Fields>(about: string, fields: F): Shape<Value<F>> {
  return {
    check(value, path, problems) {
      const out: Record<string, unknown> = {};
      if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        wrong(problems, path, about, value);
        return out as Value<F>;
      }
      const given = value as Record<string, unknown>;
      for (const key of Object.keys(given)) {
        if (Object.hasOwn(fields, key)) continue;
        if (key === '$schema' && path === '') {
          if (typeof given[key] !== 'string') wrong(problems, key, 'the path of a JSON Schema', given[key]);
          continue;
        }
        problems.push({
          path: path ? `${path}.${key}` : key,
          reason: `unknown field; ${suggestion(key, Object.keys(fields))}`,
        });
      }
      for (const [key, field] of Object.entries(fields)) {
        const at = path ? `${path}.${key}` : key;
        if (!isOptional(field)) out[key] = field.check(given[key], at, problems);
        else out[key] = given[key] === undefined ? field.otherwise : field.shape.check(given[key], at, problems);
      }
      return out as Value<F>;
    },
    schema: () => ({
      type: 'object',
      description: about,
      properties: Object.fromEntries(
        Object.entries(fields).map(([key, field]) => [
          key,
          isOptional(field) ? { ...field.shape.schema(), default: field.otherwise } : field.schema(),
        ]),
      ),
      required: Object.entries(fields).flatMap(([key, field]) => (isOptional(field) ? [] : [key])),
      additionalProperties: false,
    }),
  };
}
