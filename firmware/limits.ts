// Bounds of the runtime, the bus and the agent; those of the protocol itself are in core/limits.ts.

/** Messages of one channel on the bus at once. */
export const WINDOW = 32;
/** Unacknowledged messages of one channel, if no more components than a few send to one (`queueMax` in channel.ts). */
export const QUEUE_MAX = 100;
/** And however many there are. */
export const QUEUE_MIN = 4;
/** Packets kept by a board until their receiver can take them; one more is left to its sender's repeat. */
export const STASH_MAX = 64;
/** So many messages of a low process that are acknowledged and validated are forgotten at once. */
export const FORGET_MARKS = 64;
/**
 * Time after which an unacknowledged packet is repeated at the earliest, ms: in a cut of four boards at 1 M baud an
 * acknowledgement waits up to half of it for its turn on the bus. It doubles up to the second figure: who repeats sooner
 * than the slowest board answers only makes it slower.
 */
export const REPEAT_MS = 60;
export const REPEAT_MAX_MS = 3200;
export const DOUBLINGS_MAX = 6;
/** What is acknowledged within this time of its repeat is so because of it, ms. */
export const PROMPT_MS = 15;
/** So many messages in a row are acknowledged too late: their receiver is slow. */
export const LATE_MAX = 4;
/** How long a board that begins anew waits for the others before it begins alone, ms. */
export const GATHER_MS = 3000;
/** Steps of processes in one call of the board; the rest is done in the next, so that the line stays alive. */
export const STEPS_MAX = 400;
/** Hashes of reverted upgrades that a board remembers. */
export const QUARANTINE_MAX = 8;
/** Trace lines that wait for the serial line; older ones are dropped, and the host sees the gap. */
export const TRACE_LINES_MAX = 4000;
/** Processes in one reply to `status`; and names of those that a frozen process waits for. */
export const STATUS_PROCESSES = 4;
export const WAITING_SHOWN = 8;
/** In a commit a low process waits so many times longer than a survivor before it takes another one for gone. */
export const LOW_PATIENCE = 10;

/** Tells the journal's bytes from those that another use has left in its sectors: 'UNDJ'. */
export const JOURNAL_SALT = 0x4a444e55;
/** A ring of less is not worth having, bytes. */
export const JOURNAL_BYTES_MIN = 16384;
/** Of the ring this much is kept for one cut: markers, reports, what is held; and more for bases (`reserve` in store.ts). */
export const RESERVE_BYTES = 6144;
/** Records go to the ring in batches of so many bytes at most, if it is not one alone: a ring keeps place for a copy. */
export const WRITE_MAX = 6144;
/** A base is written in records of so many bytes at most. */
export const BASE_PART = 4000;
/** After so many events of a process it has a new base: replaying them would take longer than a boot may. */
export const REPLAY_EVENTS = 250;
/** Bytes of records that wait for their write; then it is time for it. */
export const PENDING_MAX = 6144;
/** Where a program takes at least so many bytes, records wait for each other this long, ms: what they fill costs the same. */
export const SHARE_UNIT = 64;
export const SHARE_MS = 4;
/** Rounds of processes, write and effects in one call of the board; the rest is done in the next. */
export const ROUNDS_MAX = 8;

/** Words that tell what has become of a journal; the host looks for them (host/journal.ts). */
export const JOURNAL_WORN = 'its flash is worn or damaged';
export const JOURNAL_FULL = 'it is full';
export const JOURNAL_RESERVE = 'hold no more than its reserve';
export const JOURNAL_SMALL = 'it is too small';
export const JOURNAL_NO_ROOM = 'the flash has no room for a journal';
export const JOURNAL_BLIND = 'its flash cannot be read';
export const JOURNAL_UNREADABLE = 'what stood in the journal could not be taken up';
