// A real board: a port that may go away, and no power of ours.

import { EXIT, Failure } from '../failure.ts';
import { BoardLink } from '../session/link.ts';
import type { TestbedBoard } from './config.ts';
import { choosePort } from './ports.ts';
import type { Seat, SeatEvents, SeatInfo } from './seat.ts';
import { patientClock, Socketed } from './seat.ts';
import { openPort } from './serial.ts';

export class RealSeat implements Seat {
  readonly board: TestbedBoard;
  readonly link: BoardLink;
  boots = 0;
  private readonly line = new Socketed();
  private readonly events: SeatEvents;
  private path = '';
  private why = '';

  constructor(board: TestbedBoard, events: SeatEvents) {
    this.board = board;
    this.events = events;
    this.link = new BoardLink(board.name, this.line, patientClock);
  }

  info(): SeatInfo {
    const { name, type } = this.board;
    const powered = this.line.current !== null;
    return { name, kind: 'real', type, port: this.path, powered, pid: 0, boots: 0, why: this.why };
  }

  check(): void {
    if (this.line.current) return;
    const cause = `the port of board ${this.board.name} went away: ${this.why}`;
    throw new Failure(
      'E_UNPLUGGED',
      EXIT.link,
      cause,
      `plug it in, then npx understudy testbed power ${this.board.name} on`,
    );
  }

  async open(): Promise<void> {
    this.path = choosePort(this.board.port ?? '');
    const line = await openPort(this.path, this.board.baud);
    line.onLost((why) => {
      if (this.line.current !== line) return;
      this.line.current = null;
      this.why = why;
      this.events.changed(this, 'lost', why);
    });
    this.line.plug(line);
    this.why = '';
    this.events.changed(this, 'on', '');
  }

  /** Opens the port again where it went away. */
  async on(): Promise<void> {
    if (!this.line.current) await this.open();
  }

  off(): Promise<void> {
    const cause = `board ${this.board.name} is a real one: its power is not in our hands`;
    return Promise.reject(new Failure('E_POWER', EXIT.usage, cause, 'pull its plug'));
  }

  /** A real board has a bus of its own. */
  bus(): void {}

  /** And devices of its own. */
  input(): void {}

  async close(): Promise<void> {
    this.link.close();
  }
}
