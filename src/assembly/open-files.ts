import { readFile } from 'node:fs/promises';
import type { SftpLimits } from '../sftp/limits.js';

/** The open files that a gateway needs beside its clients: S3, the database, the mirror, keys and settings. */
const minReserve = 96;
const maxReserve = 1_024;
const reserveShare = 3 / 8;
const unauthenticatedShare = 1 / 8;
/** A session has its socket, a connection to S3, and files that it opens. */
const filesPerSession = 3;
/** Parts of the limit for connections to S3. Reads and other requests have pools of their own. */
const s3Share = 1 / 16;
const minS3Connections = 8;

/** The bounds that depend on the limit of open files. */
export interface ConnectionBounds extends Pick<SftpLimits, 'maxSessions' | 'maxUnauthenticated'> {
  /** Connections of each pool to S3. */
  readonly maxS3Connections: number;
}

/** Connections of each pool to S3, if enough files can be open. */
export const maxS3Connections = 256;

/**
 * Returns the connections that fit into `maxOpenFiles`, at most those configured. Infinity leaves the configuration as it is. Every
 * bound is 1 or more.
 */
export function boundsWithin(maxOpenFiles: number, configured: ConnectionBounds): ConnectionBounds {
  if (!Number.isFinite(maxOpenFiles)) return configured;
  const share = (part: number) => Math.floor(maxOpenFiles * part);
  const reserve = Math.min(maxReserve, Math.max(minReserve, share(reserveShare)));
  const maxUnauthenticated = Math.max(
    1,
    Math.min(configured.maxUnauthenticated, share(unauthenticatedShare)),
  );
  const fitting = Math.floor((maxOpenFiles - reserve - maxUnauthenticated) / filesPerSession);
  return {
    maxUnauthenticated,
    maxSessions: Math.max(1, Math.min(configured.maxSessions, fitting)),
    maxS3Connections: Math.min(configured.maxS3Connections, Math.max(minS3Connections, share(s3Share))),
  };
}

/** Returns the soft limit of open files of this process (RLIMIT_NOFILE, proc(5)); Infinity where the system does not tell. */
export async function readOpenFileLimit(path = '/proc/self/limits'): Promise<number> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(text)?.[1];
  return soft === undefined || soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
}
