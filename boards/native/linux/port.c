// A native board as a program of a Linux machine: its console on descriptor 3, its bus line on 4, its flash and the
// memory that a reset leaves alone in files. Killing it is a power cut. How it ends is what host/testbed/spec.ts has.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "cells.h"
#include "port.h"
#include "print.h"

#define EXIT_RESET 64
#define EXIT_CRASH 65
#define EXIT_ORPHAN 66
#define EXIT_FAULT 67
#define EXIT_WATCHDOG 68

#define CONSOLE_FD 3
#define BUS_FD 4

#define BUNDLE_MAX_BYTES (4u << 20)
#define HEAP_MAX_BYTES (64u << 20)
#define MARKS_BYTES (1u << 20)
#define HELD_MAX_BYTES (4u << 20)
/** of the stack of 8 MB that programs have */
#define STACK_BYTES (512u << 10)
#define STACK_SPARE_BYTES (16u << 10)
#define PAINT 0xa5
/** How long what was written may take to go out before a restart, ms. */
#define FLUSH_MS 500
/** A line that has failed, e.g. a terminal that nobody has open, is asked again after so long, ms. */
#define FAILED_LINE_MS 50

#define KEPT_MAGIC 0x5450454bu

/** The kept file. */
struct kept {
  /** of the first board first: where board-process.ts keeps it */
  int32_t marked[BOARDS_MAX];
  uint32_t magic;
  struct cut cut;
};

/** Output that the other end has not taken yet. */
struct held {
  int fd;
  size_t from;
  size_t to;
  uint8_t bytes[HELD_MAX_BYTES];
};

static struct held lines[2];
static char bundle[BUNDLE_MAX_BYTES] __attribute__((aligned(8)));
static size_t bundle_bytes;
static uint8_t heap[HEAP_MAX_BYTES] __attribute__((aligned(8)));
static uint8_t marks[MARKS_BYTES];
static volatile struct kept *kept;
static enum cause cause = CAUSE_POWER;
static uint64_t epoch;
static uint64_t drawn;
/** the last address of the part of the stack that is watched */
static uintptr_t stack_end;
static volatile sig_atomic_t kicked;

static uint64_t nanos(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void port_log(const char *text) {
  char line[512];
  int length = print_text(line, sizeof line - 1, "%s", text);
  if (length > (int)sizeof line - 2) length = (int)sizeof line - 2;
  line[length++] = '\n';
  // whoever does not read the log does not stop the board
  ssize_t written = write(STDERR_FILENO, line, (size_t)length);
  (void)written;
}

static _Noreturn void cannot(const char *what, const char *which, int error) {
  char text[400];
  print_text(text, sizeof text, "%s %s: %s", what, which, error ? strerror(error) : "not what it has to be");
  port_halt(text);
}

_Noreturn void port_halt(const char *why) {
  port_log(why);
  _exit(EXIT_FAULT);
}

static void read_bundle(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) cannot("cannot read the bundle", path, errno);
  for (;;) {
    if (bundle_bytes == sizeof bundle) cannot("too long: the bundle", path, 0);
    ssize_t got = read(fd, bundle + bundle_bytes, sizeof bundle - bundle_bytes);
    if (got < 0) cannot("cannot read the bundle", path, errno);
    if (got == 0) break;
    bundle_bytes += (size_t)got;
  }
  close(fd);
}

static void *share(int fd, size_t bytes, const char *path) {
  void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) cannot("cannot map", path, errno);
  close(fd);
  return at;
}

/** A flash file that does not exist is made, all erased; under another name first, in case of a kill in between. */
static uint8_t *open_flash(const char *path, size_t bytes) {
  if (access(path, F_OK) != 0) {
    char fresh[4096];
    static uint8_t blank[65536];
    memset(blank, 0xff, sizeof blank);
    print_text(fresh, sizeof fresh, "%s.new", path);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) cannot("cannot make the flash file", fresh, errno);
    for (size_t done = 0; done < bytes;) {
      size_t piece = bytes - done < sizeof blank ? bytes - done : sizeof blank;
      ssize_t put = write(fd, blank, piece);
      if (put < 0) cannot("cannot make the flash file", fresh, errno);
      done += (size_t)put;
    }
    close(fd);
    if (rename(fresh, path) != 0) cannot("cannot make the flash file", path, errno);
  }
  int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) cannot("cannot open the flash file", path, errno);
  struct stat stat;
  if (fstat(fd, &stat) != 0) cannot("cannot open the flash file", path, errno);
  if ((size_t)stat.st_size != bytes) {
    char text[400];
    print_text(text, sizeof text, "flash file %s holds %lld B, but this board has %zu B; delete it", path,
               (long long)stat.st_size, bytes);
    port_halt(text);
  }
  return share(fd, bytes, path);
}

static void open_kept(const char *path) {
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) cannot("cannot open the kept file", path, errno);
  if (ftruncate(fd, sizeof *kept) != 0) cannot("cannot open the kept file", path, errno);
  kept = share(fd, sizeof *kept, path);
  bool fresh = kept->magic != KEPT_MAGIC;
  for (unsigned i = 0; fresh && i < BOARDS_MAX; i++) kept->marked[i] = -1;
  kept->magic = KEPT_MAGIC;
}

/** The power cut that was asked for. */
static void power_off(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

static _Noreturn void bite(void) {
  static const char text[] = "the watchdog was not kicked\n";
  ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);
  (void)written;
  _exit(EXIT_WATCHDOG);
}

static void on_alarm(int signal) {
  (void)signal;
  if (!kicked) bite();
  kicked = 0;
}

/** The end of the part of the stack that is watched, below its caller. */
static __attribute__((noinline)) void paint(void) {
  volatile uint8_t canvas[STACK_BYTES];
  for (size_t i = 0; i < sizeof canvas; i++) canvas[i] = PAINT;
  stack_end = (uintptr_t)canvas;
}

static void take(int argc, char **argv, struct settings *settings, const char **flash, const char **kept_path) {
  for (int i = 1; i < argc; i += 2) {
    const char *key = argv[i];
    const char *value = argv[i + 1];
    if (strncmp(key, "--", 2) != 0 || i + 1 == argc) cannot("settings go in pairs of --key value, at", key, 0);
    key += 2;
    if (strcmp(key, "flash") == 0) *flash = value;
    else if (strcmp(key, "kept") == 0) *kept_path = value;
    else if (strcmp(key, "bundle") == 0) read_bundle(value);
    else if (strcmp(key, "epoch-ns") == 0) epoch = strtoull(value, NULL, 10);
    else if (strcmp(key, "cause") == 0) {
      if (strcmp(value, "power") == 0) cause = CAUSE_POWER;
      else if (strcmp(value, "watchdog") == 0) cause = CAUSE_WATCHDOG;
      else if (strcmp(value, "fault") == 0) cause = CAUSE_FAULT;
      else if (strcmp(value, "reset") == 0) cause = CAUSE_RESET;
      else cannot("cause: not", value, 0);
    } else {
      const char *wrong = settings_take(settings, key, value);
      if (wrong) port_halt(wrong);
    }
  }
}

void port_start(int argc, char **argv, struct settings *settings) {
  paint();
  lines[0].fd = CONSOLE_FD;
  lines[1].fd = BUS_FD;
  signal(SIGPIPE, SIG_IGN);
  epoch = nanos();
  settings_default(settings);
  const char *flash = NULL;
  const char *kept_path = NULL;
  take(argc, argv, settings, &flash, &kept_path);
  const char *wrong = settings_check(settings);
  if (wrong) port_halt(wrong);
  if (settings->boards > 1) port_halt("name: this port has one console, so one board");
  if (!flash || !kept_path || bundle_bytes == 0) port_halt("--bundle, --flash and --kept are wanted");
  size_t bytes = (size_t)settings->sector_bytes * settings->sectors;
  uint8_t *cells = open_flash(flash, bytes);
  open_kept(kept_path);
  cells_open(cells, bytes, &kept->cut, power_off);
  drawn = settings->seed;
  for (const char *at = settings->name[0]; *at; at++) drawn = drawn * 31 + (uint8_t)*at;
  for (unsigned i = 0; i < 2; i++) {
    int flags = fcntl(lines[i].fd, F_GETFL);
    if (flags < 0 || fcntl(lines[i].fd, F_SETFL, flags | O_NONBLOCK) < 0) {
      cannot("no line on descriptor", lines[i].fd == CONSOLE_FD ? "3" : "4", errno);
    }
  }
}

const char *port_bundle(const struct settings *settings, size_t *bytes) {
  *bytes = settings->bundle_bytes ? settings->bundle_bytes : bundle_bytes;
  return bundle;
}

uint8_t *port_heap(size_t *bytes) {
  *bytes = sizeof heap;
  return heap;
}

uint8_t *port_marks(size_t *bytes) {
  *bytes = sizeof marks;
  return marks;
}

uint64_t port_micros(void) {
  return (nanos() - epoch) / 1000;
}

static struct held *held_of(unsigned line) {
  return line == 0 ? &lines[0] : line == PORT_BUS ? &lines[1] : NULL;
}

size_t port_read(unsigned line, uint8_t *into, size_t max) {
  struct held *held = held_of(line);
  if (!held) return 0;
  ssize_t got = read(held->fd, into, max);
  if (got > 0) return (size_t)got;
  bool open = got < 0 && (errno == EAGAIN || errno == EINTR || errno == EIO);
  // whoever started the board is gone, and with it the power
  if (held->fd == BUS_FD && !open) _exit(EXIT_ORPHAN);
  return 0;
}

static void push(struct held *held) {
  while (held->from < held->to) {
    ssize_t put = write(held->fd, held->bytes + held->from, held->to - held->from);
    if (put <= 0) return;
    held->from += (size_t)put;
  }
  held->from = held->to = 0;
}

size_t port_write(unsigned line, const uint8_t *bytes, size_t length) {
  struct held *held = held_of(line);
  if (!held) return 0;
  if (held->from > 0 && held->to + length > sizeof held->bytes) {
    memmove(held->bytes, held->bytes + held->from, held->to - held->from);
    held->to -= held->from;
    held->from = 0;
  }
  size_t room = sizeof held->bytes - held->to;
  size_t taken = length < room ? length : room;
  memcpy(held->bytes + held->to, bytes, taken);
  held->to += taken;
  push(held);
  return taken;
}

void port_sleep(uint64_t until) {
  struct pollfd polled[2];
  for (int i = 0; i < 2; i++) {
    polled[i].fd = lines[i].fd;
    polled[i].events = (short)(POLLIN | (lines[i].to > lines[i].from ? POLLOUT : 0));
    polled[i].revents = 0;
  }
  uint64_t now = port_micros();
  uint64_t wait = until > now ? until - now : 0;
  struct timespec limit = {(time_t)(wait / 1000000), (long)(wait % 1000000) * 1000};
  static bool failed;
  // a line that has failed would be told of over and over
  if (failed) polled[0].fd = -1;
  if (failed && wait > FAILED_LINE_MS * 1000) limit = (struct timespec){0, FAILED_LINE_MS * 1000000L};
  failed = false;
  if (ppoll(polled, 2, &limit, NULL) <= 0) return;
  failed = polled[0].fd >= 0 && polled[0].revents & (POLLHUP | POLLERR) && !(polled[0].revents & POLLIN);
  for (int i = 0; i < 2; i++) {
    if (polled[i].revents & POLLOUT) push(&lines[i]);
  }
}

enum cause port_cause(void) {
  return cause;
}

void port_mark(unsigned board, int32_t pid) {
  kept->marked[board] = pid;
}

int32_t port_marked(unsigned board) {
  return kept->marked[board];
}

/** S. Vigna's splitmix64: a seed gives the same numbers on every machine. */
uint32_t port_random(void) {
  uint64_t z = drawn += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return (uint32_t)((z ^ z >> 31) >> 32);
}

/** Looks each half of the time whether there was a kick: a signal for each kick would cost more than the kick. */
void port_watchdog(uint32_t ms) {
  struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &action, NULL);
  kicked = 1;
  uint64_t micros = (uint64_t)ms * 500;
  struct timeval half = {(time_t)(micros / 1000000), (suseconds_t)(micros % 1000000)};
  struct itimerval timer = {half, half};
  setitimer(ITIMER_REAL, &timer, NULL);
}

void port_kick(void) {
  kicked = 1;
}

_Noreturn void port_reset(enum cause why) {
  uint64_t end = port_micros() + FLUSH_MS * 1000;
  while ((lines[0].to > lines[0].from || lines[1].to > lines[1].from) && port_micros() < end) {
    struct pollfd polled[2] = {{lines[0].fd, POLLOUT, 0}, {lines[1].fd, POLLOUT, 0}};
    for (int i = 0; i < 2; i++) {
      push(&lines[i]);
      if (lines[i].to == lines[i].from) polled[i].fd = -1;
    }
    poll(polled, 2, 10);
  }
  _exit(why == CAUSE_RESET ? EXIT_RESET : why == CAUSE_WATCHDOG ? EXIT_WATCHDOG : EXIT_CRASH);
}

size_t port_stack_bytes(void) {
  return STACK_BYTES;
}

size_t port_stack_peak(void) {
  const uint8_t *at = (const uint8_t *)stack_end;
  size_t blank = 0;
  while (blank < STACK_BYTES && at[blank] == PAINT) blank++;
  return STACK_BYTES - blank;
}

bool port_stack_short(void) {
  uint8_t here = 0;
  volatile uint8_t *at = &here;
  return (uintptr_t)at < stack_end + STACK_SPARE_BYTES;
}
