// The loop of a native board: gives the firmware what comes on its lines, and calls it at the time it asked for. A chip
// may be several boards of the system description; each has an engine of its own, and restarts by itself.

#include <setjmp.h>
#include <string.h>

#include "board.h"
#include "bus.h"
#include "engine.h"
#include "port.h"

/** The board is asked again after so long even where it wants to sleep longer. */
#define SLEEP_MAX_MICROS 1000000
/** Of what the heap used at most, one part in so many more is worth a line. */
#define TOLD_PART 8
#define CHUNK_BYTES 4096
/** The watchdog waits so many times longer while a board starts, and compiles its bundle. */
#define START_WATCHDOGS 4

static const char *const CAUSES[] = {"power", "watchdog", "fault", "reset"};

static struct settings settings;
static struct board boards[BOARDS_MAX];
static uint8_t *heaps;
/** where a board that restarts by itself goes on */
static jmp_buf abandoned;
static struct board *abandoning;
static enum cause abandoned_for;
static uint64_t reported;

void board_restart(struct board *board, enum cause why) {
  if (settings.boards == 1) port_reset(why);
  abandoning = board;
  abandoned_for = why;
  longjmp(abandoned, 1);
}

static void report(struct board *board) {
  struct engine_memory memory;
  engine_memory(board->engine, &memory);
  board->told = memory.peak;
  native_log(board, "heap %zu of %zu B, peak %zu B; stack peak %zu of %zu B; %lu calls, %lu us in them; %lu hangs",
             memory.used, memory.size, memory.peak, port_stack_peak(), port_stack_bytes(),
             (unsigned long)board->calls, (unsigned long)board->spent, (unsigned long)board->hangs);
}

/** After each call into the engine. */
static void called(struct board *board, uint64_t began, bool done) {
  board->calls++;
  board->spent += port_micros() - began;
  // whatever it was, poll may want to be called earlier now
  board->due = 0;
  if (done) return;
  native_log(board, "the firmware threw: %s", engine_error(board->engine));
  report(board);
  board_restart(board, CAUSE_FAULT);
}

static void start(struct board *board, enum cause why) {
  unsigned index = board->index;
  uint64_t began = port_micros();
  uint32_t flash_bytes = settings.sector_bytes * settings.sectors;
  size_t marks_bytes = 0;
  uint8_t *marks = port_marks(&marks_bytes);
  size_t share = (flash_bytes / settings.program_bytes + 7) / 8;

  memset(board, 0, sizeof *board);
  board->index = index;
  board->settings = &settings;
  board->name = settings.name[index];
  board->cause = CAUSES[why];
  board->marked = port_marked(index);
  board->deadline = UINT64_MAX;
  board->nor.begin = index * flash_bytes;
  board->nor.sector_bytes = settings.sector_bytes;
  board->nor.sectors = settings.sectors;
  board->nor.program_bytes = settings.program_bytes;
  board->nor.program_once = settings.program_once;
  if (marks && (index + 1) * share > marks_bytes) port_halt("more program units than this port has marks for");
  board->nor.marks = marks ? marks + index * share : NULL;
  nor_open(&board->nor);

  board->engine = engine_open(board, heaps + (size_t)index * settings.heap, settings.heap);
  if (!board->engine) port_halt("heap: too small for the engine alone");
  size_t bytes = 0;
  const char *bundle = port_bundle(&settings, &bytes);
  called(board, began, engine_boot(board->engine, bundle, bytes));
  native_log(board, "%s has booted, cause %s, marked %ld, bundle of %zu B", engine_name, board->cause,
             (long)board->marked, bytes);
  report(board);
}

static void heard_packet(const uint8_t *bytes, size_t length, const struct board *from) {
  for (unsigned i = 0; i < settings.boards; i++) {
    if (&boards[i] == from) continue;
    uint64_t began = port_micros();
    called(&boards[i], began, engine_bus(boards[i].engine, bytes, length));
  }
}

static void heard_input(const char *device, size_t device_length, const uint8_t *bytes, size_t length) {
  for (unsigned i = 0; i < settings.boards; i++) {
    uint64_t began = port_micros();
    called(&boards[i], began, engine_input(boards[i].engine, device, device_length, bytes, length));
  }
}

/** Calls poll where it is time, until nobody wants to be called at once; when somebody wants to be. */
static uint64_t poll_boards(void) {
  uint64_t earliest = UINT64_MAX;
  for (unsigned i = 0; i < settings.boards; i++) {
    struct board *board = &boards[i];
    uint64_t began = port_micros();
    if (began >= board->due) {
      double next = 0;
      called(board, began, engine_poll(board->engine, &next));
      uint64_t now = port_micros();
      double micros = next * 1000.0;
      uint64_t latest = now + SLEEP_MAX_MICROS;
      // what is no number at all wants to sleep as long as may be
      if (!(micros < (double)latest)) board->due = latest;
      else board->due = micros > (double)now ? (uint64_t)micros + 1 : now;
    }
    if (board->due < earliest) earliest = board->due;
  }
  return earliest;
}

/** The chip's watchdog is kicked when all of its boards have kicked. */
static void kick(void) {
  for (unsigned i = 0; i < settings.boards; i++) {
    if (!boards[i].kicked) return;
  }
  for (unsigned i = 0; i < settings.boards; i++) boards[i].kicked = false;
  port_kick();
}

static void tell(void) {
  uint64_t now = port_micros();
  bool all = settings.report_ms && now - reported >= (uint64_t)settings.report_ms * 1000;
  if (all) reported = now;
  for (unsigned i = 0; i < settings.boards; i++) {
    struct engine_memory memory;
    engine_memory(boards[i].engine, &memory);
    if (all || memory.peak >= boards[i].told + boards[i].told / TOLD_PART) report(&boards[i]);
  }
}

static void turn(void) {
  static uint8_t chunk[CHUNK_BYTES];
  for (unsigned i = 0; i < settings.boards; i++) {
    size_t length = port_read(i, chunk, sizeof chunk);
    if (length == 0) continue;
    uint64_t began = port_micros();
    called(&boards[i], began, engine_serial(boards[i].engine, chunk, length));
  }
  size_t length = port_read(PORT_BUS, chunk, sizeof chunk);
  uint64_t again = bus_turn(chunk, length);
  uint64_t next = poll_boards();
  kick();
  tell();
  port_sleep(bus_waiting() ? 0 : again < next ? again : next);
}

int main(int argc, char **argv) {
  port_start(argc, argv, &settings);
  const char *wrong = settings_check(&settings);
  if (wrong) port_halt(wrong);
  size_t bytes = 0;
  heaps = port_heap(&bytes);
  settings.heap = settings.heap / 8 * 8;
  if (settings.heap > bytes / settings.boards) port_halt("heap: more than this chip has for each of its boards");
  port_cells(&bytes);
  if (bytes / settings.sector_bytes / settings.boards < settings.sectors) port_halt("sectors: more than the flash has");
  bus_open(&settings, heard_packet, heard_input);
  if (settings.watchdog_ms) port_watchdog(settings.watchdog_ms * START_WATCHDOGS);
  static volatile unsigned started;
  if (setjmp(abandoned)) {
    // for good: the next start makes its engine anew
    start(abandoning, abandoned_for);
  }
  while (started < settings.boards) {
    struct board *board = &boards[started];
    board->index = started++;
    start(board, port_cause());
  }
  if (settings.watchdog_ms) port_watchdog(settings.watchdog_ms);
  for (;;) turn();
}
