// What of the product fits on a type of board: computed from its description and from a system, not claimed. Memory is an
// estimate (memory.ts); what nobody has measured stays unknown.

import { RECORD_SECTORS, slotBytes } from '../../firmware/image.ts';
import { JOURNAL_BYTES_MIN } from '../../firmware/limits.ts';
import type { Plan } from '../../firmware/plan.ts';
import type { Flash } from '../../hal/hal.ts';
import { LINE_HEADER } from '../../hal/line.ts';
import type { BoardType, FlashPart } from '../describe/board.ts';
import { SECTORS_LEAST, tooSmall } from '../describe/board.ts';
import type { Failing } from '../describe/contain.ts';
import { FAILINGS, HANGING, isolation } from '../describe/contain.ts';
import type { JournalPlan } from './durability.ts';
import { declaredRates, journalPlan, journalRoom, journalSectors } from './durability.ts';
import { boardBytes, costsOf, processBytes } from './memory.ts';
import { hangOf } from './preflight.ts';
import { besidePrograms, programSectors, programsOf } from './programs.ts';
import type { Version } from './version.ts';
import { imageOf } from './version.ts';

/** Start, eight bits, stop. */
const BITS = 10;
/** Of what the bus is told for: bytes of a packet that carries a message of 32 B, and boards on the line. */
export const PACKET = 64;
export const BOARDS = 4;

export interface Fit {
  what: string;
  /** null: nobody knows */
  fits: boolean | null;
  why: string;
}

/** What the figures are for: a system, and of it the component with the longest module. */
export interface Reference {
  system: string;
  component: string;
  textBytes: number;
  /** of the longest image of one of its boards */
  imageBytes: number;
  bundleBytes: number;
  /** of the program that an Espruino board holds twice: the bundle and its driver */
  programBytes: number;
}

export interface BoardFacts {
  type: BoardType;
  reference: Reference;
  memory: {
    /** 0: not known */
    bytes: number;
    runtime: number;
    plans: number;
    /** for components; negative: it is not even enough for the runtime; null: not known */
    left: number | null;
    component: number;
    /** its new version, and the old one beside it */
    guarded: number;
    /** so many guarded components fit; null: not known */
    pairs: number | null;
  };
  flash: {
    bytes: number;
    /** that the two programs of an Espruino board take; what follows has the rest */
    programSectors: number;
    recordBytes: number;
    /** of one of the two; 0: there is no room */
    slotBytes: number;
    journalSectors: number;
    journalBytes: number;
    /** of the board of the system that writes most, with durability always; null: there is no journal */
    journal: (JournalPlan & { board: string }) | null;
    /** part of the time in which it erases, and nothing is heard if it stalls; null: not known */
    erasing: number | null;
  };
  bus: {
    baud: number;
    /** for all boards together */
    bytesPerSecond: number;
    /** time of a packet with a payload of PACKET bytes, ms */
    packetMs: number;
    /** packets a second where each of `BOARDS` boards always has one, and where one board has them all; null: slotMs is not known */
    shared: number | null;
    alone: number | null;
    /** bytes of the line that one erase makes it miss; null: none, or not known */
    deaf: number | null;
  } | null;
  hang: 'interrupted' | 'reset' | 'stuck';
  isolation: string;
  failings: { what: string; cost: string; why: string }[];
  fits: Fit[];
}

function referenceOf(version: Version, bundleBytes: number, programBytes: number): Reference {
  const { plan, modules } = version;
  const parts = plan.components.flatMap((c) => (c ? [{ name: c.name, bytes: (modules[c.module] ?? '').length }] : []));
  const longest = parts.reduce((a, b) => (b.bytes > a.bytes ? b : a), { name: '', bytes: 0 });
  const images = plan.boards.map((board) => imageOf(version, board).bytes.length);
  return {
    system: plan.name,
    component: longest.name,
    textBytes: longest.bytes,
    imageBytes: Math.max(0, ...images),
    bundleBytes,
    programBytes,
  };
}

/** The journal of the board that writes most. */
function busiest(version: Version, flash: FlashPart): (JournalPlan & { board: string }) | null {
  if (journalSectors(flash) === 0) return null;
  const rates = declaredRates(version.plan);
  let most: (JournalPlan & { board: string }) | null = null;
  for (const board of version.plan.boards) {
    const journal = journalPlan(version, null, board, flash, rates);
    if (!most || journal.perSecond.bytes > most.perSecond.bytes) most = { ...journal, board };
  }
  return most;
}

function memoryOf(type: BoardType, plan: Plan, reference: Reference): BoardFacts['memory'] {
  const costs = costsOf(type);
  const component = processBytes(plan, reference.textBytes, costs);
  // during an upgrade a board holds two plans
  const taken = boardBytes([plan, plan], costs);
  const left = type.memoryBytes === 0 ? null : type.memoryBytes - taken;
  return {
    bytes: type.memoryBytes,
    runtime: costs.runtime,
    plans: taken - costs.runtime,
    left,
    component,
    guarded: 2 * component,
    pairs: left === null ? null : Math.max(0, Math.floor(left / (2 * component))),
  };
}

function busOf(type: BoardType): BoardFacts['bus'] {
  if (!type.bus) return null;
  const { eraseMs, eraseMaxMs, stalls } = type.flash;
  const bytesPerSecond = type.bus.baud / BITS;
  const ms = Math.max(eraseMs, eraseMaxMs);
  const deaf = stalls && ms > 0 ? Math.round((ms / 1000) * bytesPerSecond) : null;
  const packetMs = ((PACKET + LINE_HEADER) * 1000) / bytesPerSecond;
  const slot = type.bus.slotMs;
  // the next in turn waits for half a slot, and for a whole one for each board that says nothing (hal/BUS.md)
  const each = (slots: number): number | null => (slot > 0 ? 1000 / (packetMs + slots * slot) : null);
  return { baud: type.bus.baud, bytesPerSecond, packetMs, shared: each(0.5), alone: each(BOARDS - 0.5), deaf };
}

/** How a failing costs on this board, where the board says more than its engine. */
function costOf({ what, costs, why }: Failing, type: BoardType): BoardFacts['failings'][number] {
  if (what !== HANGING) return { what, cost: costs[type.engine], why: why[type.engine] };
  const hang = hangOf(type);
  if (hang === 'stuck') return { what, cost: 'the board', why: 'no watchdog: until its power is cycled' };
  if (hang === 'reset') return { what, cost: 'reset', why: 'no interruption: the watchdog resets the board' };
  return { what, cost: 'process', why: 'interrupted' };
}

/** The firmware itself: a bundle that is in the program of a native board, or Espruino's two programs. */
function firmwareFit(type: BoardType, { reference, flash }: Omit<BoardFacts, 'fits'>): Fit {
  const { bundleBytes, programBytes } = reference;
  if (type.build === 'host') return { what: 'the bundle', fits: true, why: `${bundleBytes} B, a file` };
  const programs = programsOf(type, programBytes);
  if (programs) {
    const { sectors } = type.flash;
    const where = `${flash.programSectors} of its ${sectors} sectors`;
    const why = `2 × ${programBytes} B in ${programs.sectors === 0 ? `${programs.storageBytes} B of Storage` : where}`;
    return { what: 'the bundle, as two programs', fits: flash.programSectors <= sectors, why };
  }
  if (type.codeBytes === 0) return { what: 'the bundle', fits: null, why: `${bundleBytes} B; its room is not known` };
  return { what: 'the bundle', fits: bundleBytes <= type.codeBytes, why: `${bundleBytes} B of ${type.codeBytes}` };
}

function fitsOf(type: BoardType, facts: Omit<BoardFacts, 'fits'>): Fit[] {
  const { memory, flash, reference } = facts;
  const fits: Fit[] = [];
  const say = (what: string, fit: boolean | null, why: string): void => {
    fits.push({ what, fits: fit, why });
  };
  const host = type.build === 'host';
  fits.push(firmwareFit(type, facts));
  const left = besidePrograms(type.flash, flash.programSectors).sectors;
  say('a system', left >= SECTORS_LEAST, `sectors: ${left} there, ${SECTORS_LEAST} wanted`);
  const image = `${reference.imageBytes} B, a slot of ${flash.slotBytes}`;
  say(`${reference.system}’s longest image`, flash.slotBytes >= reference.imageBytes + type.flash.programBytes, image);
  const there = memory.left === null ? 'its memory is not known' : `about ${memory.left} B left`;
  const room = (wanted: number): boolean | null => (memory.left === null ? null : wanted <= memory.left);
  say(`a component (${reference.component})`, room(memory.component), `about ${memory.component} B wanted, ${there}`);
  say('it and its shadow, under guard', room(memory.guarded), `about ${memory.guarded} B wanted, ${there}`);
  const least = `less than ${JOURNAL_BYTES_MIN} B are left beside the slots`;
  const journal = flash.journal;
  say(
    'durability: a power cut is a pause',
    journal !== null && journal.wanted <= journal.capacity,
    journal ? `${journal.capacity} B of journal, about ${journal.wanted} wanted` : least,
  );
  if (host) say('the device bus', true, 'the testbed’s');
  else say('the device bus', type.bus !== null, type.bus ? type.bus.uart : 'no UART for it is named');
  if (facts.hang !== 'interrupted') {
    const shared = facts.hang === 'reset' && type.keeps;
    say(
      'a new version beside others (sharedFate)',
      shared,
      shared
        ? 'after a hang the journal brings them back'
        : `a hang ${facts.hang === 'stuck' ? 'stops the board for good' : 'would come again after each reset'}`,
    );
  } else say('a new version beside others', true, 'a hang is interrupted');
  return fits;
}

/**
 * What a type of board means for a system; `bundleBytes` of the firmware as it is sent to boards, `programBytes` as it is
 * installed on Espruino boards.
 */
export function boardFacts(type: BoardType, version: Version, bundleBytes: number, programBytes: number): BoardFacts {
  const taken = type.build === 'host' ? 0 : programSectors(type, programBytes);
  const flash = besidePrograms(type.flash, taken);
  const system = !tooSmall(type, taken);
  const reference = referenceOf(version, bundleBytes, programBytes);
  const journal = system ? busiest(version, flash) : null;
  const facts: Omit<BoardFacts, 'fits'> = {
    type,
    reference,
    memory: memoryOf(type, version.plan, reference),
    flash: {
      bytes: type.flash.sectors * flash.sectorBytes,
      programSectors: taken,
      recordBytes: system ? RECORD_SECTORS * flash.sectorBytes : 0,
      slotBytes: system ? slotBytes(flash as unknown as Flash) : 0,
      journalSectors: system ? journalSectors(flash) : 0,
      journalBytes: system ? journalRoom(flash) : 0,
      journal,
      erasing: journal && flash.eraseMs > 0 ? (journal.erasesPerHour * flash.eraseMs) / 3_600_000 : null,
    },
    bus: busOf(type),
    hang: hangOf(type),
    isolation: isolation(type),
    failings: FAILINGS.map((failing) => costOf(failing, type)),
  };
  return { ...facts, fits: fitsOf(type, facts) };
}
