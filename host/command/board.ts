// understudy board: what a type of board means, in words: a description of the package or one's own.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { boardBundle } from '../build/bundle.ts';
import { root } from '../build/root.ts';
import type { BoardType } from '../describe/board.ts';
import { hex, tooSmall } from '../describe/board.ts';
import { boardDescription, boardTypes, readSystem, refuse } from '../describe/read.ts';
import type { BoardFacts } from '../operate/fits.ts';
import { BOARDS, boardFacts, PACKET } from '../operate/fits.ts';
import { programBytes } from '../operate/programs.ts';
import { builder } from './build.ts';
import { common, contextOf } from './context.ts';
import { bytes, labelled, spanText, table } from './output.ts';

const BUILDS: Record<BoardType['build'], string> = {
  host: 'a program of this machine',
  port: 'the native port, boards/native',
  release: 'official builds of its interpreter exist',
  source: 'no official build of its interpreter exists: build it from its source',
};

const ANSWERS = { true: 'yes', false: 'NO', null: 'not known' };

function line({ uart, tx, rx, baud }: { uart: string; tx: string | null; rx: string | null; baud: number }): string {
  return `${uart}${tx ? `, tx ${tx}, rx ${rx}` : ''}, ${baud} baud`;
}

function memoryText({ type, memory, reference }: BoardFacts): string {
  const { system, component } = reference;
  const there = type.variables > 0 ? `, ${type.variables} variables of ${type.variableBytes} B` : '';
  const taken = `runtime ${bytes(memory.runtime)}, plans ${bytes(memory.plans)}`;
  if (memory.left === null) return `not known; estimated: ${taken}`;
  const left = memory.left > 0 ? bytes(memory.left) : 'nothing';
  const each = `${component} of ${system} takes ${bytes(memory.component)}`;
  const pairs = `under guard with its shadow ${bytes(memory.guarded)}: ${memory.pairs} such pairs fit`;
  return `${bytes(memory.bytes)}${there}; estimated: ${taken}, left for components ${left}; ${each}, ${pairs}`;
}

function eraseText({ eraseMs, eraseMaxMs, stalls, endurance }: BoardType['flash']): string {
  const most = eraseMaxMs > eraseMs ? `, at most ${eraseMaxMs}` : '';
  const time = eraseMs > 0 ? `${eraseMs} ms${most}` : 'a time not known';
  return `an erase takes ${time}${stalls ? ', and nothing runs meanwhile' : ''}; a sector stands ${endurance}`;
}

function flashLines({ type, flash, reference }: BoardFacts): string[] {
  const { base, sectors, sectorBytes, programBytes } = type.flash;
  if (sectors === 0) return [labelled('flash', 'none that its interpreter leaves')];
  const where = base === null ? '' : `${hex(base)}: `;
  const many = `${sectors} sector${sectors > 1 ? 's' : ''} of ${bytes(sectorBytes)}, programmed by ${programBytes} B`;
  const lines = [labelled('flash', `${where}${many}; ${eraseText(type.flash)}`)];
  if (flash.slotBytes === 0) return lines;
  const ring = flash.journalSectors > 0 ? `${flash.journalSectors} sectors, ${bytes(flash.journalBytes)}` : 'no room';
  const slots = `two slots of ${bytes(flash.slotBytes)}`;
  if (flash.programSectors > 0) lines.push(labelled('', `two programs, ${flash.programSectors} sectors; beside them:`));
  lines.push(labelled('', `records ${bytes(flash.recordBytes)}, ${slots}, journal ${ring}`));
  const { journal, erasing } = flash;
  if (journal) {
    const share = erasing === null ? '' : `, erasing ${(100 * erasing).toFixed(1)} % of the time`;
    const rate = `${bytes(Math.round(journal.perSecond.bytes))}/s, ${Math.round(journal.erasesPerHour)} erases/h`;
    const of = `${reference.system}, ${journal.board}, with durability always`;
    lines.push(labelled('', `journal of ${of}: ${rate}${share}; lasts ${spanText(journal.lifetimeHours)}`));
  }
  return lines;
}

function busText({ type, bus }: BoardFacts): string {
  if (!type.bus || !bus) return type.build === 'host' ? 'the testbed’s' : 'none: no UART for it is named';
  const { enable, slotMs } = type.bus;
  const extra = `${enable ? `, enable ${enable}` : ''}${slotMs > 0 ? `, slots of ${slotMs} ms` : ''}`;
  const packet = `a packet of ${PACKET} B takes ${bus.packetMs.toFixed(1)} ms`;
  const rate = (value: number | null): string => String(Math.floor(value ?? 0));
  const often =
    bus.shared === null
      ? '; how many a second is not known, for slotMs is not'
      : `, ${rate(bus.shared)}/s of ${BOARDS} boards that all send, ${rate(bus.alone)}/s of one alone`;
  const deaf = bus.deaf === null ? '' : `; up to ${bus.deaf} B go unheard during an erase, and are sent again`;
  return `${line(type.bus)}${extra}: ${packet}${often}${deaf}`;
}

const HANGS: Record<BoardFacts['hang'], string> = {
  interrupted: 'a call that never returns is interrupted',
  reset: 'a call that never returns costs a reset, by the watchdog',
  stuck: 'a call that never returns stops the board until its power is cycled: it has no watchdog',
};

export function boardText(facts: BoardFacts): string {
  const { type } = facts;
  const failings = facts.failings.map((f) => [f.what, f.cost, f.why]);
  const fits = facts.fits.map((f) => [f.what, ANSWERS[`${f.fits}`], f.why]);
  const kept = type.keeps ? 'the board knows which process it was in' : 'nobody knows which process the board was in';
  return [
    `${type.name}: ${type.chip}`,
    labelled('engine', `${type.engine}: ${BUILDS[type.build]}`),
    labelled('memory', memoryText(facts)),
    ...flashLines(facts),
    labelled('console', type.console ? line(type.console) : 'that of its kind'),
    labelled('bus', busText(facts)),
    labelled('hangs', `${HANGS[facts.hang]}; after a reset ${kept}`),
    labelled('isolation', facts.isolation),
    '',
    table(['what a new version does', 'costs', 'how'], failings),
    '',
    table(['fits', '', 'why'], fits),
    ...(type.unknown.length > 0 ? ['', labelled('unmeasured', type.unknown.join(', '))] : []),
    ...(type.notes.length > 0 ? ['', ...type.notes.map((note, i) => labelled(i === 0 ? 'notes' : '', note))] : []),
  ].join('\n');
}

/** The system that figures are for: that of the folder, or the sample mission. */
function systemFile(file: string): string {
  return existsSync(file) ? file : join(root(), 'host', 'mission', 'system.json');
}

export function register(program: Command): void {
  common(program.command('board'))
    .argument('[type]', 'a name in boards/, or a file of your own, ending in .json; left out: lists the names')
    .description('check a description of a board, and say what it means and what of your system fits on it')
    .action(async (name, options) => {
      const context = contextOf(options);
      if (!name) {
        const names = boardTypes();
        context.out.data(names, () => names.join('\n'));
        return;
      }
      const board = boardDescription(name);
      const { buildSystem } = await builder();
      const version = await buildSystem(readSystem(systemFile(context.systemFile)));
      const program = await programBytes([board.value]);
      const facts = boardFacts(board.value, version, (await boardBundle()).text.length, program);
      context.out.data(facts, () => boardText(facts));
      const small = tooSmall(board.value, facts.flash.programSectors);
      if (small) refuse(board, [small], 'use another board, or describe one with more flash');
    });
}
