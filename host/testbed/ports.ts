// The serial ports of this machine, from sysfs (nothing to install: `SerialPort.list()` needs udevadm), and which of
// them is meant. Nothing here opens a port: opening one resets some boards.

import { existsSync, readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { EXIT, Failure } from '../failure.ts';

export interface PortInfo {
  path: string;
  /** USB serial number; '' where there is none */
  serial: string;
  /** USB ids, four hex digits; '' where it is no USB device */
  vendor: string;
  product: string;
  /** what the device calls itself */
  name: string;
  /** path in /dev/serial/by-id, '' where there is none */
  byId: string;
}

function text(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return '';
  }
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

/** Every serial port with hardware behind it. `root` stands before /sys and /dev, for tests. */
export function listPorts(root = ''): PortInfo[] {
  const byId = new Map<string, string>();
  for (const name of entries(join(root, '/dev/serial/by-id'))) {
    const link = join('/dev/serial/by-id', name);
    try {
      byId.set(basename(readlinkSync(join(root, link))), link);
    } catch {
      // gone in the meantime
    }
  }
  const ports: PortInfo[] = [];
  for (const name of entries(join(root, '/sys/class/tty'))) {
    const folder = join(root, '/sys/class/tty', name);
    // Terminals have no device; of the four ports that every PC's driver announces, those not there have type 0.
    if (!existsSync(join(folder, 'device')) || text(join(folder, 'type')) === '0') continue;
    const port: PortInfo = {
      path: join('/dev', name),
      serial: '',
      vendor: '',
      product: '',
      name: '',
      byId: byId.get(name) ?? '',
    };
    let at = realpathSync(join(folder, 'device'));
    for (let up = 0; up < 6 && at !== dirname(at); up++, at = dirname(at)) {
      if (!existsSync(join(at, 'idVendor'))) continue;
      port.vendor = text(join(at, 'idVendor'));
      port.product = text(join(at, 'idProduct'));
      port.serial = text(join(at, 'serial'));
      port.name = [text(join(at, 'manufacturer')), text(join(at, 'product'))].filter((part) => part !== '').join(' ');
      break;
    }
    ports.push(port);
  }
  return ports;
}

function describe(port: PortInfo): string {
  const id = port.serial === '' ? '' : ` (id:${port.serial})`;
  return `${port.path}${id}${port.name === '' ? '' : ` ${port.name}`}`;
}

function listText(ports: PortInfo[]): string {
  if (ports.length === 0) return 'there is no serial port on this machine';
  return `there are ${ports.map(describe).join(', ')}`;
}

/**
 * The port that is meant: a path as it is, `id:<usb serial>` looked up, nothing at all if exactly one USB port is
 * there. Throws Failure E_NO_PORT or E_AMBIGUOUS (exit 3) with the ports that there are.
 */
export function choosePort(wanted: string | undefined, ports: PortInfo[] = listPorts()): string {
  const listed = listText(ports);
  if (wanted === undefined || wanted === '') {
    const usb = ports.filter((port) => port.vendor !== '');
    const only = usb[0];
    if (only && usb.length === 1) return only.path;
    const code = usb.length === 0 ? 'E_NO_PORT' : 'E_AMBIGUOUS';
    const cause = usb.length === 0 ? `no board is plugged in; ${listed}` : `which board? ${listed}`;
    throw new Failure(code, EXIT.noBoard, cause, 'name one as `port` in the testbed file: a path, or id:<usb serial>');
  }
  if (!wanted.startsWith('id:')) return wanted;
  const id = wanted.slice(3);
  const fits = id === '' ? [] : ports.filter((port) => port.serial.toLowerCase() === id.toLowerCase());
  // A person may give the beginning of a long number, if one port fits it.
  const some =
    fits.length > 0 || id === '' ? fits : ports.filter((p) => p.serial.toLowerCase().startsWith(id.toLowerCase()));
  const only = some[0];
  if (only && some.length === 1) return only.path;
  if (some.length > 1) {
    const cause = `${wanted} fits several ports: ${some.map(describe).join(', ')}`;
    throw new Failure('E_AMBIGUOUS', EXIT.noBoard, cause, 'give more of the serial number, or the path');
  }
  throw new Failure(
    'E_NO_PORT',
    EXIT.noBoard,
    `no port has the USB serial number ${id}; ${listed}`,
    'plug the board in, or give another `port` in the testbed file',
  );
}

export interface Holder {
  pid: number;
  command: string;
}

/** Processes that have the port open, as far as this user may see. */
export function holders(path: string): Holder[] {
  let real = path;
  try {
    real = realpathSync(path);
  } catch {
    return [];
  }
  const found: Holder[] = [];
  for (const pid of entries('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    for (const fd of entries(`/proc/${pid}/fd`)) {
      let target = '';
      try {
        target = readlinkSync(`/proc/${pid}/fd/${fd}`);
      } catch {
        continue;
      }
      if (target !== real) continue;
      const command = text(`/proc/${pid}/cmdline`)
        .split('\0')
        .filter((part) => part !== '')
        .join(' ');
      found.push({ pid: Number(pid), command: (command || text(`/proc/${pid}/comm`)).slice(0, 120) });
      break;
    }
  }
  return found;
}

/** The udev rule that lets a person use the port; printed, never installed. */
export function udevRule(port: PortInfo | undefined): string {
  const match =
    port && port.vendor !== ''
      ? `ATTRS{idVendor}=="${port.vendor}", ATTRS{idProduct}=="${port.product}"`
      : 'KERNEL=="ttyACM*|ttyUSB*"';
  return `SUBSYSTEM=="tty", ${match}, MODE="0660", GROUP="dialout", TAG+="uaccess"`;
}

/** Why a port could not be opened, told apart (what serialport throws carries the reason in its text). */
export function portFailure(path: string, error: unknown, ports: PortInfo[] = listPorts()): Failure {
  const reason = error instanceof Error ? error.message : String(error);
  if (/permission denied|EACCES|EPERM/i.test(reason)) {
    const rule = udevRule(ports.find((port) => port.path === path));
    const next =
      `sudo usermod -aG dialout "$USER" and log in again; or, as root, write this line to ` +
      `/etc/udev/rules.d/70-understudy.rules and plug the board in again: ${rule}`;
    return new Failure('E_PERMISSION', EXIT.permission, `no permission to open ${path}`, next);
  }
  if (/cannot lock port|busy|EBUSY|EAGAIN|temporarily unavailable/i.test(reason)) {
    const who = holders(path).filter((holder) => holder.pid !== process.pid);
    const names = who.map((holder) => `process ${holder.pid} (${holder.command})`).join(', ');
    const cause = `port ${path} is in use${names === '' ? '' : ` by ${names}`}`;
    return new Failure(
      'E_BUSY',
      EXIT.busy,
      cause,
      'close that program; a running testbed shares its ports: use its commands',
    );
  }
  if (/no such file|ENOENT|ENXIO|ENODEV/i.test(reason)) {
    return new Failure(
      'E_NO_PORT',
      EXIT.noBoard,
      `no port ${path}; ${listText(ports)}`,
      'plug the board in, or give another `port` in the testbed file',
    );
  }
  return new Failure('E_PORT', EXIT.link, `cannot open port ${path}: ${reason}`, 'check cable and port');
}
