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
import { boardFacts } from '../operate/fits.ts';
import { builder } from './build.ts';
import { common, contextOf } from './context.ts';
import { bytes, spanText, table } from './output.ts';

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

function memoryLines({ type, memory, reference }: BoardFacts): string[] {
  const { system, component } = reference;
  const there = type.variables > 0 ? `: ${type.variables} variables of ${type.variableBytes} B` : '';
  const taken = `runtime ${bytes(memory.runtime)}, plans ${bytes(memory.plans)}`;
  if (memory.left === null) return [`memory     not known; estimated: ${taken}`];
  return [
    `memory     ${bytes(memory.bytes)}${there}; estimated: ${taken},`,
    `           left for components: ${memory.left > 0 ? bytes(memory.left) : 'nothing'}`,
    `           ${component} of ${system}: ${bytes(memory.component)}, under guard with its shadow ${bytes(memory.guarded)}: ${memory.pairs} such pairs`,
  ];
}

function eraseText({ eraseMs, eraseMaxMs, stalls, endurance }: BoardType['flash']): string {
  const time =
    eraseMs > 0 ? `${eraseMs} ms${eraseMaxMs > eraseMs ? `, at most ${eraseMaxMs}` : ''}` : 'a time not known';
  return `an erase takes ${time}${stalls ? ', and nothing runs meanwhile' : ''}; a sector stands ${endurance}`;
}

function flashLines({ type, flash, reference }: BoardFacts): string[] {
  const { base, sectors, sectorBytes, programBytes } = type.flash;
  const where = base === null ? '' : `${hex(base)}: `;
  if (sectors === 0) return ['flash      none that its interpreter leaves'];
  const lines = [
    `flash      ${where}${sectors} sector${sectors > 1 ? 's' : ''} of ${bytes(sectorBytes)}, programmed by ${programBytes} B; ${eraseText(type.flash)}`,
  ];
  if (flash.slotBytes === 0) return lines;
  const ring = flash.journalSectors > 0 ? `${flash.journalSectors} sectors, ${bytes(flash.journalBytes)}` : 'no room';
  lines.push(`           records ${bytes(flash.recordBytes)}, two slots of ${bytes(flash.slotBytes)}, journal ${ring}`);
  const { journal, erasing } = flash;
  if (journal) {
    const share = erasing === null ? '' : `, erasing ${(100 * erasing).toFixed(1)} % of the time`;
    const rate = `${bytes(Math.round(journal.perSecond.bytes))}/s, ${Math.round(journal.erasesPerHour)} erases/h`;
    lines.push(
      `           journal of ${reference.system} (${journal.board}, durability always): ${rate}${share}; lasts ${spanText(journal.lifetimeHours)}`,
    );
  }
  return lines;
}

function busLines({ type, bus }: BoardFacts): string[] {
  if (!type.bus || !bus)
    return [`bus        ${type.build === 'host' ? 'the testbed’s' : 'none: no UART for it is named'}`];
  const { enable, slotMs } = type.bus;
  const extra = `${enable ? `, enable ${enable}` : ''}${slotMs > 0 ? `, slots of ${slotMs} ms` : ''}`;
  const lines = [
    `bus        ${line(type.bus)}${extra}: ${bytes(Math.round(bus.bytesPerSecond))}/s for all boards together`,
  ];
  if (bus.deaf !== null)
    lines.push(`           up to ${bus.deaf} B of it go unheard during an erase, and are sent again`);
  return lines;
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
  return [
    `${type.name}  ${type.chip}; ${type.engine}, ${BUILDS[type.build]}`,
    ...memoryLines(facts),
    ...flashLines(facts),
    `console    ${type.console ? line(type.console) : 'that of its kind'}`,
    ...busLines(facts),
    `hangs      ${HANGS[facts.hang]}`,
    `isolation  ${facts.isolation}`,
    '',
    table(['a new version’s failing', 'costs', 'how'], failings),
    '',
    table(['fits', '', 'why'], fits),
    ...(type.unknown.length > 0 ? ['', `measured by nobody: ${type.unknown.join(', ')}`] : []),
    ...(type.notes.length > 0 ? ['', ...type.notes] : []),
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
      const facts = boardFacts(board.value, version, (await boardBundle()).text.length);
      context.out.data(facts, () => boardText(facts));
      const small = tooSmall(board.value);
      if (small) refuse(board, [small], 'use another board, or describe one with more flash');
    });
}
