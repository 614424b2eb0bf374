// The versions that a state folder knows: what was built and sent from here, by hash. The next upgrade is built against
// the one that the boards run.

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeImage, encodeImage } from '../../firmware/image.ts';
import { EXIT, Failure } from '../failure.ts';
import type { Version } from './version.ts';

function fileOf(stateDir: string, hash: string): string {
  return join(stateDir, 'versions', `${hash}.image`);
}

export function saveVersion(stateDir: string, version: Version): void {
  mkdirSync(join(stateDir, 'versions'), { recursive: true, mode: 0o700 });
  const file = fileOf(stateDir, version.hash);
  writeFileSync(`${file}.new`, encodeImage(version), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** Throws Failure E_VERSION where this folder does not know the version. */
export function loadVersion(stateDir: string, hash: string): Version {
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(readFileSync(fileOf(stateDir, hash)));
  } catch {
    const cause = `the boards run version ${hash}, which this state folder does not know`;
    throw new Failure(
      'E_VERSION',
      EXIT.refused,
      cause,
      'use the folder it was flashed from (--state DIR), or flash again',
    );
  }
  try {
    return decodeImage(bytes);
  } catch (error) {
    const cause = `${fileOf(stateDir, hash)} is damaged: ${(error as Error).message}`;
    throw new Failure('E_VERSION', EXIT.refused, cause, 'delete it and flash again');
  }
}
