// `npm run check`, the part that no library has: the language gate over the code of boards, and no path of somebody's
// machine in any file of the repository.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { EXIT } from '../failure.ts';
import { boardSources, gate } from './gate.ts';
import { root } from './root.ts';

/** A folder of one machine; temporary files belong under os.tmpdir(). */
const MACHINE_PATH = /(?<![\w.)}\]])\/(root|work|tmp|Users)\//;
const TEXT = /\.(ts|mts|js|mjs|json|ndjson|md|svg|html|css|c|h|sh|yml|txt)$|(^|\/)(run|LICENSE|\.gitignore)$/;

function tracked(): string[] {
  const out = execFileSync('git', ['ls-files', '-z'], { cwd: root(), encoding: 'utf8', maxBuffer: 1 << 24 });
  return out.split('\0').filter((file) => TEXT.test(file));
}

function* machinePaths(): Generator<string> {
  for (const file of tracked()) {
    let text: string;
    try {
      text = readFileSync(join(root(), file), 'utf8');
    } catch {
      continue; // tracked, and just deleted
    }
    for (const [index, line] of text.split('\n').entries()) {
      const found = MACHINE_PATH.exec(line);
      if (found) yield `${file}:${index + 1}:${found.index + 1}: ${found[0]} is a folder of one machine`;
    }
  }
}

function* language(): Generator<string> {
  for (const file of boardSources()) {
    for (const { line, column, what } of gate(readFileSync(file, 'utf8'), file)) {
      yield `${relative(root(), file)}:${line}:${column}: ${what}`;
    }
  }
}

const findings = [...language(), ...machinePaths()];
for (const finding of findings) console.log(finding);
console.error(findings.length === 0 ? 'language gate: nothing found' : `language gate: ${findings.length} found`);
if (findings.length > 0) process.exitCode = EXIT.testsFailed;
