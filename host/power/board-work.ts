// What a board keeps beside its journals, while power is cut: its records (firmware/record.ts) and its two image slots
// (firmware/image.ts), in the order in which the agent and the runtime use them. At no instant may a power cut leave a
// board without a version to run, or with a record that is older than the last one it relied on.

import { aligned, bodyAt, encodeImage, eraseSlot, RECORD_SECTORS, readSlot, sealSlot } from '../../firmware/image.ts';
import type { Body } from '../../firmware/image.ts';
import { textOf as textOfBytes } from '../../firmware/link/cbor.ts';
import { crc32 } from '../../firmware/link/crc.ts';
import type * as recordModule from '../../firmware/record.ts';
import type { BoardRecord, Records } from '../../firmware/record.ts';
import { createRandom } from '../testbed/random.ts';
import type { Random } from '../testbed/random.ts';
import type { Cycled } from './cycles.ts';
import type { Bench, Work } from './fork.ts';
import { checkRules } from './fork.ts';
import type { Shape } from './ring-work.ts';
import { Complaint } from './tally.ts';

/** The sectors of records, and slots of as few sectors as an image of some hundred bytes needs. */
export const BOARD_SHAPES: Shape[] = [
  { sectorBytes: 256, sectors: RECORD_SECTORS + 8, programBytes: 4 },
  { sectorBytes: 512, sectors: RECORD_SECTORS + 4, programBytes: 8 },
  { sectorBytes: 1024, sectors: RECORD_SECTORS + 4, programBytes: 256 },
];

/** firmware/record.ts, or the same with a mistake planted in it. */
export type RecordCode = Pick<typeof recordModule, 'openRecords' | 'saveRecord'>;

const CHUNK = 256;
const BOARD = 'one';

export interface BoardModel {
  /** what flash may say: the last record that was saved, and those since on which power was cut */
  may: string[];
  /** of the next image, and of the next record */
  images: number;
  saves: number;
}

/** Of an image all that is checked; the rest is made of it. */
function hashOf(image: number): string {
  return image.toString(16).padStart(16, '0');
}

function imageOf(hash: string): Body {
  const random = createRandom(Number.parseInt(hash, 16), 'image');
  let text = '';
  for (let i = 0; i < 20 + (random.bits() % 60); i++) text += random.bits().toString(36);
  const plan = { components: [], boards: [BOARD] } as unknown as Body['plan'];
  return { plan, hash, modules: { a: text.slice(0, 200) } };
}

function textOf(value: BoardRecord): string {
  return JSON.stringify(value, Object.keys(value).sort());
}

/** What the records of a blank flash say. */
const NOTHING = textOf({ boot: 0, epoch: 0, active: -1, staged: -1, guarded: '', sides: [], quarantined: [] });

class BoardOwner {
  readonly bench: Bench<BoardModel>;
  readonly random: Random;
  readonly #code: RecordCode;
  #records: Records;

  constructor(code: RecordCode, bench: Bench<BoardModel>, random: Random) {
    this.#code = code;
    this.bench = bench;
    this.random = random;
    this.#records = this.look();
  }

  get value(): BoardRecord {
    return this.#records.value;
  }

  /** What is on flash, and whether it may be. */
  look(): Records {
    const { bench } = this;
    const { model, torn } = bench;
    bench.tally.mounts++;
    bench.readOnly = true;
    this.#records = this.#code.openRecords(bench.flash, crc32);
    const { value } = this.#records;
    const text = textOf(value);
    if (!model.may.includes(text)) {
      throw new Complaint(`the board's record is ${text}, and not ${model.may.join(' or ')}`, 'record');
    }
    // once it was there it stays; where bits may be in doubt, from the next save on: a board does nothing before it
    if (torn !== 'unstable') model.may = [text];
    const [active = '', staged = ''] = value.quarantined;
    // a board looks at both, whatever is in them
    for (let slot = 0; slot < 2; slot++) readSlot(bench.flash, slot, crc32, BOARD);
    this.#checkSlot('active', value.active, active);
    this.#checkSlot('staged', value.staged, staged);
    bench.readOnly = false;
    return this.#records;
  }

  #checkSlot(name: string, slot: number, hash: string): void {
    if (slot < 0) return;
    const image = readSlot(this.bench.flash, slot, crc32, BOARD);
    if (typeof image === 'string') throw new Complaint(`the ${name} version is not there: ${image}`);
    const wanted = imageOf(hash);
    const [at, length] = image.modules.a ?? [0, 0];
    if (image.hash !== hash || textOfBytes(this.bench.flash.read(at, length)) !== wanted.modules.a) {
      throw new Complaint(`the ${name} version is ${image.hash}, not ${hash}`);
    }
  }

  save(): void {
    const { model, nor } = this.bench;
    const { value } = this.#records;
    value.epoch = ++model.saves;
    const text = textOf(value);
    model.may.push(text);
    this.#code.saveRecord(this.#records);
    model.may = [text];
    checkRules(nor);
  }

  boot(): void {
    this.look();
    this.value.boot++;
    this.save();
  }

  /** Another image into the slot that is not active. */
  #write(): { slot: number; hash: string } {
    const { flash, model, nor } = this.bench;
    const slot = this.value.active === 0 ? 1 : 0;
    if (this.value.staged >= 0) this.drop();
    const hash = hashOf(++model.images);
    const body = encodeImage(imageOf(hash));
    eraseSlot(flash, slot);
    for (let from = 0; from < body.length; from += CHUNK) {
      flash.program(bodyAt(flash, slot) + from, aligned(flash, body.slice(from, Math.min(body.length, from + CHUNK))));
    }
    sealSlot(flash, slot, body.length, crc32(body, 0, body.length, 0), crc32);
    checkRules(nor);
    return { slot, hash };
  }

  /** A system for a board that may have none. */
  install(): void {
    const { slot, hash } = this.#write();
    const { value } = this;
    value.active = slot;
    value.staged = -1;
    value.quarantined = [hash];
    this.save();
  }

  stage(): void {
    const { slot, hash } = this.#write();
    const { value } = this;
    value.staged = slot;
    value.quarantined = [value.quarantined[0] as string, hash];
    this.save();
  }

  commit(): void {
    const { value } = this;
    if (value.staged < 0) return;
    value.active = value.staged;
    value.staged = -1;
    value.quarantined = [value.quarantined[1] as string];
    value.sides = [this.random.bits() & 1, this.random.bits() & 1];
    this.save();
  }

  drop(): void {
    const { value } = this;
    value.staged = -1;
    value.quarantined = value.quarantined.slice(0, 1);
    this.save();
  }
}

export const BOARD_WORKLOADS: Record<string, (owner: BoardOwner) => void> = {
  /** so many records that both their sectors are filled and erased several times */
  records(owner) {
    for (let i = 0; i < 24; i++) {
      owner.value.sides = [i & 1, 0, 1].slice(0, owner.random.bits() % 4);
      if (i % 6 === 0) owner.boot();
      else owner.save();
    }
  },
  /** a system, two upgrades that are kept, one that is not, another system */
  stage(owner) {
    owner.boot();
    owner.install();
    owner.boot();
    owner.stage();
    owner.save();
    owner.commit();
    owner.save();
    owner.stage();
    owner.boot();
    owner.drop();
    owner.stage();
    owner.commit();
    owner.boot();
    owner.stage();
    owner.install();
  },
  /** the least of it, for pairs of power cuts */
  short(owner) {
    owner.boot();
    owner.install();
    owner.boot();
    owner.stage();
    owner.commit();
    owner.save();
  },
};

/** After a power cut: the board starts, and is made to do what it may have been doing. */
function goOn(owner: BoardOwner): void {
  const kind = owner.random.bits() % 4;
  owner.boot();
  if (owner.value.active < 0) owner.install();
  if (kind === 0) owner.commit();
  if (kind === 1) owner.stage();
  if (kind === 2) owner.boot();
  owner.save();
  owner.look();
}

function boardModel(): BoardModel {
  return { may: [NOTHING], images: 0, saves: 0 };
}

/** Anything a board may do with its records and slots. */
export function boardCycles(code: RecordCode): Cycled<BoardModel> {
  return {
    model: boardModel,
    cycle(bench, seed, things) {
      const owner = new BoardOwner(code, bench, createRandom(seed, 'cycle'));
      const { random } = owner;
      owner.boot();
      if (owner.value.active < 0) owner.install();
      for (let i = 0; i < things; i++) {
        const what = random.bits() % 8;
        if (what === 0) owner.stage();
        else if (what === 1) owner.commit();
        else if (what === 2) owner.drop();
        else if (what === 3) owner.install();
        else if (what === 4) owner.boot();
        else owner.save();
      }
    },
  };
}

export function boardWork(code: RecordCode, workload: string): Work<BoardModel> {
  const run = BOARD_WORKLOADS[workload];
  if (!run) throw new Error(`no workload ${workload}`);
  return {
    model: boardModel,
    copy: (model) => ({ ...model, may: model.may.slice() }),
    begin(bench) {
      run(new BoardOwner(code, bench, createRandom(bench.seed, workload)));
    },
    recover(bench) {
      goOn(new BoardOwner(code, bench, createRandom(bench.seed, 'after')));
    },
  };
}
