import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Suffix of the files of the spool. */
export const segmentSuffix = '.jsonl';
const segmentPrefix = 'spool-';
const digits = 15;
const slotPrefix = 'worker-';

/** The directories of the spool below the gateway's state. */
export interface SpoolPaths {
  /** Files that a process of the gateway appends to. Only this process removes them. */
  readonly directory: string;
  /** One complete file for each event of a command. */
  readonly incoming: string;
}

/** Returns the spool of the gateway's only process, or of its process with this slot. */
export function spoolPaths(auditDirectory: string, slot = 1): SpoolPaths {
  const directory = slot === 1 ? auditDirectory : join(auditDirectory, `${slotPrefix}${slot}`);
  return { directory, incoming: join(auditDirectory, 'incoming') };
}

/** Returns the slots that have a spool, without the first one, which always has. */
export function furtherSpools(auditDirectory: string): readonly number[] {
  try {
    return readdirSync(auditDirectory)
      .filter((name) => name.startsWith(slotPrefix))
      .map((name) => Number(name.slice(slotPrefix.length)))
      .filter((slot) => Number.isSafeInteger(slot) && slot > 1);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

/** Returns the name of a new segment, which sorts behind `last`. */
export function nextSegment(last: string | undefined, nowMs: number, random: string): string {
  const lastMs = Number(last?.slice(segmentPrefix.length, segmentPrefix.length + digits) ?? 0);
  const atMs = Math.max(nowMs, Number.isSafeInteger(lastMs) ? lastMs + 1 : 0);
  return `${segmentPrefix}${String(atMs).padStart(digits, '0')}-${random}${segmentSuffix}`;
}

/** Returns the names of the spool's files in the order of their events. None if the directory is missing. */
export function segmentsIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
      .filter((name) => name.endsWith(segmentSuffix))
      .sort();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

/** Returns the total size of the spool's files in bytes. */
export function spoolBytes(directory: string): number {
  return segmentsIn(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
}
