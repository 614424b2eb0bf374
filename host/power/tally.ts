// What a campaign has done so far, and what went wrong in it.

export interface Finding {
  /** how often the same was complained of */
  times: number;
  /** the first one, to be replayed */
  path: string;
  text: string;
}

export interface Tally {
  /** power cuts, each with all that was looked at after it */
  faults: number;
  /** times that something was started from flash */
  mounts: number;
  /** by complaint, without its numbers */
  findings: Map<string, Finding>;
  /** the first finding ends it */
  hasty: boolean;
  /** nothing more is to be done */
  over: boolean;
  /** called now and then */
  progress: (tally: Tally) => void;
}

/** Something is not as it must be. */
export class Complaint extends Error {
  readonly kind: string;

  /** `kind`: complaints that are one; by default those that differ in their numbers only */
  constructor(message: string, kind = message.replace(/0x[0-9a-f]+|\d+/g, '#')) {
    super(message);
    this.kind = kind;
  }
}

export function createTally(options: Partial<Pick<Tally, 'hasty' | 'progress'>> = {}): Tally {
  return {
    faults: 0,
    mounts: 0,
    findings: new Map(),
    hasty: options.hasty ?? false,
    over: false,
    progress: options.progress ?? (() => {}),
  };
}

const EVERY = 4096;

export function countFault(tally: Tally): void {
  tally.faults++;
  if (tally.faults % EVERY === 0) tally.progress(tally);
}

/** Notes it; the same complaint from elsewhere is counted only. */
export function complain(tally: Tally, path: string, error: unknown): void {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const own = error instanceof Complaint ? error : new Complaint(message);
  const where = own === error ? '' : ` (${(stack ?? '').split('\n')[1]?.trim() ?? ''})`;
  const known = tally.findings.get(own.kind);
  if (known) known.times++;
  else tally.findings.set(own.kind, { times: 1, path, text: `${message}${where}` });
  if (tally.hasty) tally.over = true;
}

/** How many complaints there were, the same ones too. */
export function complaints(tally: Tally): number {
  let all = 0;
  for (const { times } of tally.findings.values()) all += times;
  return all;
}
