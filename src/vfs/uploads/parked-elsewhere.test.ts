import { beforeEach, describe, expect, it } from 'vitest';
import { checksumOf } from '../../bytes/running-checksum.js';
import type { Clock } from '../../model/call.js';
import type { IntentId } from '../../model/ledger.js';
import {
  type NodeUploads,
  type ParkedUpload,
  shownRef,
  type UploadName,
} from '../../model/parked-uploads.js';
import type { UserSettings } from '../../model/users.js';
import { call } from '../../vault/testing/vault-world.js';
import { FakeS3 } from '../testing/fake-s3.js';
import { firstKey } from '../testing/world.js';
import { OpenUploads } from './open-uploads.js';
import { ParkedFiles } from './parked-files.js';

const clock: Clock = { nowMs: () => 10_000, monotonicMs: () => 10_000, sleep: async () => undefined };
const ref = (key: string) => ({ bucket: 'bucket', key });
const nameOf = (key: string, stored = key): UploadName => ({
  ...{ shown: ref(key), stored: ref(stored), actor: 'bob' },
});

function parkedUpload(key: string, change: Partial<ParkedUpload> = {}): ParkedUpload {
  const part = { partNumber: 1, etag: '"e"', size: 10, checksum: checksumOf('crc32c') };
  return {
    ...{ id: `row of ${key}` as IntentId, ref: ref(key), sealedWith: { kind: 'sse-s3' }, actor: 'bob' },
    ...{ uploadId: 'upload', parts: [part], mtimeSeconds: null, parkedMs: 10_000, shownKey: null },
    isComplete: false,
    ...change,
  };
}

/** The parked uploads in the database. */
let rows: ParkedUpload[];
let aborted: string[];
let released: UploadName[];
/** Another node has an upload of the name in progress, and parks this one when it is asked. */
let elsewhere: ParkedUpload | null;
let isSilent: boolean;
/** Runs while the database answers. */
let meanwhile: () => void;
let open: OpenUploads;
let files: ParkedFiles;

beforeEach(() => {
  [rows, aborted, released, elsewhere] = [[], [], [], null];
  isSilent = true;
  meanwhile = () => undefined;
  open = new OpenUploads(clock);
  const nodes: NodeUploads = {
    find: async ({ shown }) => {
      const parked = rows.findLast((upload) => shownRef(upload).key === shown.key) ?? null;
      meanwhile();
      return { parked, isElsewhere: elsewhere !== null };
    },
    parkedBelow: async (_bucket, prefix) => rows.filter(({ ref: { key } }) => key.startsWith(prefix)),
    stillParked: async (ids) => new Set(ids.filter((id) => rows.some((row) => row.id === id))),
    release: async (_call, name) => {
      released.push(name);
      if (elsewhere === null || !isSilent) return;
      rows.push(elsewhere);
      elsewhere = null;
    },
  };
  const s3 = new FakeS3();
  files = new ParkedFiles({
    vault: {
      abortParked: async (_call, { id }) => {
        aborted.push(id);
        rows = rows.filter((row) => row.id !== id);
      },
    },
    parked: { ownParked: async () => [], setMtime: async () => true },
    store: { list: (now, request) => s3.list(now, request) },
    users: {
      settings: async () => ({}) as UserSettings,
      uploadEncryption: async () => ({ kind: 'sse-c', key: firstKey }),
    },
    ...{ clock, open, nodes, windowMs: 60_000, listsParked: true },
  });
});

describe('an upload that another node has parked', () => {
  it('is shown, listed and claimed here, and hidden once another node has resumed it', async () => {
    const upload = parkedUpload('d/a');
    rows = [upload];
    await files.refresh(call(), nameOf('d/a'));
    expect(open.find('bucket', 'd/a')?.attributes().size).toBe(10);
    rows = [];
    await files.refresh(call(), nameOf('d/a'));
    expect(open.find('bucket', 'd/a')).toBeNull();
    rows = [upload];
    await files.refreshBelow('bucket', 'd/');
    expect([...open.below('bucket', 'd/').keys()]).toEqual(['a']);
    expect(files.claim(ref('d/a'))).toEqual(upload);
    await files.refreshBelow('bucket', 'd/');
    rows = [];
    await files.refreshBelow('bucket', 'd/');
    expect([...open.below('bucket', 'd/').keys()]).toEqual([]);
  });

  it('is found under the name that clients see', async () => {
    rows = [parkedUpload('a', { shownKey: 'a.part', isComplete: true })];
    await files.refresh(call(), nameOf('a'));
    expect(files.has(ref('a'))).toBe(false);
    await files.refresh(call(), nameOf('a.part', 'a'));
    expect(files.held(ref('a.part'))).toMatchObject({ shownKey: 'a.part' });
  });

  it('does not keep its directory from being removed once another node has resumed it', async () => {
    rows = [parkedUpload('d/e/a')];
    await files.refreshBelow('bucket', 'd/e/');
    expect(open.anyBelow('bucket', 'd/')).toBe(true);
    await files.hideResumed('bucket', 'd/');
    expect(open.anyBelow('bucket', 'd/')).toBe(true);
    rows = [];
    await files.hideResumed('bucket', 'd/');
    expect(open.anyBelow('bucket', 'd/')).toBe(false);
  });

  it('is aborted by a new upload to the name', async () => {
    rows = [parkedUpload('a')];
    await files.refresh(call(), nameOf('a'));
    expect(await files.abort(call(), ref('a'))).toBe(true);
    expect(aborted).toEqual(['row of a']);
  });

  it('is not shown if a session of this node has claimed it meanwhile', async () => {
    rows = [parkedUpload('a')];
    await files.refresh(call(), nameOf('a'));
    meanwhile = () => {
      meanwhile = () => undefined;
      files.claim(ref('a'));
      rows = [];
    };
    await files.refresh(call(), nameOf('a'));
    expect(files.has(ref('a'))).toBe(false);
  });

  it('is not aborted when this node shows it before it has recorded that itself', async () => {
    const upload = parkedUpload('a');
    rows = [upload];
    await files.refresh(call(), nameOf('a'));
    await files.park(call(), upload);
    expect([aborted, files.has(ref('a'))]).toEqual([[], true]);
  });
});

describe('an upload in progress on another node', () => {
  it('is released for a client that resumes, and only then', async () => {
    elsewhere = parkedUpload('a');
    await files.refresh(call(), nameOf('a'));
    expect([released, files.has(ref('a'))]).toEqual([[], false]);
    await files.refresh(call(), nameOf('a'), true);
    expect([released, files.has(ref('a'))]).toEqual([[nameOf('a')], true]);
  });

  it('stays there if its client is not silent', async () => {
    elsewhere = parkedUpload('a');
    isSilent = false;
    await files.refresh(call(), nameOf('a'), true);
    expect([released.length, files.has(ref('a'))]).toEqual([1, false]);
  });

  it('is not asked for if this node has one of the name in progress', async () => {
    elsewhere = parkedUpload('a');
    const own = { handOver: () => null } as unknown as Parameters<OpenUploads['add']>[2];
    open.add('bucket', 'a', own);
    await files.refresh(call(), nameOf('a'), true);
    expect(released).toEqual([]);
    expect(await files.release(call(), ref('a'), 'bob')).toBe(false);
  });
});
