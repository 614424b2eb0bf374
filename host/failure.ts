// Errors that a person reads: a code, the cause, and what to do next (contracts: exit codes).

export const EXIT = {
  done: 0,
  usage: 2,
  noBoard: 3,
  permission: 4,
  busy: 5,
  link: 6,
  refused: 7,
  inconclusive: 8,
  boardFault: 9,
  testsFailed: 10,
  reverted: 11,
  bug: 70,
  interrupted: 130,
} as const;

export type Exit = (typeof EXIT)[keyof typeof EXIT];

/** `message` is the cause in words; `next` the next thing to try. `code` is symbolic, e.g. `E_SCHEMA`. */
export class Failure extends Error {
  readonly code: string;
  readonly exit: Exit;
  readonly next: string;

  constructor(code: string, exit: Exit, cause: string, next = '') {
    super(cause);
    this.name = 'Failure';
    this.code = code;
    this.exit = exit;
    this.next = next;
  }
}
