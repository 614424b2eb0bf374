// A native board on Arm's mps2-an385, in QEMU or as an FPGA image: consoles on UART 0, 3, 4, the bus line on UART 1, the
// log on UART 2, flash in the RAM at 0x21000000, and the block RAM for what a reset leaves alone.

#include "port.h"

#include <string.h>

#include "bundle.h"
#include "cells.h"
#include "chip.h"

#define BAUD 115200u
#define LOG_LINE PORT_LINES
#define RX_BYTES 8192u
#define TX_BYTES 16384u
#define MARKS_BYTES 262144u
/** Stack that a call must leave. */
#define STACK_SPARE_BYTES 2048u

/** Input is passed on when the line has been silent for so long, or there is much of it: each call costs. */
#define QUIET_TICKS (500u * CLOCK_MHZ)
#define MUCH_BYTES 1024u
/** How long a write waits for room, and a restart for what was written. */
#define ROOM_MICROS 250000u
#define FLUSH_MICROS 500000u
/** From the watchdog's interrupt to its reset. */
#define BITE_TICKS (1000u * CLOCK_MHZ)

/** A board that faults at each start does so no more often than this. */
#define FAULT_PAUSE_MICROS 200000u

#define KEPT_MAGIC 0x5450454bu
/** Another reset, from outside, is one that nobody has announced. */
#define UNANNOUNCED CAUSE_RESET

/** Lost with the power, which its first words tell. */
static struct {
  uint32_t magic;
  uint32_t not_magic;
  uint32_t next_cause;
  int32_t marked[BOARDS_MAX];
  uint32_t starts;
} kept __attribute__((section(".kept")));

/** The last 4 KB of the flash's memory; what was never written is 0. */
struct tail {
  struct cut cut;
  /** so much of it was made blank when the flash was new */
  uint32_t made_bytes;
};

#define TAIL_BYTES 4096u
#define TAIL ((volatile struct tail *)(NOR_AT + NOR_BYTES - TAIL_BYTES))

struct ring {
  volatile uint32_t head;
  volatile uint32_t tail;
  volatile uint32_t last;
};

static const uint8_t UART_OF[PORT_LINES + 1] = {0, 3, 4, 1, 2};

static uint8_t rx[PORT_LINES][RX_BYTES];
static uint8_t tx[PORT_LINES + 1][TX_BYTES];
static struct ring rx_rings[PORT_LINES];
static struct ring tx_rings[PORT_LINES + 1];
static uint8_t marks[MARKS_BYTES];
static volatile uint32_t wraps;
static enum cause cause;
static uint64_t drawn;
static uint32_t watchdog_ticks;

extern uint8_t heap_begin[], heap_end[];
extern uint32_t stack_begin[], stack_end[];

static uint32_t mask(void) {
  uint32_t before;
  __asm volatile("mrs %0, primask\n cpsid i" : "=r"(before)::"memory");
  return before;
}

static void unmask(uint32_t before) {
  __asm volatile("msr primask, %0" ::"r"(before) : "memory");
}

static struct uart *uart_of(unsigned line) {
  return UART_AT(UART_OF[line]);
}

/** Moves what the transmitter takes now; interrupts are masked. */
static void push(unsigned line) {
  struct ring *ring = &tx_rings[line];
  struct uart *uart = uart_of(line);
  while (ring->tail != ring->head && !(uart->state & UART_TX_FULL)) uart->data = tx[line][ring->tail++ % TX_BYTES];
}

static void receive(unsigned line) {
  struct uart *uart = uart_of(line);
  while (uart->state & UART_RX_FULL) {
    uint8_t byte = (uint8_t)uart->data;
    if (line >= PORT_LINES) continue;
    struct ring *ring = &rx_rings[line];
    ring->last = TIMER_AT(0)->value;
    if (ring->head - ring->tail < RX_BYTES) rx[line][ring->head++ % RX_BYTES] = byte;
  }
}

void on_interrupt(void) {
  uint32_t number;
  __asm volatile("mrs %0, ipsr" : "=r"(number));
  number -= 16;
  if (number == TIMER_IRQ(0)) {
    TIMER_AT(0)->interrupt = 1;
    wraps++;
    return;
  }
  if (number == TIMER_IRQ(1)) {
    TIMER_AT(1)->ctrl = 0;
    TIMER_AT(1)->interrupt = 1;
    return;
  }
  for (unsigned line = 0; line <= PORT_LINES; line++) {
    uint32_t own = UART_IRQ(UART_OF[line]);
    if (number != own && number != own + 1) continue;
    uart_of(line)->interrupt = UART_BOTH;
    receive(line);
    push(line);
  }
}

static _Noreturn void reset(enum cause why) {
  kept.next_cause = why;
  __asm volatile("dsb");
  SCB_AIRCR = AIRCR_RESET;
  for (;;) {
  }
}

/** The watchdog was not kicked: it resets the chip in a moment. */
void on_watchdog(void) {
  kept.next_cause = CAUSE_WATCHDOG;
  WATCHDOG->lock = WATCHDOG_UNLOCK;
  WATCHDOG->load = BITE_TICKS;
  for (;;) {
  }
}

void on_fault(void) {
  reset(CAUSE_FAULT);
}

static void power_off(void) {
  mask();
  WATCHDOG->lock = WATCHDOG_UNLOCK;
  WATCHDOG->ctrl = 0;
  for (;;) __asm volatile("wfi");
}

static uint64_t ticks(void) {
  uint32_t before = mask();
  uint64_t high = wraps;
  uint32_t value = TIMER_AT(0)->value;
  if (TIMER_AT(0)->interrupt) {
    value = TIMER_AT(0)->value;
    high++;
  }
  unmask(before);
  return (high << 32) + (UINT32_MAX - value);
}

uint64_t port_micros(void) {
  return ticks() / CLOCK_MHZ;
}

/** The lines `key=value`. */
static void read_settings(struct settings *settings) {
  settings_default(settings);
  char key[64];
  char value[BOARDS_MAX * (NAME_MAX_BYTES + 1)];
  const char *at = SETTINGS_AT;
  const char *end = SETTINGS_AT + SETTINGS_BYTES;
  if (!*at) port_halt("no settings stand where they have to");
  while (at < end && *at) {
    size_t length = 0;
    for (; at < end && *at && *at != '=' && *at != '\n'; at++) {
      if (length < sizeof key - 1) key[length++] = *at;
    }
    key[length] = 0;
    length = 0;
    if (at < end && *at == '=') at++;
    for (; at < end && *at && *at != '\n'; at++) {
      if (length < sizeof value - 1) value[length++] = *at;
    }
    value[length] = 0;
    if (at < end && *at == '\n') at++;
    const char *wrong = settings_take(settings, key, value);
    if (wrong) port_halt(wrong);
  }
}

void port_start(int argc, char **argv, struct settings *settings) {
  (void)argc;
  (void)argv;
  TIMER_AT(0)->reload = UINT32_MAX;
  TIMER_AT(0)->value = UINT32_MAX;
  TIMER_AT(0)->ctrl = TIMER_ON;
  uint32_t enabled = 1u << TIMER_IRQ(0) | 1u << TIMER_IRQ(1);
  for (unsigned line = 0; line <= PORT_LINES; line++) {
    struct uart *uart = uart_of(line);
    uart->bauddiv = CLOCK_MHZ * 1000000u / BAUD;
    uart->ctrl = UART_ON;
    enabled |= 3u << UART_IRQ(UART_OF[line]);
  }
  NVIC_ENABLE = enabled;

  bool had_power = kept.magic == KEPT_MAGIC && kept.not_magic == ~KEPT_MAGIC;
  cause = had_power && kept.next_cause <= CAUSE_RESET ? (enum cause)kept.next_cause : CAUSE_POWER;
  for (unsigned i = 0; !had_power && i < BOARDS_MAX; i++) kept.marked[i] = -1;
  if (!had_power) kept.starts = 0;
  kept.starts++;
  kept.magic = KEPT_MAGIC;
  kept.not_magic = ~KEPT_MAGIC;
  kept.next_cause = UNANNOUNCED;

  while (cause == CAUSE_FAULT && port_micros() < FAULT_PAUSE_MICROS) {
  }
  read_settings(settings);
  drawn = (uint64_t)settings->seed << 32 | kept.starts;
  const char *wrong = settings_check(settings);
  if (wrong) port_halt(wrong);
  uint32_t flash = settings->sector_bytes * settings->sectors * settings->boards;
  if (flash > NOR_BYTES - TAIL_BYTES) port_halt("sectors: more than the flash has");
  // memory that nobody has written yet is no blank flash
  if (TAIL->made_bytes < flash) {
    memset(NOR_AT + TAIL->made_bytes, 0xff, flash - TAIL->made_bytes);
    TAIL->made_bytes = flash;
  }
  cells_open(NOR_AT, NOR_BYTES - TAIL_BYTES, &TAIL->cut, power_off);
}

const char *port_bundle(const struct settings *settings, size_t *bytes) {
  size_t length = settings->bundle_bytes ? settings->bundle_bytes : bundle_length(BUNDLE_AT, BUNDLE_BYTES);
  if (length == 0 || length > BUNDLE_BYTES) port_halt("no bundle stands where it has to");
  *bytes = length;
  return BUNDLE_AT;
}

uint8_t *port_heap(size_t *bytes) {
  *bytes = (size_t)(heap_end - heap_begin);
  return heap_begin;
}

uint8_t *port_marks(size_t *bytes) {
  *bytes = sizeof marks;
  return marks;
}

size_t port_read(unsigned line, uint8_t *into, size_t max) {
  struct ring *ring = &rx_rings[line];
  size_t length = 0;
  while (length < max && ring->tail != ring->head) into[length++] = rx[line][ring->tail++ % RX_BYTES];
  return length;
}

size_t port_write(unsigned line, const uint8_t *bytes, size_t length) {
  struct ring *ring = &tx_rings[line];
  uint64_t end = 0;
  for (size_t done = 0;;) {
    uint32_t before = mask();
    while (done < length && ring->head - ring->tail < TX_BYTES) tx[line][ring->head++ % TX_BYTES] = bytes[done++];
    push(line);
    unmask(before);
    if (done == length) return done;
    if (end == 0) end = port_micros() + ROOM_MICROS;
    else if (port_micros() > end) return done;
  }
}

/** When somebody wants to have what has come; UINT64_MAX: nothing has. Interrupts are masked. */
static uint64_t input_due(uint64_t now) {
  uint64_t due = UINT64_MAX;
  for (unsigned line = 0; line < PORT_LINES; line++) {
    struct ring *ring = &rx_rings[line];
    if (ring->tail == ring->head) continue;
    if (ring->head - ring->tail >= MUCH_BYTES) return now;
    uint32_t silent = ring->last - TIMER_AT(0)->value;
    if (silent >= QUIET_TICKS) return now;
    uint64_t own = now + (QUIET_TICKS - silent);
    if (own < due) due = own;
  }
  return due;
}

void port_sleep(uint64_t until) {
  uint64_t wanted = until > UINT64_MAX / CLOCK_MHZ ? UINT64_MAX : until * CLOCK_MHZ;
  for (;;) {
    uint32_t before = mask();
    uint64_t now = ticks();
    uint64_t input = input_due(now);
    uint64_t due = input < wanted ? input : wanted;
    if (due <= now) {
      unmask(before);
      return;
    }
    uint64_t wait = due - now;
    TIMER_AT(1)->ctrl = 0;
    TIMER_AT(1)->interrupt = 1;
    TIMER_AT(1)->reload = TIMER_AT(1)->value = wait < UINT32_MAX ? (uint32_t)wait : UINT32_MAX;
    TIMER_AT(1)->ctrl = TIMER_ON;
    // an interrupt that is pending ends this although it is masked
    __asm volatile("dsb\n wfi" ::: "memory");
    unmask(before);
  }
}

enum cause port_cause(void) {
  return cause;
}

void port_mark(unsigned board, int32_t pid) {
  kept.marked[board] = pid;
}

int32_t port_marked(unsigned board) {
  return kept.marked[board];
}

/** S. Vigna's splitmix64, stirred by the time at which it is asked: this chip has no source of its own. */
uint32_t port_random(void) {
  uint64_t z = drawn += 0x9e3779b97f4a7c15u ^ ticks();
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return (uint32_t)((z ^ z >> 31) >> 32);
}

void port_watchdog(uint32_t ms) {
  uint64_t wanted = (uint64_t)ms * 1000u * CLOCK_MHZ;
  watchdog_ticks = wanted < UINT32_MAX ? (uint32_t)wanted : UINT32_MAX;
  WATCHDOG->lock = WATCHDOG_UNLOCK;
  WATCHDOG->load = watchdog_ticks;
  WATCHDOG->ctrl = WATCHDOG_ON;
}

void port_kick(void) {
  if (watchdog_ticks == 0) return;
  WATCHDOG->lock = WATCHDOG_UNLOCK;
  WATCHDOG->interrupt = 1;
}

static void flush(void) {
  uint64_t end = port_micros() + FLUSH_MICROS;
  for (unsigned line = 0; line <= PORT_LINES; line++) {
    while (tx_rings[line].tail != tx_rings[line].head && port_micros() < end) {
      uint32_t before = mask();
      push(line);
      unmask(before);
    }
  }
}

_Noreturn void port_reset(enum cause why) {
  flush();
  reset(why);
}

_Noreturn void port_halt(const char *why) {
  port_log(why);
  flush();
  power_off();
  for (;;) {
  }
}

void port_log(const char *text) {
  port_write(LOG_LINE, (const uint8_t *)text, strlen(text));
  port_write(LOG_LINE, (const uint8_t *)"\n", 1);
}

size_t port_stack_bytes(void) {
  return (size_t)(stack_end - stack_begin) * sizeof *stack_begin;
}

size_t port_stack_peak(void) {
  const uint32_t *at = stack_begin;
  while (at < stack_end && *at == STACK_PAINT) at++;
  return (size_t)(stack_end - at) * sizeof *at;
}

bool port_stack_short(void) {
  uint32_t here = 0;
  volatile uint32_t *at = &here;
  return (uintptr_t)at < (uintptr_t)stack_begin + STACK_SPARE_BYTES;
}
