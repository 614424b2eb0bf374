// Pseudo-terminals for virtual boards, with nothing to install: the Perl of every Debian opens /dev/ptmx, unlocks
// each pair, makes it raw, and becomes the testbed's daemon with the masters as descriptors 3, 4, …. The daemon
// keeps them as long as it lives, and each boot of a board inherits its master: a power cut does not unplug the cable.
// The slaves stay open there too, unused, behind the masters: a master whose slave nobody has open reads as an error.

import type { ChildProcess, StdioOptions } from 'node:child_process';
import { spawn } from 'node:child_process';
import { existsSync, readSync } from 'node:fs';
import { EXIT, Failure } from '../failure.ts';

export const PERL = '/usr/bin/perl';
export const FIRST_MASTER = 3;
/** Perl moves descriptors through a table of this size at most. */
export const PTY_MAX = 64;

const ENVIRONMENT = 'UNDERSTUDY_PTYS';

// TIOCSPTLCK and TIOCGPTN of Linux. What goes wrong is said as the daemon would say it: one line of JSON on stdout.
const SCRIPT = String.raw`
use strict; use POSIX ();
my $count = shift @ARGV; my (@masters, @slaves, @paths); $^F = 4096;
sub fail { my ($what) = @_; my $why = "$what: $!"; $why =~ s/["\\]//g; $| = 1;
  print qq({"error":{"code":"E_PTY","exit":3,"message":"no pseudo-terminal: $why",)
    . qq("next":"check that /dev/ptmx and /dev/pts are there (mount -t devpts), or use --line pipe"}}\n); exit 3; }
for (1 .. $count) {
  sysopen(my $m, '/dev/ptmx', POSIX::O_RDWR() | POSIX::O_NOCTTY() | POSIX::O_NONBLOCK()) or fail('/dev/ptmx');
  my $int = pack('i', 0);
  ioctl($m, 0x40045431, $int) or fail('unlocking');
  ioctl($m, 0x80045430, $int) or fail('numbering');
  my $path = '/dev/pts/' . unpack('i', $int);
  sysopen(my $s, $path, POSIX::O_RDWR() | POSIX::O_NOCTTY()) or fail($path);
  my $t = POSIX::Termios->new;
  $t->getattr(fileno $s) or fail('getattr');
  $t->setiflag(0); $t->setoflag(0); $t->setlflag(0);
  $t->setcflag(POSIX::CS8() | POSIX::CREAD() | POSIX::CLOCAL());
  $t->setcc(POSIX::VMIN(), 1); $t->setcc(POSIX::VTIME(), 0);
  $t->setattr(fileno $s, POSIX::TCSANOW()) or fail('setattr');
  push @masters, $m; push @slaves, $s; push @paths, $path;
}
my @all = map { fileno $_ } (@masters, @slaves);
for my $i (0 .. $#all) { defined POSIX::dup2($all[$i], 512 + $i) or fail('dup2'); }
for my $i (0 .. $#all) { defined POSIX::dup2(512 + $i, 3 + $i) or fail('dup2'); POSIX::close(512 + $i); }
$ENV{UNDERSTUDY_PTYS} = join(' ', @paths);
exec { $ARGV[0] } @ARGV or fail($ARGV[0]);
`;

export interface Pty {
  /** descriptor of the master */
  master: number;
  /** what the host opens, `/dev/pts/N` */
  path: string;
}

export interface LaunchOptions {
  count: number;
  command: string;
  args: string[];
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** for descriptors 0 to 2 */
  stdio: StdioOptions;
  detached?: boolean;
  perl?: string;
}

/** Starts a command that finds `count` pseudo-terminals open. Throws Failure E_NO_PERL (exit 3). */
export function launchWithPtys(options: LaunchOptions): ChildProcess {
  const perl = options.perl ?? PERL;
  if (!existsSync(perl)) {
    throw new Failure(
      'E_NO_PERL',
      EXIT.noBoard,
      `${perl} is missing: it opens the pseudo-terminals of virtual boards`,
      'install it (Debian: apt install perl-base), or run without ports: testbed up --line pipe',
    );
  }
  if (options.count > PTY_MAX) throw new RangeError(`${options.count} pseudo-terminals; at most ${PTY_MAX}`);
  return spawn(perl, ['-e', SCRIPT, String(options.count), options.command, ...options.args], {
    env: options.env ?? process.env,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdio: options.stdio,
    detached: options.detached ?? false,
  });
}

/** In the launched process: the pseudo-terminals it was given; none if it was started another way. */
export function inheritedPtys(): Pty[] {
  const paths = process.env[ENVIRONMENT] ?? '';
  delete process.env[ENVIRONMENT];
  if (paths === '') return [];
  return paths.split(' ').map((path, i) => ({ master: FIRST_MASTER + i, path }));
}

/** Throws away what waits to be read by the board (it came while the board was off). Returns the bytes dropped. */
export function dropInput(master: number): number {
  const scrap = new Uint8Array(65536);
  let dropped = 0;
  // A kernel buffers less than this; a host that never stops sending must not keep the board from booting.
  while (dropped < 1 << 20) {
    let n = 0;
    try {
      n = readSync(master, scrap, 0, scrap.length, null);
    } catch {
      break; // EAGAIN: empty; EIO: nobody has the other end open
    }
    if (n === 0) break;
    dropped += n;
  }
  return dropped;
}
