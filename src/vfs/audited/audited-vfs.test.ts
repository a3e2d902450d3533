import { beforeEach, describe, expect, it } from 'vitest';
import { LiveSession } from '../../live/live-session.js';
import type { AuditEvent, AuditRecorder } from '../../model/audit.js';
import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { LoginFacts } from '../../model/live.js';
import type { Vfs } from '../../model/vfs.js';
import { MemoryVfs } from '../../sftp/testing/memory-vfs.js';
import { replacing } from '../../sftp/testing/open-session.js';
import { testClock } from '../../sftp/testing/test-logger.js';
import { call } from '../../vault/testing/vault-world.js';
import { AuditedVfs } from './audited-vfs.js';

const login: LoginFacts = {
  protocol: 'sftp',
  username: 'bob',
  address: '192.0.2.7',
  methods: 'publickey',
  keyFingerprint: null,
  certificate: null,
  connection: null,
};
const mode = { create: true, exclusive: false, truncate: true, append: false, read: false, attributes: {} };
const ref = { bucket: 'b', key: 'bob/uploads/f' };

let memory: MemoryVfs;
let session: LiveSession;
let events: AuditEvent[];
let isWritable: boolean;
const recorder: AuditRecorder = {
  requireWritable: () => {
    if (!isWritable) throw new Fault('unavailable', 'full');
  },
  record: (event) => {
    if (!isWritable) throw new Fault('unavailable', 'full');
    events.push(event);
  },
};
const audited = (tree: Vfs = memory) => new AuditedVfs(tree, recorder, session);
/** A tree that notes the object of each upload. */
const noting = () =>
  replacing(memory, {
    openWrite: async (given: Call, ...rest) => {
      given.note?.({ ...ref, keyId: 'k' });
      return await memory.openWrite(given, ...rest);
    },
  });

beforeEach(() => {
  memory = new MemoryVfs();
  session = new LiveSession({ id: 'a1', login, source: null }, testClock, () => undefined);
  events = [];
  isWritable = true;
});

describe('an audited tree', () => {
  it('records each operation with its object, its result and its bytes', async () => {
    const tree = audited(noting());
    const write = await tree.openWrite(call(), '/f', mode);
    expect(session.status.transfers).toMatchObject([{ path: '/f', direction: 'upload', keyId: 'k' }]);
    await write.write(call(), 0, [Buffer.from('hello')]);
    await write.commit(call());
    await write[Symbol.asyncDispose]();
    const read = await tree.openRead(call(), '/f');
    await read.read(call(), 0, 3);
    await read[Symbol.asyncDispose]();
    await tree.makeDirectory(call(), '/d');
    await tree.removeDirectory(call(), '/d');
    await tree.rename(call(), '/f', '/g', true);
    await tree.setAttributes(call(), '/g', { mtimeSeconds: 5 });
    tree.copied(call(), '/g', '/h', 7);
    await tree.remove(call(), '/g');
    await expect(tree.remove(call(), '/g')).rejects.toMatchObject({ kind: 'not-found' });
    expect(events.map(({ action, target, result }) => `${action} ${target} ${result}`)).toEqual([
      'file.write /f ok',
      'file.open /f ok',
      'file.read /f ok',
      'directory.make /d ok',
      'directory.remove /d ok',
      'file.rename /f ok',
      'file.attributes /g ok',
      'file.copy /g ok',
      'file.remove /g ok',
      'file.remove /g not-found',
    ]);
    expect(events[0]).toMatchObject({ bucket: 'b', objectKey: ref.key, keyId: 'k', details: { bytes: 5 } });
    expect(events[2]).toMatchObject({ details: { bytes: 3 } });
    expect(events[5]).toMatchObject({ details: { to: '/g', replace: true } });
    expect(events[0]).toMatchObject({ session: 'a1', request: 'test', address: '192.0.2.7' });
    expect(session.status.transfers).toEqual([]);
  });

  it('records a file that its client did not close', async () => {
    const write = await audited(noting()).openWrite(call(), '/f', mode);
    await write.write(call(), 0, [Buffer.from('hello')]);
    await write[Symbol.asyncDispose]();
    memory.putFile('/r', 'content');
    const ended = new AbortController();
    const read = await audited().openRead(call(ended.signal), '/r');
    ended.abort();
    await read[Symbol.asyncDispose]();
    expect(events.map(({ action, result }) => `${action} ${result}`)).toEqual([
      'file.write interrupted',
      'file.open ok',
      'file.read interrupted',
    ]);
  });

  it('records a file on disk at its open, because it changes while it is written', async () => {
    const write = await audited().openWrite(call(), '/f', mode);
    expect(events).toMatchObject([{ action: 'file.open', details: { direction: 'upload' } }]);
    await write.commit(call());
    expect(events.at(-1)).toMatchObject({ action: 'file.write', result: 'ok' });
  });

  it('changes nothing while the trail cannot be written, and reads on', async () => {
    memory.putFile('/f', 'x');
    const tree = audited();
    const write = await tree.openWrite(call(), '/new', mode);
    isWritable = false;
    const unavailable = { kind: 'unavailable' };
    await expect(tree.remove(call(), '/f')).rejects.toMatchObject(unavailable);
    await expect(tree.openWrite(call(), '/other', mode)).rejects.toMatchObject(unavailable);
    await expect(write.commit(call())).rejects.toMatchObject(unavailable);
    const read = await tree.openRead(call(), '/f');
    expect(Buffer.concat((await read.read(call(), 0, 10)) ?? []).toString()).toBe('x');
    await read[Symbol.asyncDispose]();
    await write[Symbol.asyncDispose]();
    expect([...memory.nodes.keys()]).not.toContain('/other');
    expect(memory.content('/f')?.toString()).toBe('x');
  });
});
