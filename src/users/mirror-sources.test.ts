import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MirrorSources } from '../model/mirror.js';
import { type LogLine, recordingLogger } from '../sftp/testing/test-logger.js';
import { call, keyNamed, quickClock, seededEntropy } from '../vault/testing/vault-world.js';
import { createMirrorSources } from './mirror-sources.js';
import { testKeys } from './testing/test-keys.js';
import { createUsers } from './user-directory.js';

let root: string;
let bucket: string | null;
let sources: MirrorSources;
let lines: LogLine[];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'mirror-sources-'));
  bucket = 'default-bucket';
  lines = [];
  const directories = {
    homes: join(root, 'home'),
    shared: join(root, 'shared'),
    removed: join(root, 'removed'),
  };
  const { keys } = testKeys(root, call().log);
  const defaults = () => ({ bucket });
  const clock = quickClock;
  const services = { directories, defaults, keys, clock, entropy: seededEntropy('users') };
  const users = createUsers(services).directory;
  sources = createMirrorSources({
    directories,
    sharedSettingsDirectory: join(root, 'root'),
    users,
    keys,
    defaults,
    call: { ...call(), log: recordingLogger(lines) },
  });
});
afterEach(() => rmSync(root, { recursive: true }));

function user(name: string, properties: string): string {
  const directory = join(root, 'home', name, '.sftpgateway');
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'user.properties'), properties);
  return directory;
}

async function listed(): Promise<readonly string[]> {
  return (await sources.list()).prefixes.map(({ name, bucket: of, prefix }) => `${name} ${of} ${prefix}`);
}

describe('the mirrored prefixes', () => {
  it('are the downloads of every user with downloads=yes, from the bucket of the uploads', async () => {
    user('alice', 'downloads=yes\n');
    user('bob', 'downloads=no\n');
    user('carol', 'downloads=yes\nupload.bucket=carols-bucket\n');
    expect(await listed()).toEqual([
      'downloads/alice default-bucket alice/downloads/',
      'downloads/carol carols-bucket carol/downloads/',
    ]);
    const [alice] = (await sources.list()).prefixes;
    expect(alice?.directory).toBe(join(root, 'home/alice/home/alice/downloads'));
  });

  it('include the shared directory if a user sees it or root has a key for it', async () => {
    user('alice', '');
    expect(await listed()).toEqual([]);
    mkdirSync(join(root, 'root'));
    writeFileSync(join(root, 'root', 'sse-sync.key'), keyNamed('shared').reveal(), { mode: 0o600 });
    expect(await listed()).toEqual(['shared default-bucket shared/']);
    rmSync(join(root, 'root'), { recursive: true });
    user('alice', 'shared=yes\n');
    expect(await listed()).toEqual(['shared default-bucket shared/']);
    bucket = null;
    expect(await listed()).toEqual([]);
  });

  it('exclude direct downloads, whose directories are cleared', async () => {
    user('alice', 'downloads=yes\n');
    user('bob', 'downloads=yes\ndownloads.mode=direct\n');
    user('carol', 'downloads=no\ndownloads.mode=direct\n');
    expect(await listed()).toEqual(['downloads/alice default-bucket alice/downloads/']);
    expect((await sources.list()).cleared).toEqual([
      { name: 'downloads/bob', directory: join(root, 'home/bob/home/bob/downloads') },
      { name: 'downloads/carol', directory: join(root, 'home/carol/home/carol/downloads') },
    ]);
    user('bob', 'downloads=yes\ndownloads.mode=mirror\n');
    expect((await sources.list()).cleared.map(({ name }) => name)).toEqual(['downloads/carol']);
    user('carol', 'downloads.mode=perhaps\n');
    expect((await sources.list()).cleared, 'the last valid settings').toHaveLength(1);
  });

  it('include the shared directory despite downloads.mode=direct in root’s file, which is logged once', async () => {
    mkdirSync(join(root, 'root'));
    const file = join(root, 'root', 'user.properties');
    const listTwice = async () => {
      const [shared] = (await sources.list()).prefixes;
      for (let times = 0; times < 2; times += 1) expect(await shared?.keys()).toEqual([]);
    };
    writeFileSync(file, 'sse.sync.option=3\n');
    await listTwice();
    expect(lines).toEqual([]);
    writeFileSync(file, 'sse.sync.option=3\ndownloads.mode=direct\ndownloads.delete=yes\n');
    await listTwice();
    expect(lines).toMatchObject([
      { level: 'warn', fields: { ignored: 'downloads.mode=direct, downloads.delete=yes' } },
    ]);
    expect(await listed()).toEqual(['shared default-bucket shared/']);
    expect((await sources.list()).cleared).toEqual([]);
  });

  it('omit a user whose file has an error, and follow changes of the files', async () => {
    user('alice', 'downloads=yes\n');
    user('bob', 'downloads=perhaps\n');
    mkdirSync(join(root, 'home', 'lost+found'), { recursive: true });
    expect(await listed()).toEqual(['downloads/alice default-bucket alice/downloads/']);
    user('alice', 'downloads=no\n');
    expect(await listed()).toEqual([]);
  });

  it('are opened with the current key first, then kept keys, then keys of the uploads', async () => {
    const directory = user('alice', 'downloads=yes\nsse.sync.option=3\n');
    const [now, before, uploads] = [keyNamed('now'), keyNamed('before'), keyNamed('uploads')];
    const [alice] = (await sources.list()).prefixes;
    expect(await alice?.keys()).toEqual([]);
    const write = (name: string, key: typeof now) =>
      writeFileSync(join(directory, name), key.reveal(), { mode: 0o600 });
    write('sse-sync.key', now);
    write(`sse-sync.key.${before.fingerprint}`, before);
    write('sse.key', uploads);
    expect((await alice?.keys())?.map((key) => key.fingerprint)).toEqual(
      [now, before, uploads].map((key) => key.fingerprint),
    );
    write('sse-sync.key', uploads);
    expect((await alice?.keys())?.map((key) => key.fingerprint)).toEqual([
      uploads.fingerprint,
      before.fingerprint,
      // The keyring has kept the earlier key of the file.
      now.fingerprint,
    ]);
  });
});
