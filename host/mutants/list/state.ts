// The state that a rollback restores, and how to leave a part of it behind.

export const LOAD = '    self.state = app.load(records[0].saved) as State;\n';

/** A rollback that leaves a part of the state as it is. */
export function outside(part: string): string {
  return `    const kept = self.state.${part};\n${LOAD}    self.state.${part} = kept;\n`;
}
