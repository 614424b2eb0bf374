import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Failure } from '../host/failure.ts';
import { deviceBody, PIPE, pipeMessage, pipeReader, readDeviceBody } from '../host/testbed/pipe.ts';
import { choosePort, holders, listPorts, portFailure } from '../host/testbed/ports.ts';
import { launchWithPtys } from '../host/testbed/pty.ts';
import { openSerial } from '../host/testbed/serial.ts';
import { failureOf } from './fixtures/failure.ts';

const ECHO = `
  const tty = require('node:tty');
  console.log(process.env.UNDERSTUDY_PTYS);
  for (const fd of [3, 4]) {
    const line = new tty.ReadStream(fd);
    line.on('data', (chunk) => line.write(chunk));
    line.on('error', () => {});
  }`;

describe('pseudo-terminals', () => {
  const stops: (() => void)[] = [];
  afterEach(() => {
    for (const stop of stops.splice(0)) stop();
  });

  async function echo(): Promise<string[]> {
    const child = launchWithPtys({
      count: 2,
      command: process.execPath,
      args: ['-e', ECHO],
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    stops.push(() => child.kill('SIGKILL'));
    const text = await new Promise<string>((resolve) => child.stdout?.once('data', (chunk) => resolve(String(chunk))));
    return text.trim().split(' ');
  }

  it('carry 256 KiB there and back, every byte value, on each of two', async () => {
    const paths = await echo();
    expect(paths).toHaveLength(2);
    await Promise.all(
      paths.map(async (path, index) => {
        const line = await openSerial(path);
        stops.push(() => line.close());
        const sent = Buffer.alloc(256 << 10);
        for (let i = 0; i < sent.length; i++) sent[i] = (i * 7 + (i >> 8) * 13 + index) & 0xff;
        const hash = createHash('sha256');
        let got = 0;
        const done = new Promise<void>((resolve) => {
          line.onData((bytes) => {
            hash.update(bytes);
            got += bytes.length;
            if (got >= sent.length) resolve();
          });
        });
        line.write(sent);
        await done;
        expect(got).toBe(sent.length);
        expect(hash.digest('hex')).toBe(createHash('sha256').update(sent).digest('hex'));
      }),
    );
  });

  it('have one owner: a second one is told who it is, and exit 5', async () => {
    const [path = ''] = await echo();
    // The first owner is another process, as a terminal program would be.
    const code = `const {SerialPort} = require('serialport');
      const port = new SerialPort({path: ${JSON.stringify(path)}, baudRate: 115200}, () => console.log('open'));
      setInterval(() => {}, 1000);`;
    const owner = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
    stops.push(() => owner.kill('SIGKILL'));
    await new Promise((resolve) => owner.stdout.once('data', resolve));
    const error = await openSerial(path).then(
      () => null,
      (e: unknown) => e as Failure,
    );
    expect(error).toMatchObject({ code: 'E_BUSY', exit: 5 });
    expect(error?.message).toContain(`process ${owner.pid}`);
    expect(holders(path).map((holder) => holder.pid)).toContain(owner.pid);
  });

  it('say what is missing', async () => {
    const options = { count: 1, command: process.execPath, args: [], stdio: 'ignore' as const };
    const error = failureOf(() => launchWithPtys({ ...options, perl: '/nowhere/perl' }));
    expect(error).toMatchObject({ code: 'E_NO_PERL', exit: 3 });
    expect(error.next).toContain('perl-base');
    await expect(openSerial('/dev/pts/99999')).rejects.toMatchObject({ code: 'E_NO_PORT', exit: 3 });
  });
});

describe('ports', () => {
  let machine = '';
  afterEach(() => rmSync(machine, { recursive: true, force: true }));

  function usb(name: string, serial: string, device: string): void {
    const folder = join(machine, 'sys/devices/usb1', device);
    mkdirSync(join(folder, 'if0/tty', name), { recursive: true });
    writeFileSync(join(folder, 'idVendor'), '0483\n');
    writeFileSync(join(folder, 'idProduct'), '374b\n');
    writeFileSync(join(folder, 'product'), 'STLINK\n');
    writeFileSync(join(folder, 'serial'), `${serial}\n`);
    mkdirSync(join(machine, 'sys/class/tty', name), { recursive: true });
    symlinkSync(join(folder, 'if0'), join(machine, 'sys/class/tty', name, 'device'));
    mkdirSync(join(machine, 'dev/serial/by-id'), { recursive: true });
    symlinkSync(`../../${name}`, join(machine, 'dev/serial/by-id', `usb-ST_${serial}`));
  }

  function build(): void {
    machine = realpathSync(mkdtempSync(join(tmpdir(), 'ports-')));
    mkdirSync(join(machine, 'sys/class/tty/tty1'), { recursive: true });
    mkdirSync(join(machine, 'sys/class/tty/ttyS3/device'), { recursive: true });
    writeFileSync(join(machine, 'sys/class/tty/ttyS3/type'), '0\n');
  }

  it('are those with hardware behind them', () => {
    build();
    expect(listPorts(machine)).toEqual([]);
    usb('ttyACM0', '066DFF01', '1-1');
    expect(listPorts(machine)).toEqual([
      {
        path: '/dev/ttyACM0',
        serial: '066DFF01',
        vendor: '0483',
        product: '374b',
        name: 'STLINK',
        byId: '/dev/serial/by-id/usb-ST_066DFF01',
      },
    ]);
  });

  it('are chosen only where exactly one fits', () => {
    build();
    expect(failureOf(() => choosePort(undefined, listPorts(machine)))).toMatchObject({ code: 'E_NO_PORT', exit: 3 });
    usb('ttyACM0', '066DFF01', '1-1');
    expect(choosePort(undefined, listPorts(machine))).toBe('/dev/ttyACM0');
    usb('ttyACM1', '066DFF02', '1-2');
    const ports = listPorts(machine);
    const error = failureOf(() => choosePort(undefined, ports));
    expect(error).toMatchObject({ code: 'E_AMBIGUOUS', exit: 3 });
    expect(error.message).toContain('id:066DFF01');
    expect(error.message).toContain('/dev/ttyACM1');
    expect(choosePort('id:066dff02', ports)).toBe('/dev/ttyACM1');
    expect(choosePort('/dev/anything', ports)).toBe('/dev/anything');
    expect(failureOf(() => choosePort('id:066', ports)).code).toBe('E_AMBIGUOUS');
    expect(failureOf(() => choosePort('id:9', ports)).code).toBe('E_NO_PORT');
    expect(failureOf(() => choosePort('id:', ports)).code).toBe('E_NO_PORT');
  });

  it('that do not open say why', () => {
    build();
    usb('ttyACM0', '066DFF01', '1-1');
    const ports = listPorts(machine);
    const denied = portFailure('/dev/ttyACM0', new Error('Error: Permission denied, cannot open /dev/ttyACM0'), ports);
    expect(denied).toMatchObject({ code: 'E_PERMISSION', exit: 4 });
    expect(denied.next).toContain('ATTRS{idVendor}=="0483", ATTRS{idProduct}=="374b"');
    const gone = portFailure('/dev/ttyACM7', new Error('Error: No such file or directory, cannot open'), ports);
    expect(gone).toMatchObject({ code: 'E_NO_PORT', exit: 3 });
    const busy = portFailure(
      '/dev/ttyACM0',
      new Error('Error Resource temporarily unavailable Cannot lock port'),
      ports,
    );
    expect(busy).toMatchObject({ code: 'E_BUSY', exit: 5 });
    expect(portFailure('/dev/ttyACM0', new Error('Input/output error'), ports)).toMatchObject({
      code: 'E_PORT',
      exit: 6,
    });
  });
});

describe('the pipe of a board', () => {
  it('gives messages back, however the bytes are cut', () => {
    const bytes = Buffer.concat([
      pipeMessage(PIPE.bus, Uint8Array.of(1, 2, 3)),
      pipeMessage(PIPE.kick, new Uint8Array(0)),
      pipeMessage(PIPE.input, deviceBody('gyro', Uint8Array.of(9))),
    ]);
    for (let size = 1; size <= bytes.length; size++) {
      const got: [number, number[]][] = [];
      const read = pipeReader((kind, body) => got.push([kind, [...body]]));
      for (let at = 0; at < bytes.length; at += size) read(bytes.subarray(at, at + size));
      expect(got.map(([kind]) => kind)).toEqual([PIPE.bus, PIPE.kick, PIPE.input]);
      expect(got[0]?.[1]).toEqual([1, 2, 3]);
      const input = readDeviceBody(Uint8Array.from(got[2]?.[1] ?? []));
      expect([input.device, ...input.bytes]).toEqual(['gyro', 9]);
    }
    expect(() => pipeReader(() => undefined)(Buffer.alloc(8, 0xff))).toThrow(/pipe message of/);
  });
});
