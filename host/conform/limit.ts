// Runs a function with an end: a call that hangs on a board may hang here too.

import { Script } from 'node:vm';

const NAME = '\u0000limited';

const script = new Script(`globalThis[${JSON.stringify(NAME)}]()`, { filename: 'call' });

/** False: it did not return within `ms`, and was interrupted. Throws what `fn` throws. It may stand within another. */
export function limited(ms: number, fn: () => void): boolean {
  const global = globalThis as Record<string, unknown>;
  global[NAME] = fn;
  try {
    script.runInThisContext({ timeout: ms });
  } catch (error) {
    if ((error as { code?: string } | null)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return false;
    throw error;
  } finally {
    delete global[NAME];
  }
  return true;
}
