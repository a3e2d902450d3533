import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Logger } from '../model/call.js';
import { CustomerKey } from '../model/customer-key.js';
import { Fault } from '../model/fault.js';
import type { KeyFiles } from '../model/key-files.js';
import { createKeyFiles, keyFileProblems } from './key-files.js';

let directory: string;
let path: string;
let files: KeyFiles;
let logged: string[];

const log: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: (message, fields) => {
    const { problem, error } = fields ?? {};
    logged.push(`${message}: ${error instanceof Fault ? error.hint : String(problem)}`);
  },
  error: () => undefined,
  child: () => log,
};

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sftpgw-keys-'));
  path = join(directory, 'sse.key');
  logged = [];
  files = createKeyFiles(log);
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const newKey = (): CustomerKey => CustomerKey.fromBytes(randomBytes(32));
const put = (content: Uint8Array | string, mode = 0o600): Promise<void> => writeFile(path, content, { mode });
const fingerprints = async (): Promise<readonly string[]> =>
  (await files.loadAll(path)).map((key) => key.fingerprint);

describe('load', () => {
  it('returns the raw 32 bytes as a key, and null if there is no file', async () => {
    expect(await files.load(path)).toBeNull();
    const key = newKey();
    await put(key.reveal());
    expect((await files.load(path))?.equals(key)).toBe(true);
  });

  const base64 = randomBytes(32).toString('base64');
  it.each([
    ['an empty file', '', /empty/],
    ['31 bytes', randomBytes(31), /has 31 bytes/],
    ['33 bytes', Buffer.concat([randomBytes(32), Buffer.from('x')]), /has 33 bytes; a key file/],
    ['a key and a line feed', Buffer.concat([randomBytes(32), Buffer.from('\n')]), /line feed/],
    ['base64 text', base64, /this file holds base64 text; decode it: base64 -d/],
    ['base64 text and a newline', `${base64}\n`, /decode it: base64 -d/],
    ['hexadecimal text', `${randomBytes(32).toString('hex')}\n`, /decode it: xxd -r -p/],
    ['a PEM file', '-----BEGIN OPENSSH PRIVATE KEY-----\nabc', /PEM/],
    ['a long file', randomBytes(100_000), /more than 4096 bytes/],
  ])('refuses %s, with the reason and the path', async (_what, content, reason) => {
    await put(content);
    const fault = await files.load(path).catch((error: unknown) => error);
    expect(fault).toMatchObject({ kind: 'invalid', hint: expect.stringMatching(reason) });
    expect(fault).toMatchObject({ hint: expect.stringContaining(`${path}: `) });
    expect(String(fault)).not.toContain(base64);
  });

  it('refuses a directory, with the path', async () => {
    await mkdir(path);
    await expect(files.load(path)).rejects.toMatchObject({
      kind: 'invalid',
      hint: `${path}: it is a directory, not a key file`,
    });
  });

  it.skipIf(process.getuid?.() === 0)('denies an unreadable file, with the path', async () => {
    await put(newKey().reveal(), 0o000);
    await expect(files.load(path)).rejects.toMatchObject({
      kind: 'denied',
      hint: expect.stringContaining(path),
    });
  });

  it('sees every change at once, even within one tick of the clock and with an older time stamp', async () => {
    const when = new Date(1_700_000_000_000);
    for (let round = 0; round < 100; round++) {
      const key = newKey();
      await put(key.reveal());
      await utimes(path, when, when);
      expect((await files.load(path))?.fingerprint).toBe(key.fingerprint);
    }
    await put('half written');
    await expect(files.load(path)).rejects.toMatchObject({ kind: 'invalid' });
    const key = newKey();
    await put(key.reveal());
    expect((await files.load(path))?.fingerprint).toBe(key.fingerprint);
  });

  it('does not read an unchanged file again', async () => {
    await put(newKey().reveal());
    const first = await files.load(path);
    expect(await files.load(path)).toBe(first);
  });

  it('logs a key that is open to others once per change', async () => {
    await put(newKey().reveal(), 0o600);
    await files.load(path);
    expect(logged).toEqual([]);
    await chmod(path, 0o644);
    await files.load(path);
    await files.load(path);
    const [problem] = await keyFileProblems(path);
    expect(problem).toMatchObject({
      kind: 'open-to-others',
      text: expect.stringMatching(/open to others \(mode 0644\); run: chmod 600/),
    });
    expect(await keyFileProblems(path)).toHaveLength(1);
    expect(logged).toEqual([`key file is open to others: ${problem?.text}`]);
  });
});

describe('store', () => {
  it('writes the raw bytes, readable only by the gateway', async () => {
    const key = newKey();
    await files.store(path, key);
    expect(await readFile(path)).toEqual(Buffer.from(key.reveal()));
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(directory)).toEqual(['sse.key']);
  });

  it('first keeps a different key beside it, but not the same key', async () => {
    const [old, next] = [newKey(), newKey()];
    await put(old.reveal(), 0o644);
    await files.store(path, next);
    await files.store(path, next);
    expect((await readdir(directory)).sort()).toEqual(['sse.key', `sse.key.${old.fingerprint}`]);
    expect((await stat(`${path}.${old.fingerprint}`)).mode & 0o777).toBe(0o600);
    expect(await readFile(`${path}.${old.fingerprint}`)).toEqual(Buffer.from(old.reveal()));
  });

  it('keeps every invalid file too', async () => {
    const texts = ['a key in another form', 'and one more'];
    const when = new Date(1_700_000_000_000);
    for (const text of texts) {
      await put(text);
      await utimes(path, when, when);
      await files.store(path, newKey());
    }
    const moved = (await readdir(directory)).filter((name) => name.includes('.invalid-')).sort();
    const kept = await Promise.all(moved.map((name) => readFile(join(directory, name), 'utf8')));
    expect(kept.sort()).toEqual([...texts].sort());
    expect(await files.loadAll(path)).toHaveLength(1);
  });

  it('reports a missing directory, with the path', async () => {
    await expect(files.store(join(directory, 'no', 'sse.key'), newKey())).rejects.toMatchObject({
      kind: 'not-found',
      hint: expect.stringContaining('no/sse.key'),
    });
  });
});

describe('loadAll', () => {
  it('returns the current key, then the kept ones, the last replaced first', async () => {
    const keys = [newKey(), newKey(), newKey()];
    for (const key of keys) await files.store(path, key);
    expect(await fingerprints()).toEqual(keys.map((key) => key.fingerprint).reverse());
  });

  it('orders a key that was used twice by its last replacement', async () => {
    const [a, b, c] = [newKey(), newKey(), newKey()];
    for (const key of [a, b, a, c]) await files.store(path, key);
    expect(await fingerprints()).toEqual([c, a, b].map((key) => key.fingerprint));
  });

  it('returns nothing without files, and the kept keys without a current one', async () => {
    expect(await files.loadAll(path)).toEqual([]);
    expect(await files.loadAll(join(directory, 'no', 'sse.key'))).toEqual([]);
    const [a, b] = [newKey(), newKey()];
    await files.store(path, a);
    await files.store(path, b);
    await rm(path);
    expect(await fingerprints()).toEqual([a.fingerprint]);
  });

  it('logs an invalid file once and returns the other keys', async () => {
    const [a, b] = [newKey(), newKey()];
    await files.store(path, a);
    await files.store(path, b);
    await put('broken');
    await writeFile(`${path}.${'0'.repeat(32)}`, 'broken too', { mode: 0o600 });
    await writeFile(`${path}.backup`, newKey().reveal());
    expect(await fingerprints()).toEqual([a.fingerprint]);
    expect(await fingerprints()).toEqual([a.fingerprint]);
    expect(logged).toEqual([
      expect.stringMatching(/^invalid key file: \S+sse\.key: it has 6 bytes/),
      expect.stringMatching(/^invalid key file: \S+sse\.key\.0+: it has 10 bytes/),
    ]);
  });
});
