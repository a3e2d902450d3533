import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Suffix of the files of the spool. */
export const segmentSuffix = '.jsonl';
const segmentPrefix = 'spool-';
const digits = 15;

/** The directories of the spool below the gateway's state. */
export interface SpoolPaths {
  /** Files that the gateway appends to. Only the process that holds the root's lock removes them. */
  readonly directory: string;
  /** One complete file for each event of a command. */
  readonly incoming: string;
}

export function spoolPaths(auditDirectory: string): SpoolPaths {
  return { directory: auditDirectory, incoming: join(auditDirectory, 'incoming') };
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
