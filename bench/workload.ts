import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { timedSeconds } from './measure.js';
import type { Arena, Peer } from './peers/peer.js';
import { timed } from './process.js';

const mebibyte = 1024 * 1024;

/** The files to transfer: a large one, and a directory of small ones. */
export interface Files {
  readonly large: string;
  readonly largeBytes: number;
  readonly largeSha256: string;
  readonly smallDirectory: string;
  readonly smallCount: number;
}

/** Creates random files in the directory: a large one, and many of 4 KiB. */
export async function makeFiles(directory: string, largeBytes: number, smallCount: number): Promise<Files> {
  const large = join(directory, 'large.bin');
  await pipeline(randomStream(largeBytes), createWriteStream(large));
  const smallDirectory = join(directory, 'small');
  mkdirSync(smallDirectory);
  const files = { large, largeBytes, largeSha256: await sha256(large), smallDirectory, smallCount };
  for (const name of smallNames(files)) writeFileSync(join(smallDirectory, name), randomBytes(4096));
  return files;
}

async function* randomStream(bytes: number): AsyncGenerator<Uint8Array> {
  for (let left = bytes; left > 0; left -= mebibyte) yield randomBytes(Math.min(left, mebibyte));
}

/** Returns the SHA-256 of a file in hexadecimal. */
export async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** Runs one batch of OpenSSH `sftp` commands against the peer and returns the duration in seconds. */
export function sftpBatch(arena: Arena, peer: Pick<Peer, 'port' | 'user'>, batch: string): Promise<number> {
  return timed(
    'sftp',
    [
      ...['-q', '-b', '-', '-c', 'aes128-gcm@openssh.com', '-i', arena.identity, '-o', 'IdentitiesOnly=yes'],
      ...['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR'],
      ...['-P', String(peer.port), `${peer.user}@127.0.0.1`],
    ],
    { input: `${batch}\n` },
  );
}

/** Uploads the large file and returns the duration in seconds. */
export function uploadLarge(arena: Arena, peer: Peer, files: Files): Promise<number> {
  return sftpBatch(arena, peer, `put ${files.large} ${peer.directory}large.bin`);
}

/**
 * Downloads the large file and returns the duration in seconds. `target` should be in a memory file system.
 */
export function downloadLarge(arena: Arena, peer: Peer, target: string): Promise<number> {
  return sftpBatch(arena, peer, `get ${peer.directory}large.bin ${target}`);
}

/**
 * Uploads the small files into a new directory, in sessions of equal shares at the same time. Returns the duration in
 * seconds, with the logins.
 */
export async function uploadSmall(
  arena: Arena,
  peer: Peer,
  files: Files,
  { name, sessions }: { readonly name: string; readonly sessions: number },
): Promise<number> {
  const directory = `${peer.directory}${name}`;
  if (sessions === 1) {
    return await sftpBatch(arena, peer, `mkdir ${directory}\nput ${files.smallDirectory}/* ${directory}/`);
  }
  await sftpBatch(arena, peer, `mkdir ${directory}`);
  const batches = Array.from({ length: sessions }, (_, session) =>
    smallNames(files)
      .filter((_name, index) => index % sessions === session)
      .map((file) => `put ${join(files.smallDirectory, file)} ${directory}/${file}`),
  );
  return await timedSeconds(() =>
    Promise.all(batches.map((batch) => sftpBatch(arena, peer, batch.join('\n')))),
  );
}

/**
 * Downloads the small files of a directory in one session, and returns the duration in seconds. Throws an error if
 * a file differs. `target` should be in a memory file system.
 */
export async function downloadSmall(
  arena: Arena,
  peer: Peer,
  files: Files,
  { name, target }: { readonly name: string; readonly target: string },
): Promise<number> {
  const seconds = await sftpBatch(arena, peer, `get ${peer.directory}${name}/* ${target}/`);
  for (const file of smallNames(files)) {
    const original = readFileSync(join(files.smallDirectory, file));
    if (!original.equals(readFileSync(join(target, file)))) throw new Error(`${file} has other content`);
  }
  return seconds;
}

/** Returns the names of the small files. */
export function smallNames({ smallCount }: Files): readonly string[] {
  return Array.from({ length: smallCount }, (_, index) => `file-${index}`);
}
