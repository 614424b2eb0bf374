// The device bus of a native board: packets and devices as frames on the bus line (hal/BUS.md, line.h).

#ifndef UNDERSTUDY_BUS_H
#define UNDERSTUDY_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "natives.h"

/** `from`: the board of this chip that sent the packet; null: it came on the line. */
typedef void bus_packet_heard(const uint8_t *bytes, size_t length, const struct board *from);
typedef void bus_input_heard(const char *device, size_t device_length, const uint8_t *bytes, size_t length);

void bus_open(const struct settings *settings, bus_packet_heard *packet, bus_input_heard *input);

/** Takes what came on the line (it may be nothing), passes on what is whole; when it wants to be called again. */
uint64_t bus_turn(const uint8_t *bytes, size_t length);

/** Packets between boards of this chip that are still to be passed on. */
bool bus_waiting(void);

#endif
