// understudy install: the firmware onto a board with the official Espruino interpreter, over its console.

import { existsSync, readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { boardType, readTestbed } from '../describe/read.ts';
import { EXIT, Failure } from '../failure.ts';
import { placeEspruino } from '../operate/espruino-board.ts';
import { choosePort } from '../testbed/ports.ts';
import { openPort } from '../testbed/serial.ts';
import { common, contextOf } from './context.ts';
import { bytes, positive } from './output.ts';
import { createBars } from './progress.ts';

/** Name of the file in Storage that holds the text for the board's devices. */
const DEVICES_FILE = 'us.devices';
const PROMPT_S = 30;

export function register(program: Command): void {
  common(program.command('install'))
    .description('put the firmware on a board that runs the official Espruino interpreter')
    .argument('<board>', 'its name in the testbed file')
    .option('--devices <file>', 'text that drives the board’s devices (hal/BOOT.md)')
    .option('--wait <seconds>', 'how long to wait for its prompt', positive, PROMPT_S)
    .action(async (name: string, options) => {
      const context = contextOf(options);
      const testbed = readTestbed(context.testbedFile);
      const entry = testbed.value.boards[name];
      if (!entry || entry.kind !== 'real') {
        const cause = entry ? `board ${name} is ${entry.kind}: it needs no installation` : `no board is named ${name}`;
        const real = Object.entries(testbed.value.boards).filter(([, board]) => board.kind === 'real');
        const next = `real boards of ${testbed.file}: ${real.map(([board]) => board).join(', ') || 'none'}`;
        throw new Failure('E_BOARD', EXIT.noBoard, cause, next);
      }
      const { bootCode, espruinoProgram } = await import('../build/espruino.ts');
      const { installEspruino } = await import('../operate/espruino.ts');
      const type = boardType(entry.type, testbed.file.replace(/[^/]*$/, '') || '.');
      const text = Buffer.from(await espruinoProgram(), 'latin1');
      const { board, slots } = placeEspruino(name, type, text.length, Object.keys(testbed.value.boards).sort());
      let files: Record<string, Uint8Array> = {};
      if (options.devices) {
        if (!existsSync(options.devices)) {
          const cause = `there is no ${options.devices}`;
          throw new Failure('E_USAGE', EXIT.usage, cause, 'name the file with the text for its devices');
        }
        files = { [DEVICES_FILE]: readFileSync(options.devices) };
        board.devices = DEVICES_FILE;
      }
      const path = choosePort(entry.port ?? '');
      const line = await openPort(path, type.console?.baud);
      const bars = createBars(context.out.json);
      try {
        const done = await installEspruino(line, {
          board: name,
          program: text,
          boot: await bootCode(board),
          files,
          slots,
          promptMs: options.wait * 1000,
          onProgress: (sent, total) => bars.update({ board: name, done: sent, total, resent: 0 }),
        });
        bars.finish();
        const { slot, sequence, repeated, version } = done;
        const again = repeated > 0 ? `, ${repeated} pieces sent again` : '';
        const said = `board ${name} (Espruino ${version}): ${bytes(text.length)} in slot ${slot}, its ${sequence}. program${again}`;
        context.out.data({ board: name, ...done }, () => said);
        context.out.say('next: npx understudy testbed up, then flash');
      } finally {
        line.close();
      }
    });
}
