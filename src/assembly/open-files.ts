import { readFile } from 'node:fs/promises';
import type { SftpLimits } from '../sftp/limits.js';

/** The open files that a gateway needs beside its clients: connections to S3, the database, the mirror, keys and settings. */
const minReserve = 64;
const maxReserve = 2_048;
/** Part of the limit that is kept for them. */
const reserveShare = 0.25;
const unauthenticatedShare = 0.125;
/** A session has its socket, and files that it opens. */
const filesPerSession = 2;

/** Sessions and connections that fit into a limit of open files. */
export type ConnectionBounds = Pick<SftpLimits, 'maxSessions' | 'maxUnauthenticated'>;

/**
 * Returns the connections that fit into `maxOpenFiles`, at most those configured. Infinity leaves the configuration as it is. Every
 * bound is 1 or more.
 */
export function boundsWithin(maxOpenFiles: number, configured: ConnectionBounds): ConnectionBounds {
  if (!Number.isFinite(maxOpenFiles)) return configured;
  const reserve = Math.min(maxReserve, Math.max(minReserve, Math.floor(maxOpenFiles * reserveShare)));
  const maxUnauthenticated = Math.max(
    1,
    Math.min(configured.maxUnauthenticated, Math.floor(maxOpenFiles * unauthenticatedShare)),
  );
  const fitting = Math.floor((maxOpenFiles - reserve - maxUnauthenticated) / filesPerSession);
  return { maxUnauthenticated, maxSessions: Math.max(1, Math.min(configured.maxSessions, fitting)) };
}

/** Returns the soft limit of open files of this process (RLIMIT_NOFILE, proc(5)); Infinity where the system does not tell. */
export async function readOpenFileLimit(path = '/proc/self/limits'): Promise<number> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(text)?.[1];
  return soft === undefined || soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
}
