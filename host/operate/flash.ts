// Brings a system onto its boards. Everything that can be refused is refused before the first byte.

import { EXIT, Failure } from '../failure.ts';
import type { Lab, Progress, Reply } from '../lab.ts';
import { patienceOf } from '../lab.ts';
import { boardStatus } from './status.ts';
import type { Version } from './version.ts';
import { boardsOf, imageOf } from './version.ts';

/** How long the processes of a flashed system may take until they run, ms. */
const BEGIN_MS = 15_000;
const POLL_MS = 100;

/** Asks every board of the version who it is; refuses where one is missing or the image does not fit. */
export async function greet(lab: Lab, version: Version): Promise<Map<string, Reply>> {
  const there = new Set(lab.boards().map((board) => board.name));
  const replies = new Map<string, Reply>();
  const needed = boardsOf(version.plan);
  const missing = needed.filter((board) => !there.has(board));
  if (missing.length > 0) {
    const cause = `the testbed has no board named ${missing.join(', ')}, which ${version.plan.name} needs`;
    throw new Failure('E_BOARD', EXIT.noBoard, cause, 'add it to the testbed file, or place the component elsewhere');
  }
  for (const board of needed) {
    const hello = await lab.request(board, 'hello');
    replies.set(board, hello);
    const bytes = imageOf(version, board).bytes.length;
    const room = (hello.slotBytes as number) - 64;
    if (bytes > room) {
      const cause = `the image for board ${board} has ${bytes} bytes; a slot of its flash holds ${room}`;
      throw new Failure('E_SPACE', EXIT.refused, cause, 'make its modules smaller, or use a board with more flash');
    }
  }
  return replies;
}

export interface Flashed {
  board: string;
  bytes: number;
  hash: string;
}

/** Puts the version on all its boards and waits until its processes run. Throws Failure; see `greet` too. */
export async function flash(lab: Lab, version: Version, onProgress?: (p: Progress) => void): Promise<Flashed[]> {
  await greet(lab, version);
  const boards = boardsOf(version.plan);
  for (const board of boards) {
    const status = await boardStatus(lab, board);
    if (status.guarded && !status.lost) {
      const cause = `board ${board} is in guarded operation`;
      throw new Failure('E_GUARDED', EXIT.busy, cause, 'npx understudy abort, or wait for its end');
    }
  }
  const done: Flashed[] = [];
  for (const board of boards) {
    const image = imageOf(version, board);
    try {
      await lab.upload(board, 'active', image, onProgress);
    } catch (error) {
      if (!(error instanceof Failure) || done.length === 0) throw error;
      const names = done.map((d) => d.board).join(', ');
      const cause = `${error.message}; ${names} already run${done.length === 1 ? 's' : ''} ${version.hash}`;
      throw new Failure(
        error.code,
        error.exit,
        cause,
        'mend the board and flash again: all boards must run one version',
      );
    }
    done.push({ board, bytes: image.bytes.length, hash: image.hash });
  }
  await begun(lab, version, boards);
  return done;
}

/** Waits until every board runs the version, and every module is the one that was built. */
async function begun(lab: Lab, version: Version, boards: string[]): Promise<void> {
  const limit = BEGIN_MS * patienceOf(lab.boards());
  const end = lab.now() + limit;
  for (const board of boards) {
    for (;;) {
      const status = await boardStatus(lab, board).catch(() => null);
      if (status?.started && status.plan?.hash === version.hash) {
        const index = version.plan.boards.indexOf(board);
        const expected = version.plan.components.filter((c) => c?.board === index).length;
        if (status.processes.length < expected) {
          const cause = `board ${board} runs ${status.processes.length} of its ${expected} processes`;
          throw new Failure('E_MODULE', EXIT.boardFault, cause, 'npx understudy monitor shows the error of the module');
        }
        break;
      }
      if (lab.now() > end) {
        const runs = status?.plan ? `runs ${status.plan.hash}` : 'does not answer';
        const cause = `board ${board} ${runs} ${limit / 1000} s after it was flashed with ${version.hash}`;
        throw new Failure('E_BEGIN', EXIT.boardFault, cause, 'npx understudy status');
      }
      await lab.wait(POLL_MS);
    }
  }
}
