// The device bus on one wire that all boards share: frames, and whose turn it is (hal/BUS.md). The same as hal/line.ts,
// byte for byte and decision for decision. Pure: bytes and time go in, bytes and calls come out.

#ifndef UNDERSTUDY_LINE_H
#define UNDERSTUDY_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A packet of the device bus: it ends with a CRC-32 of its own (PROTOCOL 2.2), and that is the payload's. */
#define LINE_PACKET 1u
/** Between a testbed and a board alone: length of the device's name u8, name, bytes. */
#define LINE_INPUT 2u
#define LINE_OUTPUT 3u

#define LINE_HEADER 7u
/** Payload, with its CRC-32. */
#define LINE_MAX 8192u
#define LINE_FRAME_MAX (LINE_HEADER + LINE_MAX)
/** A frame that is still incomplete when the line was silent for so long will never be. */
#define LINE_QUIET_US 200000u

/** `payload` stands in the reader's buffer, and is gone after the call. */
typedef void line_heard(void *owner, unsigned kind, const uint8_t *payload, size_t length, unsigned from);

struct line_reader {
  line_heard *heard;
  void *owner;
  /** the bytes that wait are buffer[start..end) */
  uint8_t *buffer;
  size_t room, start, end;
  /** when bytes came last, and how long a silence ends a frame */
  uint64_t at, quiet;
  /** what came last was a whole frame, and nothing behind it */
  bool clean;
  /** good frames; sync words whose header or payload did not check */
  uint32_t frames, bad;
};

/** Bytes that `encode_line` writes. */
size_t line_frame_bytes(unsigned kind, size_t length);

/**
 * Writes a frame and returns its bytes; 0: longer than LINE_MAX. A packet is taken as it is; payloads of other kinds get
 * their CRC-32 here, and lose it in the reader. `payload` may stand at `into` + LINE_HEADER already. `from` is the sender's
 * address on a shared wire, 0 elsewhere.
 */
size_t encode_line(uint8_t *into, unsigned kind, const uint8_t *payload, size_t length, unsigned from);

/** Frames that `room` (LINE_FRAME_MAX at most makes sense) cannot hold are passed over. */
void create_line_reader(struct line_reader *reader, uint8_t *buffer, size_t room, line_heard *heard, void *owner);

/**
 * Takes what came on the line, split anywhere (it may be nothing), and calls `heard` for each whole frame, which must not
 * read from the same reader. A frame that lost bytes is given up when the line was silent for `quiet`: a reader that
 * waits for the rest of a frame (start < end) is to be called once more by then.
 */
void read_line(struct line_reader *reader, const uint8_t *bytes, size_t length, uint64_t now);

/** Of one board on a shared wire. Set the first seven before `create_access`. */
struct line_access {
  /** 0 to boards - 1; no two boards have the same */
  unsigned address, boards;
  /** microseconds, a multiple of 4, the same on all boards of a wire; how long it has to be: BUS.md */
  uint32_t slot;
  /** nanoseconds of ten bits on the wire */
  uint32_t byte_ns;
  /** of frames that wait for their turn; what is too much is dropped */
  uint8_t *queue;
  size_t queue_room;
  /** a packet of another board came; `kind` is LINE_PACKET */
  line_heard *packet;

  void *owner;
  struct line_reader reader;
  size_t queued;
  /** bytes of the frame that is on its way, until it has been heard back or `until` has come; it is the queue's first */
  size_t frame;
  bool frame_queued;
  uint64_t until;
  /** so often the first of the queue collided */
  unsigned tries;
  /** sender of the last good frame; -1: none was heard since this board began */
  int turn;
  /** when to call `poll_access` again at the latest */
  uint64_t due;
  /** packets heard back as they were sent; frames that were not; packets given up; packets there was no room for */
  uint32_t sent, collided, lost, dropped;
  /** frames from this board's address that it did not send: another board has the same */
  uint32_t doubles;
  uint8_t empty[LINE_HEADER];
};

/** `buffer` is the reader's. */
void create_access(struct line_access *access, uint8_t *buffer, size_t room, void *owner, uint64_t now);

/** Leaves a packet for this board's next turn. False: there is no room. Call `poll_access` then, for `due` has changed. */
bool offer_access(struct line_access *access, const uint8_t *packet, size_t length);

/**
 * Takes what came on the wire (it may be nothing), and returns what to send now, at once and without a gap; null:
 * nothing. It stays where it is until it is heard back. To be called whenever something has come, and at `due`.
 */
const uint8_t *poll_access(struct line_access *access, const uint8_t *bytes, size_t length, uint64_t now, size_t *send);

#endif
