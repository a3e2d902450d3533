import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writePrivateFile } from './storage/durable-file.js';

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Credentials that count together with their token. */
export interface TemporaryCredentials extends Credentials {
  readonly sessionToken: string;
}

function credentialsPath(directory: string): string {
  return join(directory, 'credentials.json');
}

/**
 * Returns the credentials of the server with this data directory, or null before its first start.
 * Throws an error with the file's name if it is damaged.
 */
export async function readCredentials(directory: string): Promise<Credentials | null> {
  const path = credentialsPath(directory);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  const credentials = parse(text);
  if (credentials === null) {
    throw new Error(
      `invalid credentials file ${path}: expected accessKeyId and secretAccessKey; restore it, or remove it for new ones`,
    );
  }
  return credentials;
}

/** Returns the stored credentials, or generates and stores new ones: mode 0600, completely or not at all. */
export async function ensureCredentials(directory: string): Promise<Credentials> {
  const kept = await readCredentials(directory);
  if (kept !== null) return kept;
  // The forms of AWS: AKIA and 16 more upper-case letters and digits; 40 characters of base64.
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const id = [...randomBytes(16)].map((byte) => letters[byte % letters.length]).join('');
  const credentials = { accessKeyId: `AKIA${id}`, secretAccessKey: randomBytes(30).toString('base64') };
  await writePrivateFile(credentialsPath(directory), `${JSON.stringify(credentials, null, 2)}\n`);
  return credentials;
}

function parse(text: string): Credentials | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return null;
    const { accessKeyId, secretAccessKey } = value as Record<string, unknown> & Partial<Credentials>;
    if (typeof accessKeyId !== 'string' || typeof secretAccessKey !== 'string') return null;
    return accessKeyId === '' || secretAccessKey === '' ? null : { accessKeyId, secretAccessKey };
  } catch {
    return null;
  }
}
