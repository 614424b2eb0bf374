// A serial port as a line of bytes that a link can be put on.

import { SerialPort } from 'serialport';
import type { Line } from '../session/link.ts';
import { DEFAULT_BAUD } from './config.ts';
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
