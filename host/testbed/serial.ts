// A serial port, here or behind a TCP server (ser2net and the like), as a line of bytes that a link can be put on.

import { connect } from 'node:net';
import { SerialPort } from 'serialport';
import type { Line } from '../session/link.ts';
import { DEFAULT_BAUD } from './config.ts';
import { EXIT, Failure } from '../failure.ts';
import { portFailure } from './ports.ts';

export interface SerialLine extends Line {
  /** the port went away by itself */
  onLost(fn: (why: string) => void): void;
}

/**
 * Opens a port, alone: a second opener is told that it is busy. Modem lines are left as they are: toggling them resets
 * boards. Throws Failure E_PERMISSION (4), E_BUSY (5), E_NO_PORT (3) or E_PORT (6).
 */
export function openSerial(path: string, baudRate = DEFAULT_BAUD): Promise<SerialLine> {
  return new Promise((resolve, reject) => {
    const port = new SerialPort({ path, baudRate, lock: true, hupcl: false, rtscts: false, autoOpen: false });
    let closing = false;
    let lost: (why: string) => void = () => undefined;
    port.on('error', (error) => {
      if (!closing) lost(error.message);
    });
    port.on('close', (error: Error | null) => {
      if (!closing) lost(error?.message ?? 'it was closed');
    });
    port.open((error) => {
      if (error) {
        reject(portFailure(path, error));
        return;
      }
      resolve({
        write: (bytes) => {
          port.write(Buffer.from(bytes));
        },
        onData: (fn) => {
          port.on('data', (chunk: Buffer) => fn(chunk));
        },
        onLost: (fn) => {
          lost = fn;
        },
        close: () => {
          closing = true;
          if (port.isOpen) port.close(() => undefined);
        },
      });
    });
  });
}

const TCP_MS = 5000;

/** Opens whatever `port` names: a path, or `tcp://host:port`. Throws what `openSerial` throws. */
export function openPort(port: string, baudRate?: number): Promise<SerialLine> {
  if (!port.includes('://')) return openSerial(port, baudRate);
  const tcp = /^tcp:\/\/(.+):(\d+)$/.exec(port);
  if (!tcp) {
    const cause = `${port} is no port that we can open`;
    throw new Failure('E_USAGE', EXIT.usage, cause, 'give a path, id:<usb serial> or tcp://host:port');
  }
  return new Promise((resolve, reject) => {
    const socket = connect({ host: tcp[1], port: Number(tcp[2]), noDelay: true });
    let lost: (why: string) => void = () => undefined;
    let open = false;
    let closing = false;
    const fail = (why: string): void => {
      socket.destroy();
      reject(new Failure('E_PORT', EXIT.link, `cannot reach ${port}: ${why}`, 'check host, port and its server'));
    };
    const timer = setTimeout(() => fail(`no answer within ${TCP_MS} ms`), TCP_MS);
    socket.on('error', (error) => {
      clearTimeout(timer);
      if (!open) fail(error.message);
    });
    socket.on('close', () => {
      if (open && !closing) lost('the connection ended');
    });
    socket.once('connect', () => {
      clearTimeout(timer);
      open = true;
      resolve({
        write: (bytes) => {
          socket.write(bytes);
        },
        onData: (fn) => {
          socket.on('data', fn);
        },
        onLost: (fn) => {
          lost = fn;
        },
        close: () => {
          closing = true;
          socket.destroy();
        },
      });
    });
  });
}
