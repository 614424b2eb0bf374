// The conformance program as an ES5 text that every engine class runs in place of the firmware: `understudy.boot(hal)`.

import type { Built } from './bundle.ts';
import { boardScript } from './bundle.ts';

/** `recorded`: by name, the deeds of golden interactions (host/conform/record.ts). */
export function conformanceBundle(recorded: Record<string, string>): Promise<Built> {
  const imports = `import { conform } from './main.ts';\nvar recorded = ${JSON.stringify(recorded)};`;
  const value = '{ boot: function (hal) { return conform(hal, recorded); } }';
  return boardScript(imports, 'understudy', value, 'host/conform/board');
}
