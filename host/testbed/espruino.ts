// The official Espruino interpreter as a board: the program that its authors build for Linux, with flash in a file of
// its working directory. Its serial ports are devices that it opens by their path, so a relay stands between them and
// the testbed: Perl, as for the pseudo-terminals of all boards (pty.ts).

import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT, Failure } from '../failure.ts';
import type { EngineOptions } from './engine.ts';
import { ProgramMachine } from './machine.ts';
import type { End } from './power.ts';
import { PERL } from './pty.ts';
import type { Socketed } from './seat.ts';
import { BOARD_EXIT } from './spec.ts';
import { storageImage } from './storage.ts';

/** As built for Linux: address, pages, and how many bytes; the interpreter's own files begin at the first. */
export const LINUX_FLASH = { base: 0x10000000, pageBytes: 1024, bytes: 262144 };
const FLASH_FILE = 'espruino.flash';
/** What it says of itself, and to a console that nobody reads. */
const NOISE =
  /^[\s|_.>]*$|___|espruino\.com|Espruino is Open Source|only by sales|Size of JsVar|Interactive mode|SIG[A-Z]+ hook/;

// Raw pseudo-terminals, which the interpreter finds as `link` and `bus` in its folder; what it gets on them comes from
// descriptors 3 and 4. Its stdin stays open: at its end it would spin; or it is a pseudo-terminal too, and descriptor 5
// its console. The interpreter throws away what a port does not take at once, so all that it puts out is taken, whoever
// is slow to read it. The relay is its child: whoever kills the interpreter cuts its power at this instant, and what it
// has put out before still arrives. It ends with the testbed.
const RELAY = `
use strict; use POSIX ();
my ($console, $folder, @command) = @ARGV; my (@masters, @held);
chdir $folder or die "$folder: $!"; $^F = 4096;
for my $name ('link', 'bus', ('console') x $console) {
  sysopen(my $m, '/dev/ptmx', POSIX::O_RDWR() | POSIX::O_NOCTTY() | POSIX::O_NONBLOCK()) or die "/dev/ptmx: $!";
  my $int = pack('i', 0);
  ioctl($m, 0x40045431, $int) or die "unlocking: $!";
  ioctl($m, 0x80045430, $int) or die "numbering: $!";
  my $path = '/dev/pts/' . unpack('i', $int);
  sysopen(my $s, $path, POSIX::O_RDWR() | POSIX::O_NOCTTY()) or die "$path: $!";
  my $t = POSIX::Termios->new; $t->getattr(fileno $s);
  $t->setiflag(0); $t->setoflag(0); $t->setlflag(0);
  $t->setcflag(POSIX::CS8() | POSIX::CREAD() | POSIX::CLOCAL()); $t->setattr(fileno $s, POSIX::TCSANOW());
  unlink $name; symlink($path, $name) or die "$name: $!";
  push @masters, $m; push @held, $s;
}
pipe(my $in, my $keep) or die "pipe: $!";
pipe(my $life, my $alive) or die "pipe: $!";
my $board = $$;
my $relay = fork(); defined $relay or die "fork: $!";
if ($relay) {
  POSIX::dup2(fileno $_, 0) for ($console ? $held[2] : $in);
  if ($console) { POSIX::dup2(fileno $held[2], 1) }
  POSIX::close($_) for (3, 4, (5) x $console, map { fileno $_ } @masters, @held, $keep, $life);
  exec { $command[0] } @command or POSIX::_exit(67);
}
close $in; close $alive;
$SIG{PIPE} = 'IGNORE';
my @pairs = map { [3 + $_, fileno $masters[$_]], [fileno $masters[$_], 3 + $_] } 0 .. $#masters;
my @held_back = ('') x @pairs;
my @most = (1, 1 << 20) x @masters;
my ($end, $lives) = (0, fileno $life);
for (;;) {
  my ($r, $w) = ('', '');
  for my $i (0 .. $#pairs) {
    vec($w, $pairs[$i][1], 1) = 1 if length $held_back[$i];
    vec($r, $pairs[$i][0], 1) = 1 if length $held_back[$i] < $most[$i];
  }
  vec($r, $lives, 1) = 1 if !$end;
  my $n = select($r, $w, undef, $end ? 0 : undef);
  if ($end && ($n <= 0 || time > $end)) { POSIX::_exit(0) }
  next if $n <= 0;
  if (!$end && vec($r, $lives, 1)) {
    # its power is gone: nothing more for it, and all that came from it
    $end = time + 1;
    my @out = map { 2 * $_ + 1 } 0 .. $#masters;
    @pairs = @pairs[@out]; @held_back = @held_back[@out]; @most = @most[@out];
    next;
  }
  for my $i (0 .. $#pairs) {
    my ($from, $to) = @{$pairs[$i]};
    if (vec($r, $from, 1)) {
      my $got = POSIX::read($from, my $data, 4096);
      if (!defined $got) { next if $! == POSIX::EAGAIN() or $! == POSIX::EINTR() or $! == POSIX::EIO(); }
      if (!$got) { kill 'KILL', $board if !$end; POSIX::_exit(0); }
      $held_back[$i] .= substr($data, 0, $got);
    }
    if (length $held_back[$i]) {
      my $put = POSIX::write($to, $held_back[$i], length $held_back[$i]);
      $held_back[$i] = substr($held_back[$i], $put) if $put;
    }
  }
}
`;

/** The interpreter in its folder, its ports on descriptors 3 (to the host), 4 (bus) and, if wanted, 5 (its console). */
export function relayCommand(folder: string, program: string, console: boolean): string[] {
  return [PERL, '-e', RELAY, console ? '1' : '0', folder, program];
}

/** More than any interpreter has whose number of variables is fixed. */
const ROOM_BYTES = 1_000_000;

/** Has this interpreter as many variables as are wanted? One with a board's number of them has not. */
export function grows(program: string, folder: string): boolean {
  mkdirSync(folder, { recursive: true });
  // in a folder without flash: else it would run what stands there
  const { status } = spawnSync(program, ['-e', `new Uint8Array(${ROOM_BYTES})`], { cwd: folder, stdio: 'ignore' });
  return status === 0;
}

function endOf(code: number | null, signal: NodeJS.Signals | null, said: string[]): End {
  const last = said[said.length - 1] ?? 'it gave no reason';
  const next = 'see testbed.log in the state folder';
  const fault = code === BOARD_EXIT.fault ? new Failure('E_BOARD_FAULT', EXIT.boardFault, last, next) : null;
  return { how: signal ? `killed by ${signal}` : last, killed: signal === 'SIGKILL', cause: 'fault', fault };
}

/** Puts the program of today into what is the interpreter's own part of the flash; the rest is the board's. */
function install(folder: string, base: number, files: Record<string, Uint8Array>): void {
  const room = base - LINUX_FLASH.base;
  const own = storageImage(files, room);
  const file = join(folder, FLASH_FILE);
  const fresh = !existsSync(file);
  const fd = openSync(file, fresh ? 'w+' : 'r+');
  if (fresh) writeSync(fd, Buffer.alloc(LINUX_FLASH.bytes, 0xff), 0, LINUX_FLASH.bytes, 0);
  ftruncateSync(fd, LINUX_FLASH.bytes);
  writeSync(fd, own, 0, own.length, 0);
  closeSync(fd);
}

class EspruinoMachine extends ProgramMachine {
  private readonly options: EngineOptions;
  private readonly installed: { folder: string; base: number; files: Record<string, Uint8Array> };

  constructor(options: EngineOptions) {
    const { board, flashFile } = options;
    const { sectorBytes, sectors } = board.flash ?? { sectorBytes: LINUX_FLASH.pageBytes, sectors: 0 };
    const folder = `${flashFile}.espruino`;
    const base = LINUX_FLASH.base + LINUX_FLASH.bytes - sectors * sectorBytes;
    const installed = { folder, base, files: {} };
    super({
      kind: 'engine',
      pty: options.pty,
      command: () => {
        mkdirSync(folder, { recursive: true });
        install(folder, base, installed.files);
        return relayCommand(folder, board.program ?? '', false);
      },
      endOf,
      noise: NOISE,
    });
    this.options = options;
    this.installed = installed;
  }

  override async open(line: Socketed): Promise<void> {
    // with it come the tools that build: not for boards that need none of it
    const { bootCode, espruinoProgram, slotFiles } = await import('../build/espruino.ts');
    const { board, bundle } = this.options;
    const { sectorBytes, sectors, programBytes } = board.flash ?? { sectorBytes: 0, sectors: 0, programBytes: 0 };
    const boot = await bootCode({
      board: board.name,
      flash: { base: this.installed.base, sectorBytes, sectors, programBytes },
      link: { uart: 'Serial1', baud: 115200, options: { path: 'link' } },
      console: false,
      bus: { uart: 'Serial2', baud: 115200, options: { path: 'bus' } },
      memoryBytes: board.memoryBytes ?? 0,
      traces: true,
      watchdogMs: 0,
      kept: 0,
      slots: null,
      devices: '',
      // where they are few, none can be spared: it is slow instead
      copy: !board.variables && grows(board.program ?? '', `${this.options.flashFile}.try`),
      waitMs: 1,
    });
    const program = Buffer.from(await espruinoProgram(readFileSync(bundle, 'utf8')), 'latin1');
    this.installed.files = { '.bootcde': Buffer.from(boot, 'latin1'), ...slotFiles(0, 1, program) };
    await super.open(line);
  }
}

export function espruinoMachine(options: EngineOptions): ProgramMachine {
  return new EspruinoMachine(options);
}
