import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ensureDirectory, secretDirectoryMode, writeFileDurably } from '../files/durable.js';

/** The address, region and bucket of a root's embedded S3 server in its last run. Contains no secret. */
export interface EmbeddedRun {
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
}

/** Writes the file by which other commands of this root, such as `sftpgw env`, find the server. */
export async function writeEmbeddedRun(path: string, run: EmbeddedRun): Promise<void> {
  await ensureDirectory(dirname(path), secretDirectoryMode);
  await writeFileDurably(path, `${JSON.stringify(run, null, 2)}\n`, 0o600);
}

/** Reads the file. Returns null if no embedded server has ever run on this root. */
export async function readEmbeddedRun(path: string): Promise<EmbeddedRun | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
  const { endpoint, region, bucket } = JSON.parse(text) as EmbeddedRun;
  return { endpoint, region, bucket };
}
