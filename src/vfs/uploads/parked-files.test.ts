import { describe, expect, it } from 'vitest';
import { checksumOf } from '../../bytes/running-checksum.js';
import type { Call, Clock } from '../../model/call.js';
import type { WriteEncryption } from '../../model/encryption.js';
import { Fault } from '../../model/fault.js';
import type { IntentId } from '../../model/ledger.js';
import type { NodeUploads, ParkedUpload } from '../../model/parked-uploads.js';
import type { UserSettings } from '../../model/users.js';
import type { AttributeChange } from '../../model/vfs.js';
import { sealedWith } from '../../vault/sealed-with.js';
import { call } from '../../vault/testing/vault-world.js';
import { FakeS3 } from '../testing/fake-s3.js';
import { firstKey, secondKey } from '../testing/world.js';
import { DeferredWriteHandle } from './deferred-write-handle.js';
import { type OpenUpload, OpenUploads } from './open-uploads.js';
import type { UploadHandle } from './opened-upload.js';
import { ParkedFiles } from './parked-files.js';
import { StoredFiles } from './stored-files.js';

const dayMs = 86_400_000;
const encryption: WriteEncryption = { kind: 'sse-c', key: firstKey };
const ref = (key: string) => ({ bucket: 'bucket', key });

function parkedUpload(key: string, change: Partial<ParkedUpload> = {}): ParkedUpload {
  const part = { partNumber: 1, etag: '"e"', size: 10, checksum: checksumOf('crc32c') };
  return {
    id: `row of ${key}` as IntentId,
    ref: ref(key),
    sealedWith: sealedWith(encryption),
    actor: 'bob',
    uploadId: 'upload',
    parts: [part, { ...part, partNumber: 2 }],
    mtimeSeconds: null,
    parkedMs: 10_000,
    shownKey: null,
    isComplete: false,
    ...change,
  };
}

function setUp({
  windowMs = 60_000,
  listsParked = false,
  parked = [] as readonly ParkedUpload[],
  nodes = null as NodeUploads | null,
} = {}) {
  const state = {
    nowMs: 10_000,
    encryption,
    settings: {} as UserSettings | null,
    aborted: [] as string[],
    times: [] as number[],
    abortFault: null as Fault | null,
    listFault: null as Fault | null,
  };
  const clock: Clock = {
    nowMs: () => state.nowMs,
    monotonicMs: () => state.nowMs,
    sleep: async () => undefined,
  };
  const s3 = new FakeS3();
  const open = new OpenUploads(clock);
  const files = new ParkedFiles({
    vault: {
      abortParked: async (_call: Call, upload: ParkedUpload) => {
        if (state.abortFault !== null) throw state.abortFault;
        state.aborted.push(upload.id);
      },
    },
    parked: {
      ownParked: async () => parked,
      setMtime: async (_id, mtimeSeconds) => {
        state.times.push(mtimeSeconds);
        return true;
      },
    },
    store: {
      list: async (now, request) => {
        if (state.listFault !== null) throw state.listFault;
        return await s3.list(now, request);
      },
    },
    clock,
    users: { settings: async () => state.settings, uploadEncryption: async () => state.encryption },
    open,
    nodes,
    windowMs,
    listsParked,
  });
  return { state, s3, open, files };
}

describe('a parked upload', () => {
  it('is a file with the bytes that S3 has, until it is claimed', async () => {
    const { files, open } = setUp();
    const upload = parkedUpload('d/a');
    await files.park(call(), upload);
    expect([files.has(ref('d/a')), files.has(ref('d/b')), files.isEnabled]).toEqual([true, false, true]);
    expect(open.find('bucket', 'd/a')?.attributes()).toMatchObject({ size: 20, mtimeSeconds: 10 });
    expect(open.find('bucket', 'd/a')?.handOver('bob')).toBeNull();
    expect(files.claim(ref('d/a'))).toBe(upload);
    expect(files.claim(ref('d/a'))).toBeNull();
    expect(open.find('bucket', 'd/a')).toBeNull();
    expect(await files.abort(call(), ref('d/a'))).toBe(false);
  });

  it('has its own time if the client has set one', async () => {
    const { files, open } = setUp();
    await files.park(call(), parkedUpload('a', { mtimeSeconds: 5 }));
    expect(open.find('bucket', 'a')?.attributes().mtimeSeconds).toBe(5);
  });

  it('replaces one of the same name, which is aborted', async () => {
    const { files, state } = setUp();
    await files.park(call(), parkedUpload('a', { id: 'old' as IntentId }));
    await files.park(call(), parkedUpload('a', { id: 'new' as IntentId }));
    expect(state.aborted).toEqual(['old']);
    expect(files.claim(ref('a'))?.id).toBe('new');
  });

  it('of a node that has ended is shown, and the later of two is kept', async () => {
    const { files, state } = setUp();
    const upload = parkedUpload('a', { id: 'ours' as IntentId, parkedMs: 2 });
    await files.park(call(), upload);
    await files.adopt(call(), upload);
    expect(state.aborted).toEqual([]);
    await files.adopt(call(), parkedUpload('a', { id: 'earlier' as IntentId, parkedMs: 1 }));
    expect(state.aborted).toEqual(['earlier']);
    await files.adopt(call(), parkedUpload('a', { id: 'later' as IntentId, parkedMs: 3 }));
    expect(state.aborted).toEqual(['earlier', 'ours']);
    expect(files.claim(ref('a'))?.id).toBe('later');
    await files.adopt(call(), parkedUpload('b'));
    expect(files.has(ref('b'))).toBe(true);
  });

  it('does not hide an object: it is aborted, unless it is complete', async () => {
    const { files, state, s3 } = setUp();
    s3.put('a', 'whole');
    await files.park(call(), parkedUpload('a'));
    expect([state.aborted, files.has(ref('a'))]).toEqual([['row of a'], false]);
    await files.park(call(), parkedUpload('a', { isComplete: true }));
    expect(files.has(ref('a'))).toBe(true);
    // The object is looked for under the name that clients see.
    await files.park(call(), parkedUpload('final', { shownKey: 'a' }));
    expect(state.aborted).toHaveLength(2);
  });

  it('is kept if S3 does not answer whether there is an object', async () => {
    const { files, state } = setUp();
    state.listFault = new Fault('unavailable', 'later');
    await files.park(call(), parkedUpload('a'));
    expect([state.aborted, files.has(ref('a'))]).toEqual([[], true]);
  });

  it('is gone for clients although S3 did not abort it', async () => {
    const { files, state } = setUp();
    await files.park(call(), parkedUpload('a'));
    state.abortFault = new Fault('unavailable', 'later');
    expect(await files.abort(call(), ref('a'))).toBe(true);
    expect(files.has(ref('a'))).toBe(false);
  });

  it.each([
    [false, false, false],
    [false, true, true],
    [true, false, true],
  ])('that is complete (%s) is listed with the setting %s: %s', async (isComplete, listsParked, isListed) => {
    const { files, open } = setUp({ listsParked });
    await files.park(call(), parkedUpload('a', { isComplete, shownKey: isComplete ? 'a.part' : null }));
    const key = isComplete ? 'a.part' : 'a';
    expect([...open.below('bucket', '').keys()]).toEqual(isListed ? [key] : []);
    expect(files.held(ref(key)) !== null).toBe(isComplete);
    expect(files.held(ref('other'))).toBeNull();
  });

  it('of an earlier run is shown after the start', async () => {
    const { files } = setUp({ parked: [parkedUpload('a'), parkedUpload('b')] });
    expect(files.has(ref('a'))).toBe(false);
    await files.restore();
    expect([files.has(ref('a')), files.has(ref('b'))]).toEqual([true, true]);
    expect(setUp({ windowMs: 0 }).files.isEnabled).toBe(false);
  });

  it.each<[AttributeChange, boolean, boolean, readonly number[]]>([
    [{}, false, true, []],
    [{ size: 20 }, false, true, []],
    [{ size: 21 }, false, false, []],
    [{ size: 21 }, true, false, []],
    [{ mtimeSeconds: 10 }, false, true, []],
    [{ mtimeSeconds: 11 }, false, false, []],
    [{ mtimeSeconds: 10 }, true, true, []],
    [{ mtimeSeconds: 11 }, true, true, [11]],
    [{ mtimeSeconds: 11, size: 19 }, true, false, []],
  ])('with %o (complete: %s) is changed: %s', async (change, isComplete, isAllowed, times) => {
    const { files, open, state } = setUp();
    await files.park(call(), parkedUpload('a', { isComplete }));
    const file = open.find('bucket', 'a');
    const changing = file?.setAttributes(call(), change);
    if (isAllowed) await changing;
    else await expect(changing).rejects.toMatchObject({ kind: 'unsupported' });
    expect(state.times).toEqual(times);
    expect(file?.attributes().mtimeSeconds).toBe(times[0] ?? 10);
  });
});

describe('the expiry of parked uploads', () => {
  it.each([
    ['an interrupted one after the window', false, 60_000, 59_999, 60_000],
    ['a complete one after a day', true, 60_000, dayMs - 1, dayMs],
    ['a complete one after a longer window', true, 2 * dayMs, 2 * dayMs - 1, 2 * dayMs],
  ])('aborts %s', async (_, isComplete, windowMs, keptMs, abortedMs) => {
    const { files, state } = setUp({ windowMs });
    await files.park(call(), parkedUpload('a', { isComplete }));
    state.nowMs = 10_000 + keptMs;
    await files.expire(call());
    expect(state.aborted).toEqual([]);
    state.nowMs = 10_000 + abortedMs;
    await files.expire(call());
    expect([state.aborted, files.has(ref('a'))]).toEqual([['row of a'], false]);
  });

  it('aborts those of a removed user, and those that another key would encrypt now', async () => {
    const { files, state } = setUp();
    await files.park(call(), parkedUpload('a'));
    await files.expire(call());
    expect(state.aborted).toEqual([]);
    state.encryption = { kind: 'sse-c', key: secondKey };
    await files.expire(call());
    expect(state.aborted).toEqual(['row of a']);
    state.encryption = encryption;
    await files.park(call(), parkedUpload('b'));
    state.settings = null;
    await files.expire(call());
    expect(state.aborted).toEqual(['row of a', 'row of b']);
  });

  it('continues after a fault of one user, and ends when it is cancelled', async () => {
    const { files, state } = setUp();
    await files.park(call(), parkedUpload('a'));
    await files.park(call(), parkedUpload('b'));
    state.nowMs += 60_000;
    const failing = (kind: 'key-missing' | 'cancelled') => {
      let asked = 0;
      Object.defineProperty(state, 'nowMs', {
        configurable: true,
        get: () => {
          asked += 1;
          if (asked === 1) throw new Fault(kind, 'no');
          return 70_000;
        },
      });
    };
    failing('cancelled');
    await expect(files.expire(call())).rejects.toMatchObject({ kind: 'cancelled' });
    failing('key-missing');
    await files.expire(call());
    expect(state.aborted).toEqual(['row of b']);
  });
});

describe('uploads in progress', () => {
  const clockWith = (sleep: Clock['sleep'] = async () => undefined): Clock => ({
    nowMs: () => 0,
    monotonicMs: () => 0,
    sleep,
  });
  function upload(size: number, isListed = true) {
    const followed: number[] = [];
    const one: OpenUpload = {
      isListed,
      keepsObject: false,
      session: null,
      isEdit: false,
      handOver: () => null,
      follow: async () => void followed.push(size),
      attributes: () => ({ type: 'file', size, mode: 0o644, mtimeSeconds: 0, atimeSeconds: 0 }),
      setAttributes: async () => undefined,
    };
    return { one, followed };
  }

  it('are found by their key, the newest first, until they end', () => {
    const open = new OpenUploads(clockWith());
    const [older, newer] = [upload(1).one, upload(2).one];
    const endOlder = open.add('b', 'd/a', older);
    const endNewer = open.add('b', 'd/a', newer);
    expect(open.find('b', 'd/a')).toBe(newer);
    expect([open.find('b', 'd/b'), open.find('c', 'd/a'), open.find('b', 'a')]).toEqual([null, null, null]);
    endNewer();
    expect(open.find('b', 'd/a')).toBe(older);
    endOlder();
    expect(open.find('b', 'd/a')).toBeNull();
    expect(open.anyBelow('b', '')).toBe(false);
  });

  it('are listed directly below their directory, by their names', () => {
    const open = new OpenUploads(clockWith());
    open.add('b', 'd/a', upload(1).one);
    open.add('b', 'd/hidden', upload(2, false).one);
    open.add('b', 'd/e/f', upload(3).one);
    open.add('b', 'top', upload(4).one);
    const below = (prefix: string) =>
      [...open.below('b', prefix)].map(([name, { size }]) => `${name} ${size}`);
    expect([below('d/'), below(''), below('d/e/'), below('x/')]).toEqual([['a 1'], ['top 4'], ['f 3'], []]);
    expect([open.anyBelow('b', 'd/'), open.anyBelow('b', 'd/e/'), open.anyBelow('b', 'x/')]).toEqual([
      true,
      true,
      false,
    ]);
    expect(open.anyBelow('c', '')).toBe(false);
  });

  it('follow a CLOSE of the same file, and an operation waits for it', async () => {
    const open = new OpenUploads(clockWith(() => new Promise(() => undefined)));
    const other = upload(1);
    open.add('b', 'a', other.one);
    let store = () => {};
    const storing = new Promise<void>((resolve) => {
      store = resolve;
    });
    const closing = open.close(call(), { bucket: 'b', key: 'a' }, () => storing);
    let isClosed = false;
    // The clock never wakes, so only the CLOSE ends the wait.
    const waiting = Promise.race([
      open.closed({ ...call(), signal: new AbortController().signal }, { bucket: 'b', key: 'a' }),
      closing,
    ]).then(() => {
      isClosed = true;
    });
    await open.closed(call(), { bucket: 'b', key: 'other' });
    await new Promise((resolve) => setImmediate(resolve));
    expect([isClosed, other.followed]).toEqual([false, []]);
    store();
    await closing;
    await waiting;
    expect(other.followed).toEqual([1]);
  });

  it('are not waited for longer than 60 seconds', async () => {
    const slept: number[] = [];
    const open = new OpenUploads(clockWith(async (ms) => void slept.push(ms)));
    void open.close(call(), { bucket: 'b', key: 'a' }, () => new Promise(() => undefined));
    await open.closed(call(), { bucket: 'b', key: 'a' });
    expect(slept).toEqual([60_000]);
  });

  it('are not waited for after a CLOSE that failed', async () => {
    const open = new OpenUploads(clockWith());
    const other = upload(1);
    open.add('b', 'a', other.one);
    const closing = open.close(call(), { bucket: 'b', key: 'a' }, async () => {
      throw new Fault('denied', 'no');
    });
    await expect(closing).rejects.toMatchObject({ kind: 'denied' });
    await new Promise((resolve) => setImmediate(resolve));
    await open.closed(call(), { bucket: 'b', key: 'a' });
    expect(other.followed).toEqual([]);
  });
});

describe('the files that a session has stored', () => {
  it('follow renames of themselves and of their directories', () => {
    const files = new StoredFiles();
    for (const path of ['/a', '/d/x', '/d/e/y', '/dd/z']) files.add(path);
    files.rename('/d', '/n');
    files.rename('/a', '/b');
    files.rename('/unknown', '/known');
    const all = ['/a', '/b', '/d/x', '/n/x', '/n/e/y', '/dd/z', '/known', '/n'];
    expect(all.filter((path) => files.has(path))).toEqual(['/b', '/n/x', '/n/e/y', '/dd/z']);
  });

  it('are remembered up to 10,000, the last stored ones', () => {
    const files = new StoredFiles();
    for (let at = 0; at < 10_000; at += 1) files.add(`/${at}`);
    files.add('/0');
    expect(files.has('/1')).toBe(true);
    files.add('/new');
    expect([files.has('/0'), files.has('/1'), files.has('/2'), files.has('/new')]).toEqual([
      true,
      false,
      true,
      true,
    ]);
  });
});

describe('a file that was opened without truncation', () => {
  function handleThat(name: string, log: string[]): UploadHandle {
    const note = (what: string) => async () => void log.push(`${name} ${what}`);
    return {
      isUntouched: true,
      attributes: () => ({ type: 'file', size: name.length, mode: 0, mtimeSeconds: 0, atimeSeconds: 0 }),
      write: async (_call, offset) => void log.push(`${name} write ${offset}`),
      setAttributes: async (_call, { size }) => void log.push(`${name} set ${size}`),
      commit: note('commit'),
      [Symbol.asyncDispose]: note('end'),
    };
  }
  function setUpDeferred() {
    const log: string[] = [];
    const deferred = new DeferredWriteHandle(handleThat('old', log), {
      choose: async (_call, offset) => {
        log.push(`choose ${offset}`);
        return handleThat('chosen', log);
      },
      closeUnwritten: async () => void log.push('unwritten'),
    });
    return { log, deferred };
  }

  it('is chosen by the first write, for all later ones', async () => {
    const { log, deferred } = setUpDeferred();
    expect([deferred.isUntouched, deferred.attributes().size]).toEqual([true, 3]);
    await Promise.all([deferred.write(call(), 7, []), deferred.write(call(), 9, [])]);
    expect([deferred.isUntouched, deferred.attributes().size]).toEqual([false, 6]);
    await deferred.setAttributes(call(), { size: 5 });
    await deferred.commit(call());
    await deferred[Symbol.asyncDispose]();
    expect(log).toEqual([
      'choose 7',
      'chosen write 7',
      'chosen write 9',
      'chosen set 5',
      'chosen commit',
      'chosen end',
    ]);
  });

  it('is chosen as for a write from the start if it is truncated, and not for another change', async () => {
    const { log, deferred } = setUpDeferred();
    await deferred.setAttributes(call(), { size: 5 });
    await deferred.setAttributes(call(), { size: 0 });
    await deferred.write(call(), 0, []);
    expect(log).toEqual(['old set 5', 'choose 0', 'chosen set 0', 'chosen write 0']);
  });

  it('stays as it is if nothing is written', async () => {
    const { log, deferred } = setUpDeferred();
    await deferred.commit(call());
    await deferred[Symbol.asyncDispose]();
    expect(log).toEqual(['unwritten', 'old end']);
  });

  it('ends although no handle could be chosen', async () => {
    const log: string[] = [];
    const deferred = new DeferredWriteHandle(handleThat('old', log), {
      choose: async () => {
        throw new Fault('unsupported', 'no');
      },
      closeUnwritten: async () => undefined,
    });
    await expect(deferred.write(call(), 1, [])).rejects.toMatchObject({ kind: 'unsupported' });
    await expect(deferred.write(call(), 2, [])).rejects.toMatchObject({ kind: 'unsupported' });
    await expect(deferred.commit(call())).rejects.toMatchObject({ kind: 'unsupported' });
    await deferred[Symbol.asyncDispose]();
    expect(log).toEqual(['old end']);
  });
});
