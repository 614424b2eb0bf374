import type { NativeTarget } from './engine-parts.ts';

/** Where a chip's port looks for the bundle (boards/native/mps2-an385/chip.h); elsewhere it stands where there is room. */
export const BUNDLE_AT: Record<NativeTarget, number> = { 'mps2-an385': 0x00300000, linux: 0 };
