// Mistakes that one can make in a ring and in a board's records, planted one at a time: the campaign must notice each.

import { buildChanged } from '../mutants/core.ts';
import type { Change } from '../mutants/core.ts';
import type { Part, Piece, Scale, Subject } from './campaign.ts';
import { pathOf, piecesOf, replay, runPiece } from './campaign.ts';
import { mix } from './fork.ts';
import { createTally } from './tally.ts';

export interface Planted {
  name: string;
  /** where it can be noticed */
  parts: Part[];
  /** it takes more than one power cut: this part first, of pairs those with bits in doubt */
  several?: Part;
  changes: Change[];
}

const RING = '../hal/ring.ts';
const RING_PARTS: Part[] = ['ring', 'pairs', 'cycles'];
const BOARD_PARTS: Part[] = ['board', 'board-pairs', 'board-cycles'];

function ring(name: string, ...changes: [anchor: string, by: string][]): Planted {
  return { name, parts: RING_PARTS, changes: changes.map(([anchor, by]) => [RING, anchor, by]) };
}

function board(name: string, ...changes: [anchor: string, by: string][]): Planted {
  return { name, parts: BOARD_PARTS, changes: changes.map(([anchor, by]) => ['record.ts', anchor, by]) };
}

function later(several: Part, planted: Planted): Planted {
  return { ...planted, several };
}

export const PLANTED: Planted[] = [
  ring('a record is taken without its check', [
    'if (!bytes || checkOf(ring, at, head, bytes) !== get32(head, 4)) return null;',
    'if (!bytes) return null;',
  ]),
  ring("the check covers a record's header only", [
    'return ring.crc(bytes, 0, bytes.length, ring.crc(word, 0, 4, seed(ring, at)));',
    'return ring.crc(word, 0, 4, seed(ring, at));',
  ]),
  ring('the check does not cover the address', [
    '  put32(place, 4, at % 0x100000000);\n  put32(place, 8, Math.floor(at / 0x100000000) + 0x10000 * ring.sectors);\n',
    '',
  ]),
  ring("a sector's header is taken without its check", [
    'if (!bytes || ring.crc(bytes, 0, 8, seed(ring, index)) !== get32(bytes, 8)) return null;',
    'if (!bytes) return null;',
  ]),
  ring('the newest sector is the last in the region', [
    'ring.newest = Math.max(ring.newest, found.sector);',
    'ring.newest = found.sector;',
  ]),
  ring('the oldest sector that is needed counts as free', [
    'const last = tail + ring.sectors;',
    'const last = tail + ring.sectors + 2;',
  ]),
  ring('one sector too many is erased ahead', [
    'if (sector > wanted || sector - ring.sectors >= ring.tail) return false;\n  if (sector - ring.sectors < ring.durable)',
    'if (sector > wanted || sector - ring.sectors > ring.tail) return false;\n  if (sector - ring.sectors <= ring.durable)',
  ]),
  ring('one sector too many is given up', [
    'ring.tail = Math.max(ring.tail, sector);\n}',
    'ring.tail = Math.max(ring.tail, sector + 1);\n}',
  ]),
  ring('a sector that looks blank after a start is not erased', [
    '  if (!ring.last) {\n    // nothing is left',
    `  const following = cells(ring, placeOf(ring, ring.head + 1), flash.sectorBytes);
  let looks = following !== null;
  for (let i = 0; following && i < following.length; i++) if (following[i] !== BLANK) looks = false;
  if (looks) ring.ahead = 1;
  if (!ring.last) {
    // nothing is left`,
  ]),
  ring('it goes on behind what is torn, where that looks blank', [
    'if (ring.last) resume(ring, ring.last);',
    `if (ring.last && isBlank(ring, up(ring.end, ring.unit))) ring.end = up(ring.end, ring.unit);
    else if (ring.last) resume(ring, ring.last);`,
  ]),
  ring('what may be torn is not copied', [
    'put(ring, [{ kind: KIND_OWN, bytes: bytes }], from);',
    'put(ring, [{ kind: KIND_OWN, bytes: blanks(0) }], -1);',
  ]),
  ring('a record in the middle of a batch may follow a torn one', [
    'if (record && !(record.begin && (number < 0 || later(record.number, number) < NUMBERS / 2))) record = null;',
    'if (record && !(number < 0 || later(record.number, number) < NUMBERS / 2)) record = null;',
  ]),
  ring('a record may run on into a sector that is not there', [
    'if (from + RECORD_HEADER + length > (ring.head + 1) * ring.data) return null;',
    '',
  ]),
  board('in another sector a record stands once', [
    '  flash.program(sector * flash.sectorBytes + padded.length, padded);\n',
    '',
  ]),
  board('what is checked is not what is used', [
    'const parts = decode(body)',
    'const parts = decode(flash.read(place + HEADER_BYTES, length))',
  ]),
  board('it goes on behind what another run has left', [
    '      records.sector = sector;\n    }\n',
    '      records.sector = sector;\n      records.at = found.end;\n    }\n',
  ]),
  later(
    'board-pairs',
    board('the newest that is certain is erased', [
      'while (sector === records.sector || sector === records.certain);',
      'while (sector === records.sector);',
    ]),
  ),
];

export interface Caught {
  planted: Planted;
  /** null: nobody has noticed */
  finding: { path: string; text: string } | null;
  /** power cuts until then */
  faults: number;
  seconds: number;
}

/** Runs it, the pieces well mixed, until something is noticed. */
export async function runPlanted(planted: Planted, trueCode: Subject, scale: Scale, seed: number): Promise<Caught> {
  const begun = performance.now();
  const own = planted.parts === BOARD_PARTS ? 'record.ts' : RING;
  const changed = await buildChanged<Partial<Subject>>(
    `export * as ${own === RING ? 'ring' : 'record'} from './${own}';`,
    planted.changes,
    planted.name,
  );
  const code = { ...trueCode, ...changed };
  const pieces = planted.parts.flatMap((part) => piecesOf(part, scale, seed));
  const order = pieces.map((piece, i): [number, Piece] => {
    const first = piece.part === planted.several && (piece.torn === 'unstable' || piece.part === 'cycles');
    return [first ? -1 : mix(seed, i, pathOf(piece).length) >>> 0, piece];
  });
  order.sort((a, b) => a[0] - b[0]);
  let faults = 0;
  for (const [, piece] of order) {
    const tally = createTally({ hasty: true });
    runPiece(code, piece, scale.cycles, tally);
    faults += tally.faults;
    const [finding] = tally.findings.values();
    if (finding && !hasIt(trueCode, finding.path)) {
      return { planted, finding, faults, seconds: (performance.now() - begun) / 1000 };
    }
  }
  return { planted, finding: null, faults, seconds: (performance.now() - begun) / 1000 };
}

/** The same is wrong without any mistake planted: that proves nothing. */
function hasIt(trueCode: Subject, path: string): boolean {
  const tally = createTally({ hasty: true });
  replay(trueCode, path, tally);
  return tally.findings.size > 0;
}
