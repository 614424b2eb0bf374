// What `npm run bench` can measure; one entry for each name.

export interface Bench {
  /** in one line, for the list */
  what: string;
  /** `args`: what stands behind its name. False: it could not be run. A figure that misses its target is no failure */
  run(args: string[]): Promise<boolean>;
}
