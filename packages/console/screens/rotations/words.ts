import type { ItemOf } from '../../api/endpoints.js';
import { countOf, formatBytes, formatDuration } from '../../parts/format.js';
import type { Tone } from '../../parts/status.js';

export type Rotation = ItemOf<'listRotations'>;

/** Returns the state of a rotation: done, running, paused by a person, or waiting for something. */
export function stateOf({ state, pausedBy, obstacle, counts }: Rotation): readonly [Tone, string] {
  const failed = counts['failed'] ?? 0;
  if (state === 'done') return failed > 0 ? ['warn', 'done, with failures'] : ['good', 'done'];
  if (pausedBy !== null) return ['warn', 'paused'];
  return obstacle === null ? ['busy', 'running'] : ['warn', 'waiting'];
}

/** Returns the objects that a rotation has decided about. */
export function doneOf({ counts }: Rotation): number {
  return ['rekeyed', 'already', 'withoutKey', 'gone'].reduce((sum, name) => sum + (counts[name] ?? 0), 0);
}

/** Returns the part that is done, from 0 to 1. */
export function shareOf(rotation: Rotation): number {
  if (rotation.state === 'done') return 1;
  const done = doneOf(rotation);
  const all = done + (rotation.remaining?.objects ?? 0);
  return all === 0 ? 0 : done / all;
}

/** Returns the rate in words, such as `8.7 objects/s, 119 KiB/s`. */
export function rateText({ rate }: Rotation): string | null {
  if (rate === null) return null;
  return `${rate.objectsPerSecond.toFixed(1)} objects/s, ${formatBytes(rate.bytesPerSecond)}/s`;
}

/** Returns what is left in words, such as `2,614 objects, about 5 min`. */
export function leftText({ remaining, pausedBy }: Rotation, comma = ', about'): string | null {
  if (remaining === null) return null;
  const objects = countOf(remaining.objects, 'object');
  return remaining.seconds === null || pausedBy !== null
    ? objects
    : `${objects}${comma} ${formatDuration(remaining.seconds)}`;
}

/** Returns the limit of the speed in words. */
export function paceText({ pace: { objectsPerSecond, bytesPerSecond, parallel } }: Rotation): string {
  const limits = [
    ...(objectsPerSecond === null ? [] : [`${objectsPerSecond} objects/s`]),
    ...(bytesPerSecond === null ? [] : [`${formatBytes(bytesPerSecond)}/s`]),
  ];
  return `${limits.length === 0 ? 'no limit' : `at most ${limits.join(' and ')}`}, ${parallel} in parallel`;
}
