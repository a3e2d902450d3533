import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { readNodeId } from '../audit/node-id.js';
import type { WorkerPlace } from '../model/workers.js';
import type { LiveSettings } from './live-settings.js';
import { systemEntropy } from './system.js';

/**
 * Returns the id of this process among the nodes: that of the root, which the first of several processes keeps.
 * The others derive theirs from it, so that a process that starts again takes over what its predecessor has left.
 * Throws as `readNodeId`.
 */
export function nodeIdOf({ paths }: Pick<LiveSettings, 'paths'>, place: WorkerPlace | null): string {
  const root = readNodeId(paths.nodeIdFile, systemEntropy);
  if (place === null || place.slot === 1) return root;
  return createHash('sha256').update(`${root} ${place.slot}`).digest('hex').slice(0, root.length);
}

/** Returns the name of this process among the nodes: that of the machine, and the number of a further process. */
export function nodeNameOf(place: WorkerPlace | null): string {
  return place === null || place.slot === 1 ? hostname() : `${hostname()}/${place.slot}`;
}
