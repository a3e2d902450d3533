import type { ListedObject } from '../model/object-store.js';
import { snapshotNumber } from './bucket-names.js';

const newestKept = 5;
const daysKept = 14;
const dayMs = 86_400_000;

/**
 * Returns the keys of stale snapshots: all except the newest five, and the last of each day for two weeks.
 * The daily ones keep the state before a mistake, even after many later changes.
 */
export function staleSnapshots(listed: readonly ListedObject[], nowMs: number): readonly string[] {
  const snapshots = listed
    .filter(({ key }) => snapshotNumber(key) !== null)
    .toSorted((a, b) => (snapshotNumber(b.key) ?? 0) - (snapshotNumber(a.key) ?? 0));
  const days = new Set<number>();
  return snapshots
    .filter(({ lastModifiedMs }, index) => {
      const day = Math.floor(lastModifiedMs / dayMs);
      const isLastOfDay = !days.has(day);
      days.add(day);
      return index >= newestKept && !(isLastOfDay && nowMs - lastModifiedMs < daysKept * dayMs);
    })
    .map(({ key }) => key);
}
