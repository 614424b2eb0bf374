#include "bus.h"

#include <string.h>

#include "board.h"
#include "port.h"

#define KIND_PACKET 1
#define KIND_INPUT 2
#define KIND_OUTPUT 3
#define HEADER_BYTES 5
#define BODY_MAX_BYTES 4096
/** Packets between boards of one chip: as on a wire, what is too much is lost. */
#define LOCAL_BYTES 8192

static const struct settings *settings;
static bus_packet_heard *heard_packet;
static bus_input_heard *heard_input;

static uint8_t held[HEADER_BYTES + BODY_MAX_BYTES];
static size_t held_bytes;

/** Each: sender's index u8, length u16, packet. */
static uint8_t local[LOCAL_BYTES];
static size_t local_bytes;
static struct board *senders[BOARDS_MAX];

void bus_open(const struct settings *of, bus_packet_heard *packet, bus_input_heard *input) {
  settings = of;
  heard_packet = packet;
  heard_input = input;
}

static void send(uint8_t kind, const uint8_t *device, size_t device_length, const uint8_t *bytes, size_t length) {
  uint8_t head[HEADER_BYTES + 256];
  size_t own = HEADER_BYTES;
  if (kind == KIND_OUTPUT) {
    head[own++] = (uint8_t)device_length;
    memcpy(head + own, device, device_length);
    own += device_length;
  }
  size_t rest = own - HEADER_BYTES + 1 + length;
  if (rest > BODY_MAX_BYTES) return;
  for (unsigned i = 0; i < 4; i++) head[i] = (uint8_t)(rest >> 8 * i);
  head[4] = kind;
  port_write(PORT_BUS, head, own);
  port_write(PORT_BUS, bytes, length);
}

void bus_packet(struct board *from, const uint8_t *bytes, size_t length) {
  send(KIND_PACKET, NULL, 0, bytes, length);
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
  send(KIND_OUTPUT, (const uint8_t *)device, device_length, bytes, length);
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
    heard_packet(NULL, now + at + 3, length, senders[now[at]]);
    at += 3 + length;
  }
}

uint64_t bus_turn(const uint8_t *bytes, size_t length) {
  if (local_bytes > 0) deliver();
  while (length > 0 || held_bytes >= HEADER_BYTES) {
    size_t room = sizeof held - held_bytes;
    size_t taken = length < room ? length : room;
    memcpy(held + held_bytes, bytes, taken);
    held_bytes += taken;
    bytes += taken;
    length -= taken;
    if (held_bytes < HEADER_BYTES) break;
    size_t rest = held[0] | (size_t)held[1] << 8 | (size_t)held[2] << 16;
    if (held[3] != 0 || rest < 1 || rest > BODY_MAX_BYTES) {
      held_bytes = 0;
      break;
    }
    if (held_bytes < 4 + rest) {
      if (length == 0) break;
      continue;
    }
    if (held[4] == KIND_PACKET) heard_packet(NULL, held + HEADER_BYTES, rest - 1, NULL);
    else if (held[4] == KIND_INPUT && rest >= 2 && held[5] + 2u <= rest) {
      heard_input(NULL, (const char *)held + 6, held[5], held + 6 + held[5], rest - 2 - held[5]);
    }
    memmove(held, held + 4 + rest, held_bytes - 4 - rest);
    held_bytes -= 4 + rest;
  }
  return UINT64_MAX;
}
