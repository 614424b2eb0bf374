// What the native program takes of a chip: code in flash, and RAM beside heap and stack.

import { execFileSync } from 'node:child_process';
import { findTool } from '../build/engine-parts.ts';

const PACKAGE = 'binutils-arm-none-eabi';

export interface Sections {
  /** code, constants, and what data begins with */
  flash: number;
  /** data and zeroed memory, without the marks of flash units that only emulated flash needs */
  ram: number;
  marks: number;
}

function lines(tool: string, args: string[]): string[][] {
  const out = execFileSync(findTool(tool, PACKAGE), args, { encoding: 'utf8' });
  return out.split('\n').map((line) => line.trim().split(/\s+/));
}

export function sectionsOf(program: string): Sections {
  const sizes = new Map(lines('arm-none-eabi-size', ['-A', program]).map(([name, size]) => [name, Number(size)]));
  const of = (name: string): number => sizes.get(name) ?? 0;
  const marks = lines('arm-none-eabi-nm', ['-S', program]).find(([, , , name]) => name === 'marks');
  const marksBytes = Number.parseInt(marks?.[1] ?? '0', 16);
  return { flash: of('.text') + of('.data'), ram: of('.data') + of('.bss') - marksBytes, marks: marksBytes };
}
