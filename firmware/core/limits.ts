// Every bound of the core has a name here. What happens at a bound is in PROTOCOL 8 (bounded memory).

/** Components of a system. */
export const COMPONENTS_MAX = 32;
/** Journal records of one process; at the bound the upgrade is rolled back. */
export const JOURNAL_RECORDS_MAX = 2000;
/** Bytes of one process's journal; at the bound the upgrade is rolled back. */
export const JOURNAL_BYTES_MAX = 256 * 1024;
/** Suppressed outputs of one shadow, and unreported boundary messages of one low process. */
export const LOG_ENTRIES_MAX = 2000;
/**
 * Messages held by a frozen process; one more stays with its sender. Device inputs may take up half of it: the other
 * half is for what the channels still hold before their markers, so the link's queues must not add up to more.
 */
export const HELD_MAX = 500;
/** Timers of one process. */
export const TIMERS_MAX = 32;
/** Emissions of one handler. */
export const EMISSIONS_MAX = 64;
