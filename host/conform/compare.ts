// Compares what a board said with what the core says, to the bit: numbers with their sign of zero, bytes with their
// type. A field that is undefined is one that is not there, as in the trace.

/** The first place where two values differ: its path in the value, and both sides. */
export interface Place {
  path: string;
  board: unknown;
  core: unknown;
}

/** May these two texts, which differ, stand for each other? Asked of `why` alone: an engine words its own errors. */
export type Reworded = (core: string, board: string) => boolean;

const never: Reworded = () => false;

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

function typeOf(value: unknown): string {
  if (ArrayBuffer.isView(value)) return Object.prototype.toString.call(value);
  return Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value;
}

function views(board: ArrayBufferView, core: ArrayBufferView, path: string): Place | null {
  const a = bytesOf(board);
  const b = bytesOf(core);
  if (a.length === b.length) {
    let i = 0;
    while (i < a.length && a[i] === b[i]) i++;
    if (i === a.length) return null;
  }
  return { path, board, core };
}

/** Null where they are the same. */
export function difference(board: unknown, core: unknown, reworded: Reworded = never, path = ''): Place | null {
  if (Object.is(board, core)) return null;
  const type = typeOf(board);
  if (type !== typeOf(core) || typeof board !== 'object' || board === null) {
    const text = typeof board === 'string' && typeof core === 'string' && (path === 'why' || path.endsWith('.why'));
    return text && reworded(core, board) ? null : { path, board, core };
  }
  if (ArrayBuffer.isView(board)) return views(board, core as ArrayBufferView, path);
  if (Array.isArray(board)) {
    const other = core as unknown[];
    for (let i = 0; i < board.length && i < other.length; i++) {
      const place = difference(board[i], other[i], reworded, `${path}[${i}]`);
      if (place) return place;
    }
    return board.length === other.length ? null : { path, board, core };
  }
  const a = board as Record<string, unknown>;
  const b = core as Record<string, unknown>;
  const at = (name: string): string => (path === '' ? name : `${path}.${name}`);
  for (const name in a) {
    const place = difference(a[name], b[name], reworded, at(name));
    if (place) return place;
  }
  for (const name in b)
    if (!(name in a) && b[name] !== undefined) return { path: at(name), board: undefined, core: b[name] };
  return null;
}

/** A copy that the core may keep and change: bytes are shared, for nobody writes into them. */
export function copy<T>(value: T): T {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  if (Array.isArray(value)) return value.map(copy) as T;
  const out: Record<string, unknown> = {};
  for (const name in value) out[name] = copy(value[name]);
  return out as T;
}
