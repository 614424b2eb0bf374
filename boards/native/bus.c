#include "bus.h"

#include <string.h>

#include "board.h"
#include "line.h"
#include "port.h"

/** Packets between boards of one chip: as on a wire, what is too much is lost. */
#define LOCAL_BYTES 8192

static const struct settings *settings;
static bus_packet_heard *heard_packet;
static bus_input_heard *heard_input;

static struct line_reader reader;
/** On a wire that all boards share, instead of the reader. */
static struct line_access access;
static uint8_t queue[2 * LINE_FRAME_MAX];
static uint8_t held[LINE_FRAME_MAX];
static uint8_t frame[LINE_FRAME_MAX];

/** Each: sender's index u8, length u16, packet. */
static uint8_t local[LOCAL_BYTES];
static size_t local_bytes;
static struct board *senders[BOARDS_MAX];

static void heard(void *owner, unsigned kind, const uint8_t *payload, size_t length, unsigned from) {
  (void)owner;
  (void)from;
  if (kind == LINE_PACKET) heard_packet(payload, length, NULL);
  else if (kind == LINE_INPUT && length >= 1 && payload[0] + 1u <= length) {
    size_t device_length = payload[0];
    heard_input((const char *)payload + 1, device_length, payload + 1 + device_length, length - 1 - device_length);
  }
}

void bus_open(const struct settings *of, bus_packet_heard *packet, bus_input_heard *input) {
  settings = of;
  heard_packet = packet;
  heard_input = input;
  if (of->bus_boards == 0) {
    create_line_reader(&reader, held, sizeof held, heard, NULL);
    return;
  }
  access.address = of->bus_address;
  access.boards = of->bus_boards;
  access.slot = of->bus_slot_us;
  access.byte_ns = of->bus_byte_ns;
  access.queue = queue;
  access.queue_room = sizeof queue;
  access.packet = heard;
  create_access(&access, held, sizeof held, NULL, port_micros());
}

static void send(unsigned kind, const uint8_t *payload, size_t length) {
  size_t bytes = encode_line(frame, kind, payload, length, 0);
  // half a frame helps nobody, but what a full line loses is lost
  port_write(PORT_BUS, frame, bytes);
}

void bus_packet(struct board *from, const uint8_t *bytes, size_t length) {
  if (settings->bus_boards) offer_access(&access, bytes, length);
  else send(LINE_PACKET, bytes, length);
  if (settings->boards == 1 || length > UINT16_MAX || local_bytes + 3 + length > sizeof local) return;
  senders[from->index] = from;
  local[local_bytes++] = (uint8_t)from->index;
  local[local_bytes++] = (uint8_t)length;
  local[local_bytes++] = (uint8_t)(length >> 8);
  memcpy(local + local_bytes, bytes, length);
  local_bytes += length;
}

void bus_output(struct board *from, const char *device, size_t device_length, const uint8_t *bytes, size_t length) {
  (void)from;
  size_t own = 1 + device_length;
  // a testbed drives devices; on a wire of boards alone there is none
  if (settings->bus_boards || own + length > LINE_MAX - 4) return;
  uint8_t *payload = frame + LINE_HEADER;
  payload[0] = (uint8_t)device_length;
  memcpy(payload + 1, device, device_length);
  memcpy(payload + own, bytes, length);
  send(LINE_OUTPUT, payload, own + length);
}

bool bus_waiting(void) {
  return local_bytes > 0;
}

/** What the boards of this chip have sent until now; what they send because of it comes next time. */
static void deliver(void) {
  static uint8_t now[LOCAL_BYTES];
  size_t bytes = local_bytes;
  memcpy(now, local, bytes);
  local_bytes = 0;
  for (size_t at = 0; at < bytes;) {
    size_t length = now[at + 1] | (size_t)now[at + 2] << 8;
    heard_packet(now + at + 3, length, senders[now[at]]);
    at += 3 + length;
  }
}

uint64_t bus_turn(const uint8_t *bytes, size_t length) {
  if (local_bytes > 0) deliver();
  uint64_t now = port_micros();
  if (settings->bus_boards) {
    size_t count = 0;
    const uint8_t *out = poll_access(&access, bytes, length, now, &count);
    if (out) port_write(PORT_BUS, out, count);
    return access.due;
  }
  read_line(&reader, bytes, length, now);
  return reader.start < reader.end ? now + reader.quiet : UINT64_MAX;
}
