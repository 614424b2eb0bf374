#include "line.h"

#include <string.h>

#include "crc32.h"

/** Header alone: nobody had anything to say for long. */
#define TURN 0u
#define SYNC_0 0x55
#define SYNC_1 0xd3
#define CHECK_BYTES 4u
/** So many slots of silence, and whoever has the next one sends a header: else clocks would drift out of the slots. */
#define TURN_SLOTS 128u
/** A packet that collided so often is given up: its sender repeats it, if it matters. */
#define TRIES 8u

size_t line_frame_bytes(unsigned kind, size_t length) {
  return LINE_HEADER + length + (kind > LINE_PACKET ? CHECK_BYTES : 0);
}

size_t encode_line(uint8_t *into, unsigned kind, const uint8_t *payload, size_t length, unsigned from) {
  size_t frame = line_frame_bytes(kind, length);
  if (frame > LINE_FRAME_MAX) return 0;
  size_t rest = frame - LINE_HEADER;
  into[0] = SYNC_0;
  into[1] = SYNC_1;
  into[2] = (uint8_t)(kind << 4 | from);
  into[3] = (uint8_t)rest;
  into[4] = (uint8_t)(rest >> 8);
  uint32_t check = crc32(0, into + 2, 3);
  into[5] = (uint8_t)check;
  into[6] = (uint8_t)(check >> 8);
  if (length > 0) memmove(into + LINE_HEADER, payload, length);
  if (rest > length) {
    uint32_t sum = crc32(0, into + LINE_HEADER, length);
    for (unsigned i = 0; i < CHECK_BYTES; i++) into[LINE_HEADER + length + i] = (uint8_t)(sum >> 8 * i);
  }
  return frame;
}

void create_line_reader(struct line_reader *reader, uint8_t *buffer, size_t room, line_heard *heard, void *owner) {
  *reader = (struct line_reader){
      .heard = heard, .owner = owner, .buffer = buffer, .room = room, .quiet = LINE_QUIET_US};
}

/** The payload of `length` bytes ends with the CRC-32 of those before. */
static bool checks(const uint8_t *payload, size_t length) {
  if (length < CHECK_BYTES) return false;
  const uint8_t *end = payload + length - CHECK_BYTES;
  uint32_t sum = end[0] | (uint32_t)end[1] << 8 | (uint32_t)end[2] << 16 | (uint32_t)end[3] << 24;
  return crc32(0, payload, length - CHECK_BYTES) == sum;
}

/** Takes every frame that is complete in the buffer; a sync word that begins none is passed over. */
static void take(struct line_reader *reader) {
  while (reader->start < reader->end) {
    const uint8_t *at = reader->buffer + reader->start;
    size_t waiting = reader->end - reader->start;
    if (at[0] != SYNC_0) {
      const uint8_t *next = memchr(at, SYNC_0, waiting);
      reader->clean = false;
      reader->start = next ? (size_t)(next - reader->buffer) : reader->end;
      continue;
    }
    bool good = waiting < 2 || at[1] == SYNC_1;
    if (good && waiting < LINE_HEADER) return;
    if (good) {
      size_t length = at[3] | (size_t)at[4] << 8;
      unsigned kind = at[2] >> 4;
      good = length <= (kind == TURN ? 0 : LINE_MAX) && LINE_HEADER + length <= reader->room &&
             (crc32(0, at + 2, 3) & 0xffff) == (at[5] | (uint32_t)at[6] << 8);
      if (good && waiting < LINE_HEADER + length) return;
      if (good && kind != TURN) good = checks(at + LINE_HEADER, length);
      if (good) {
        reader->start += LINE_HEADER + length;
        reader->frames++;
        reader->clean = true;
        size_t own = kind > LINE_PACKET ? length - CHECK_BYTES : length;
        reader->heard(reader->owner, kind, at + LINE_HEADER, own, at[2] & 15);
        continue;
      }
      reader->bad++;
    }
    reader->clean = false;
    reader->start++;
  }
}

void read_line(struct line_reader *reader, const uint8_t *bytes, size_t length, uint64_t now) {
  if (now - reader->at >= reader->quiet) {
    while (reader->start < reader->end) {
      reader->clean = false;
      reader->start++;
      take(reader);
    }
  }
  if (length > 0) reader->at = now;
  while (length > 0) {
    if (reader->start > 0) {
      reader->end -= reader->start;
      memmove(reader->buffer, reader->buffer + reader->start, reader->end);
      reader->start = 0;
    }
    size_t count = reader->room - reader->end;
    if (count > length) count = length;
    memcpy(reader->buffer + reader->end, bytes, count);
    reader->end += count;
    bytes += count;
    length -= count;
    take(reader);
  }
}

/** The first of the queue is done with. */
static void shift(struct line_access *access) {
  size_t frame = LINE_HEADER + (access->queue[3] | (size_t)access->queue[4] << 8);
  access->queued -= frame;
  memmove(access->queue, access->queue + frame, access->queued);
  access->tries = 0;
}

static void hear(void *owner, unsigned kind, const uint8_t *payload, size_t length, unsigned from) {
  struct line_access *access = owner;
  access->turn = (int)from;
  if (from != access->address) {
    if (kind == LINE_PACKET) access->packet(access->owner, kind, payload, length, from);
  } else if (access->frame > 0) {
    if (access->frame_queued) {
      shift(access);
      access->sent++;
    }
    access->frame = 0;
  } else {
    access->doubles++;
  }
}

void create_access(struct line_access *access, uint8_t *buffer, size_t room, void *owner, uint64_t now) {
  access->owner = owner;
  create_line_reader(&access->reader, buffer, room, hear, access);
  access->reader.at = now;
  access->reader.quiet = (uint64_t)access->boards * access->slot;
  access->queued = 0;
  access->frame = 0;
  access->frame_queued = false;
  access->until = 0;
  access->tries = 0;
  access->turn = -1;
  access->due = now;
  access->sent = access->collided = access->lost = access->dropped = access->doubles = 0;
}

bool offer_access(struct line_access *access, const uint8_t *packet, size_t length) {
  size_t frame = line_frame_bytes(LINE_PACKET, length);
  if (frame > LINE_FRAME_MAX || frame > access->queue_room - access->queued) {
    access->dropped++;
    return false;
  }
  access->queued += encode_line(access->queue + access->queued, LINE_PACKET, packet, length, access->address);
  return true;
}

const uint8_t *poll_access(struct line_access *access, const uint8_t *bytes, size_t length, uint64_t now, size_t *send) {
  struct line_reader *reader = &access->reader;
  unsigned boards = access->boards;
  uint32_t slot = access->slot;
  *send = 0;
  read_line(reader, bytes, length, now);
  if (access->frame > 0) {
    access->due = access->until;
    if (now < access->until) return NULL;
    access->collided++;
    if (access->frame_queued && ++access->tries == TRIES) {
      shift(access);
      access->lost++;
    }
    access->frame = 0;
  }
  // slot k begins (k + 1/2) slots after the last byte; which is the first that is anybody's, and whose it is
  uint64_t first = 0;
  unsigned from = (unsigned)access->turn % boards;
  if (access->turn < 0) first = TURN_SLOTS + boards;
  else if (!reader->clean || reader->start < reader->end) first = boards;
  if (first > 0) from = boards - 1;
  if (access->queued == 0 && first < TURN_SLOTS) first = TURN_SLOTS;
  // the next one of this board; one whose first quarter is over is too late to be used
  uint64_t silent = now - reader->at, past = slot / 4 * 3;
  uint64_t k = silent > past ? (silent - past + slot - 1) / slot : 0;
  if (k < first) k = first;
  k += (access->address + 2 * boards - from - 1 - (unsigned)(k % boards)) % boards;
  access->due = reader->at + k * slot + slot / 2;
  if (now < access->due) return NULL;
  access->frame_queued = access->queued > 0;
  const uint8_t *frame = access->queue;
  if (!access->frame_queued) {
    encode_line(access->empty, TURN, NULL, 0, access->address);
    frame = access->empty;
  }
  access->frame = LINE_HEADER + (frame[3] | (size_t)frame[4] << 8);
  access->until = now + (access->frame * (uint64_t)access->byte_ns + 999) / 1000 + slot;
  access->due = access->until;
  *send = access->frame;
  return frame;
}
