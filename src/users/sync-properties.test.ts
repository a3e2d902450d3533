import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readSyncProperties } from './sync-properties.js';

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sftpgw-sync-'));
  path = join(directory, 'user.properties');
});
afterEach(() => rm(directory, { recursive: true }));

async function read(text: string) {
  await writeFile(path, text);
  return await readSyncProperties(path);
}

describe('the settings for objects of other clients', () => {
  const none = { option: null, kmsKeyArn: null, syncKeyId: null, uploadKeyId: null, ignored: [] };

  it('are none without a file, and in an empty one', async () => {
    expect(await readSyncProperties(path)).toEqual(none);
    expect(await read('')).toEqual(none);
  });

  it('are those of downloads, not those of uploads', async () => {
    const [up, down] = ['a1'.repeat(16), 'b2'.repeat(16)];
    const text = `sse.option=4\nsse.sync.option=2\nsse.kms.key.arn=alias/k\nsse.key.id=${up}\nsse.sync.key.id=${down}\n`;
    expect(await read(text)).toEqual({
      option: 2,
      kmsKeyArn: 'alias/k',
      syncKeyId: down,
      uploadKeyId: up,
      ignored: [],
    });
  });

  it('name those that only a user’s own directory has', async () => {
    expect((await read('downloads.mode=direct\ndownloads.delete=yes\n')).ignored).toEqual([
      'downloads.mode=direct',
      'downloads.delete=yes',
    ]);
    expect((await read('downloads.mode=mirror\ndownloads.delete=no\n')).ignored).toEqual([]);
  });

  it('are refused with every line that has an error, and not for a notice', async () => {
    await expect(read('colour=red\nlocal=yes\nsse.sync.option=5\n')).rejects.toMatchObject({
      kind: 'invalid',
      hint: expect.stringMatching(/user\.properties line 1: .*; .*user\.properties line 3: /),
    });
    expect(await read('sse.sync.option=1\nsse.sync.option=4\n')).toMatchObject({ option: 4 });
  });

  it('are not none if the file cannot be read', async () => {
    await mkdir(path);
    await expect(readSyncProperties(path)).rejects.toMatchObject({
      kind: 'unavailable',
      hint: expect.stringContaining(path),
    });
  });
});
