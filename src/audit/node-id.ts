import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { secretFileMode } from '../files/durable.js';
import { hasCode, isAbsence } from '../files/system-errors.js';
import type { Entropy } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { WorkerPlace } from '../model/nodes.js';
import { inheritOwner, makeSecretDirectory } from './owned-files.js';

/**
 * Returns the id of this gateway, 16 hexadecimal digits, and creates it at the first call. Throws
 * `unavailable`, and `corrupt` for a file without an id.
 */
export function readNodeId(path: string, entropy: Entropy): string {
  const existing = read(path);
  if (existing !== null) return existing;
  try {
    makeSecretDirectory(dirname(path));
    writeFileSync(path, `${entropy.id()}\n`, { flag: 'wx', mode: secretFileMode, flush: true });
    inheritOwner(path);
  } catch (error) {
    // Another process may have been faster.
    if (!hasCode(error, 'EEXIST')) throw unavailable(path, error);
  }
  const made = read(path);
  if (made === null) throw unavailable(path, null);
  return made;
}

/**
 * Returns the id of this process among the nodes: that of the root, which the first of several processes keeps.
 * The others derive theirs from it, so that a process that starts again takes over what its predecessor has left.
 * Throws as `readNodeId`.
 */
export function nodeIdOf(path: string, entropy: Entropy, place: WorkerPlace | null): string {
  return processIdOf(readNodeId(path, entropy), place?.slot ?? 1);
}

/** Returns the ids that the processes of a root may have, for up to `count` of them. */
export function processIdsOf(root: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => processIdOf(root, index + 1));
}

function processIdOf(root: string, slot: number): string {
  if (slot === 1) return root;
  return createHash('sha256').update(`${root} ${slot}`).digest('hex').slice(0, root.length);
}

/** Returns the name of this process among the nodes: that of the machine, and the number of a further process. */
export function nodeNameOf(place: WorkerPlace | null): string {
  return place === null || place.slot === 1 ? hostname() : `${hostname()}/${place.slot}`;
}

function read(path: string): string | null {
  let id: string;
  try {
    id = readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (isAbsence(error)) return null;
    throw unavailable(path, error);
  }
  if (/^[0-9a-f]{16}$/.test(id)) return id;
  throw new Fault('corrupt', `${path} has no id of 16 hexadecimal digits: remove it to get a new one`);
}

function unavailable(path: string, cause: unknown): Fault {
  return new Fault('unavailable', `${path} cannot be read or created`, { cause });
}
