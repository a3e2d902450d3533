import { beforeEach, describe, expect, it } from 'vitest';
import { Fault } from '../../model/fault.js';
import type { Answer, Asked, TestClient } from '../testing/client.js';
import { statusOf } from '../testing/client.js';
import type { MemoryVfs } from '../testing/memory-vfs.js';
import { type OpenedSession, openSession, path, replacing } from '../testing/open-session.js';
import { openFlag, packetType, statusCode } from '../wire/constants.js';
import { FieldReader } from '../wire/field-reader.js';

let opened: OpenedSession;
let client: TestClient;
let memory: MemoryVfs;

beforeEach(async () => {
  opened = await openSession();
  ({ client, memory } = opened);
});

const creating = openFlag.write | openFlag.create | openFlag.truncate;

function open(name: string, flags: number, attributes = {}): Promise<Uint8Array> {
  return client.handle({ type: 'open', path: path(name), flags, attributes });
}

function write(handle: Uint8Array, offset: number, text: string): Promise<{ code: number }> {
  return client.status({
    type: 'write',
    handle,
    offset,
    chunks: [Buffer.from(text)],
    byteLength: Buffer.byteLength(text),
  });
}

async function code(request: Asked): Promise<number> {
  return (await client.status(request)).code;
}

async function attributes(request: Asked) {
  const answer = await client.ask(request);
  if (answer.type !== packetType.attrs) throw new Error(statusOf(answer).message);
  return answer.body.attributes();
}

function names(answer: Answer): string[] {
  if (answer.type !== packetType.name) throw new Error(statusOf(answer).message);
  return Array.from({ length: answer.body.uint32() }, () => {
    const name = Buffer.from(answer.body.string()).toString();
    answer.body.string();
    answer.body.attributes();
    return name;
  });
}

async function onePath(request: Asked): Promise<string | undefined> {
  return names(await client.ask(request))[0];
}

describe('files', () => {
  it('accept writes in any order, are invisible before CLOSE and complete after it', async () => {
    const handle = await open('/f', creating, { permissions: 0o100600, atimeSeconds: 1, mtimeSeconds: 2 });
    await write(handle, 6, 'world');
    await write(handle, 0, 'hello ');
    expect(memory.content('/f')).toBeNull();
    expect(await attributes({ type: 'fstat', handle })).toMatchObject({ size: 11, mtimeSeconds: 2 });
    expect(await code({ type: 'fsync', handle })).toBe(statusCode.ok);
    expect(await code({ type: 'close', handle })).toBe(statusCode.ok);
    expect(memory.content('/f')?.toString()).toBe('hello world');
    expect(await attributes({ type: 'stat', path: path('/f') })).toMatchObject({
      size: 11,
      permissions: 0o100600,
      mtimeSeconds: 2,
      atimeSeconds: 1,
    });
    expect(memory.openHandles).toBe(0);
  });

  it('are read at any offset, and end with EOF', async () => {
    memory.putFile('/f', 'hello world');
    const handle = await open('/f', openFlag.read);
    const answer = await client.ask({ type: 'read', handle, offset: 6, length: 100 });
    expect(answer.type).toBe(packetType.data);
    expect(Buffer.from(answer.body.string()).toString()).toBe('world');
    expect(answer.body.remaining).toBe(0);
    expect(await code({ type: 'read', handle, offset: 11, length: 1 })).toBe(statusCode.eof);
    const none = await client.ask({ type: 'read', handle, offset: 0, length: 0 });
    expect(none.body.string().byteLength).toBe(0);
    expect(await attributes({ type: 'fstat', handle })).toMatchObject({ size: 11 });
    expect(await code({ type: 'close', handle })).toBe(statusCode.ok);
    expect(memory.openHandles).toBe(0);
  });

  it('opened for both reading and writing return what the writes before a READ have left', async () => {
    memory.putFile('/f', 'before');
    const handle = await open('/f', openFlag.read | openFlag.write);
    const [, , answer] = await Promise.all([
      write(handle, 0, 'ab'),
      write(handle, 6, 'cd'),
      client.ask({ type: 'read', handle, offset: 0, length: 100 }),
    ]);
    expect(Buffer.from(answer.body.string()).toString()).toBe('abforecd');
    const attributes = await client.ask({ type: 'fstat', handle });
    expect(attributes.body.attributes().size).toBe(8);
    const writing = await open('/g', creating);
    expect(await code({ type: 'read', handle: writing, offset: 0, length: 1 })).toBe(
      statusCode.permissionDenied,
    );
  });

  it('are opened according to the flags', async () => {
    memory.putFile('/f', 'old');
    const exclusive = { type: 'open', path: path('/f'), attributes: {} } as const;
    expect(await code({ ...exclusive, flags: creating | openFlag.exclusive })).toBe(statusCode.failure);
    expect(await code({ ...exclusive, flags: 0 })).toBe(statusCode.failure);
    expect(await code({ ...exclusive, path: path('/none'), flags: openFlag.write })).toBe(
      statusCode.noSuchFile,
    );
    expect(await code({ ...exclusive, path: path('/none'), flags: openFlag.read })).toBe(
      statusCode.noSuchFile,
    );
    const appending = await open('/f', openFlag.append | openFlag.write);
    await write(appending, 0, '+new');
    await client.ask({ type: 'close', handle: appending });
    expect(memory.content('/f')?.toString()).toBe('old+new');
  });

  it('change size and times while they are written, after the earlier writes', async () => {
    const handle = await open('/f', creating);
    const written = write(handle, 0, 'hello world');
    const cut = code({ type: 'fsetstat', handle, attributes: { size: 5, atimeSeconds: 7, mtimeSeconds: 8 } });
    const more = write(handle, 5, '!');
    await Promise.all([written, cut, more]);
    await client.ask({ type: 'close', handle });
    expect(memory.content('/f')?.toString()).toBe('hello!');
    expect(await attributes({ type: 'stat', path: path('/f') })).toMatchObject({ mtimeSeconds: 8 });
  });

  it('change attributes through a handle that is open for reading', async () => {
    memory.putFile('/f', 'x');
    const handle = await open('/f', openFlag.read);
    expect(await code({ type: 'fsetstat', handle, attributes: { permissions: 0o600 } })).toBe(statusCode.ok);
    expect(await attributes({ type: 'stat', path: path('/f') })).toMatchObject({ permissions: 0o100600 });
  });

  it('refuse another owner', async () => {
    memory.putFile('/f', 'x');
    const chown = (uid: number): Asked => ({
      type: 'setstat',
      path: path('/f'),
      attributes: { uid, gid: 1000 },
    });
    expect(await code(chown(1000))).toBe(statusCode.ok);
    expect(await code(chown(0))).toBe(statusCode.unsupported);
  });

  it('refuse a handle that is closed, unknown, truncated or of the wrong kind', async () => {
    memory.putFile('/f', 'x');
    const closed = await open('/f', openFlag.read);
    await client.ask({ type: 'close', handle: closed });
    for (const handle of [closed, Buffer.alloc(8, 0xff), Buffer.alloc(0), Buffer.from('ab')]) {
      expect(await code({ type: 'read', handle, offset: 0, length: 1 })).toBe(statusCode.failure);
      expect(await code({ type: 'close', handle })).toBe(statusCode.failure);
      expect((await write(handle, 0, 'x')).code).toBe(statusCode.failure);
    }
    const reading = await open('/f', openFlag.read);
    expect((await write(reading, 0, 'x')).code).toBe(statusCode.permissionDenied);
    expect(await code({ type: 'readdir', handle: reading })).toBe(statusCode.failure);
    const directory = await client.handle({ type: 'opendir', path: path('/') });
    expect(await code({ type: 'read', handle: directory, offset: 0, length: 1 })).toBe(statusCode.failure);
    expect(await attributes({ type: 'fstat', handle: directory })).toMatchObject({ permissions: 0o040755 });
  });
});

describe('directories', () => {
  it('are listed in several replies below 34,000 bytes each', async () => {
    const all = Array.from(
      { length: 900 },
      (_, index) => `${String(index).padStart(5, '0')}-${'n'.repeat(60)}`,
    );
    memory.batchSize = 500;
    for (const name of all) memory.putFile(`/${name}`, 'x');
    const handle = await client.handle({ type: 'opendir', path: path('/') });
    const seen: string[] = [];
    let answers = 0;
    for (;;) {
      const answer = await client.ask({ type: 'readdir', handle });
      if (answer.type === packetType.status) {
        expect(statusOf(answer).code).toBe(statusCode.eof);
        break;
      }
      expect(answer.body.remaining).toBeLessThan(34_000);
      answers += 1;
      seen.push(...names(answer));
    }
    expect(seen).toEqual(all);
    expect(answers).toBeGreaterThan(3);
    expect(await code({ type: 'close', handle })).toBe(statusCode.ok);
  });

  it('return each entry once to parallel READDIR requests', async () => {
    for (let index = 0; index < 20; index++) memory.putFile(`/${index}`, '');
    const handle = await client.handle({ type: 'opendir', path: path('/') });
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => client.ask({ type: 'readdir', handle })),
    );
    const seen = answers.filter(({ type }) => type === packetType.name).flatMap(names);
    expect(seen.toSorted()).toEqual(Array.from({ length: 20 }, (_, index) => String(index)).toSorted());
  });

  it('return EOF if empty; OPENDIR fails for a missing path and for a file', async () => {
    memory.putFile('/f', '');
    memory.putDirectory('/d');
    const handle = await client.handle({ type: 'opendir', path: path('/d') });
    expect(await code({ type: 'readdir', handle })).toBe(statusCode.eof);
    expect(await code({ type: 'opendir', path: path('/none') })).toBe(statusCode.noSuchFile);
    expect(await code({ type: 'opendir', path: path('/f') })).toBe(statusCode.failure);
  });

  it('are created and removed', async () => {
    expect(await code({ type: 'mkdir', path: path('/d'), attributes: { permissions: 0o777 } })).toBe(
      statusCode.ok,
    );
    expect(await code({ type: 'mkdir', path: path('/d'), attributes: {} })).toBe(statusCode.failure);
    memory.putFile('/d/f', '');
    expect(await code({ type: 'rmdir', path: path('/d') })).toBe(statusCode.failure);
    expect(await code({ type: 'remove', path: path('/d/f') })).toBe(statusCode.ok);
    expect(await code({ type: 'rmdir', path: path('/d') })).toBe(statusCode.ok);
    expect(memory.nodes.has('/d')).toBe(false);
  });
});

describe('names', () => {
  it.each([
    ['', '/'],
    ['.', '/'],
    ['a//b/./c/../d', '/a/b/d'],
    ['/../../etc/passwd', '/etc/passwd'],
    ['/räume/日本', '/räume/日本'],
  ])('are normalised: %j becomes %j', async (raw, canonical) => {
    expect(await onePath({ type: 'realpath', path: path(raw) })).toBe(canonical);
  });

  it.each([
    ['control characters', Buffer.from('/a\nb')],
    ['bytes that are not UTF-8', Buffer.from([0x2f, 0xff])],
    ['more than 4,096 bytes', Buffer.alloc(5000, 'a')],
  ])('are refused with a reason if they have %s', async (_, raw) => {
    for (const type of ['realpath', 'stat', 'opendir', 'remove'] as const) {
      const { code: answered, message } = await client.status({ type, path: raw });
      expect(answered).toBe(statusCode.failure);
      expect(message).toMatch(/^the path .* \[invalid, request [0-9a-f]{16}\]$/);
    }
  });

  it('replace an existing target only with posix-rename', async () => {
    memory.putFile('/a', 'a');
    memory.putFile('/b', 'b');
    const both = { from: path('/a'), to: path('/b') };
    expect(await code({ type: 'rename', ...both })).toBe(statusCode.failure);
    expect(memory.content('/b')?.toString()).toBe('b');
    expect(await code({ type: 'posix-rename', ...both })).toBe(statusCode.ok);
    expect(memory.content('/b')?.toString()).toBe('a');
    expect(memory.nodes.has('/a')).toBe(false);
  });

  it('get a second name with a hard link, of which the existing one comes first', async () => {
    memory.putFile('/f', 'content');
    expect(await code({ type: 'hardlink', from: path('/f'), to: path('/g') })).toBe(statusCode.ok);
    expect(memory.content('/g')?.toString()).toBe('content');
    expect(await code({ type: 'hardlink', from: path('/f'), to: path('/g') })).toBe(statusCode.failure);
  });

  it('are linked with the target first, as OpenSSH sends it', async () => {
    memory.putDirectory('/d');
    memory.putFile('/d/f', 'x');
    expect(await code({ type: 'symlink', first: path('f'), second: path('/d/l') })).toBe(statusCode.ok);
    expect(await code({ type: 'symlink', first: path('/d/f'), second: path('/l') })).toBe(statusCode.ok);
    expect(await onePath({ type: 'readlink', path: path('/d/l') })).toBe('f');
    expect(await onePath({ type: 'readlink', path: path('/l') })).toBe('/d/f');
    expect(await attributes({ type: 'stat', path: path('/l') })).toMatchObject({ permissions: 0o100644 });
    expect(await attributes({ type: 'stat', path: path('/d/l') })).toMatchObject({ permissions: 0o100644 });
    for (const target of ['', 'a\nb']) {
      expect(await code({ type: 'symlink', first: path(target), second: path('/x') })).toBe(
        statusCode.failure,
      );
    }
    expect(await attributes({ type: 'lstat', path: path('/l') })).toMatchObject({ permissions: 0o120777 });
    expect(await code({ type: 'lsetstat', path: path('/l'), attributes: { permissions: 0 } })).toBe(
      statusCode.unsupported,
    );
    expect(await code({ type: 'lsetstat', path: path('/d/f'), attributes: { permissions: 0o600 } })).toBe(
      statusCode.ok,
    );
  });

  it('are linked with the link first if the client sends the order of the draft', async () => {
    ({ client, memory } = await openSession({}, undefined, 'AsyncSSH_2.10.1'));
    memory.putFile('/f', 'x');
    expect(await code({ type: 'symlink', first: path('/l'), second: path('f') })).toBe(statusCode.ok);
    expect(await onePath({ type: 'readlink', path: path('/l') })).toBe('f');
    expect(await code({ type: 'symlink', first: path('/x'), second: path('') })).toBe(statusCode.failure);
  });

  it('are reported if they do not exist', async () => {
    expect(await client.status({ type: 'stat', path: path('/none') })).toEqual({
      code: statusCode.noSuchFile,
      message: expect.stringMatching(
        /^No such file: "\/none" does not exist \[not-found, request [0-9a-f]{16}\]$/,
      ),
    });
  });

  it('expand the home directory of the user who is logged in, and no other', async () => {
    const expand = (text: string) => onePath({ type: 'expand-path', path: path(text) });
    expect(await expand('~')).toBe('/');
    expect(await expand('~/a/../ü')).toBe('/ü');
    expect(await expand('~bob/x')).toBe('/x');
    expect(await expand('a/~')).toBe('/a/~');
    expect(await code({ type: 'expand-path', path: path('~root/x') })).toBe(statusCode.noSuchFile);
    expect(await onePath({ type: 'home-directory', username: path('bob') })).toBe('/');
    expect(await onePath({ type: 'home-directory', username: path('') })).toBe('/');
    expect(await code({ type: 'home-directory', username: path('root') })).toBe(statusCode.noSuchFile);
  });
});

describe('extensions', () => {
  it('copy data from one open file to another', async () => {
    const big = Buffer.alloc(3 * 1024 * 1024 + 5, 'abcdefg');
    memory.putFile('/from', big);
    const from = await open('/from', openFlag.read);
    const to = await open('/to', creating);
    const copy = { type: 'copy-data', from, to } as const;
    expect(await code({ ...copy, fromOffset: 2, length: 0, toOffset: 0 })).toBe(statusCode.ok);
    expect(await code({ ...copy, fromOffset: 0, length: 2, toOffset: big.byteLength - 2 })).toBe(
      statusCode.ok,
    );
    await client.ask({ type: 'close', handle: to });
    expect(memory.content('/to')?.equals(Buffer.concat([big.subarray(2), big.subarray(0, 2)]))).toBe(true);
  });

  it('copy all bytes of a source that is too short and reply EOF', async () => {
    memory.putFile('/from', 'abc');
    const from = await open('/from', openFlag.read);
    const to = await open('/to', creating);
    const copy = { type: 'copy-data', from, to, fromOffset: 0, toOffset: 0 } as const;
    expect(await code({ ...copy, length: 10 })).toBe(statusCode.eof);
    expect(await code({ ...copy, length: 3, to: from })).toBe(statusCode.failure);
    expect(await code({ ...copy, length: 3, from: to })).toBe(statusCode.failure);
    expect(await code({ ...copy, length: 3, from: to, to: from })).toBe(statusCode.permissionDenied);
    await client.ask({ type: 'close', handle: to });
    expect(memory.content('/to')?.toString()).toBe('abc');
  });

  it('return limits, free space and owner names', async () => {
    const limits = (await client.ask({ type: 'limits' })).body;
    expect([limits.size(), limits.size(), limits.size(), limits.size()]).toEqual([
      262144, 261120, 261120, 256,
    ]);
    const handle = await client.handle({ type: 'opendir', path: path('/') });
    for (const request of [
      { type: 'statvfs', path: path('/') } as const,
      { type: 'fstatvfs', handle } as const,
    ]) {
      const { type, body } = await client.ask(request);
      expect(type).toBe(packetType.extendedReply);
      expect([body.size(), body.size(), body.size(), body.size()]).toEqual([4096, 4096, 1000, 600]);
    }
    const { body } = await client.ask({ type: 'users-groups-by-id', uids: [1000, 5], gids: [1000] });
    const users = new FieldReader(body.string());
    expect([users.string(), users.string()].map((name) => Buffer.from(name).toString())).toEqual(['bob', '']);
  });
});

describe('faults', () => {
  it('are sent with hint, kind and request id; the details of a bug are only logged', async () => {
    const own = await openSession({}, (tree) =>
      replacing(tree, {
        stat: () => Promise.reject(new Fault('key-mismatch', 'none of the keys opens it')),
        lstat: () => Promise.reject(new TypeError('secret detail')),
        remove: () => {
          throw new TypeError('thrown at once');
        },
      }),
    );
    const mismatch = await own.client.status({ type: 'stat', path: path('/f') });
    expect(mismatch.code).toBe(statusCode.permissionDenied);
    expect(mismatch.message).toMatch(/^none of the keys opens it \[key-mismatch, request [0-9a-f]{16}\]$/);
    for (const type of ['lstat', 'remove'] as const) {
      const bug = await own.client.status({ type, path: path('/f') });
      expect(bug.message).not.toContain('secret');
      const id = /\[bug, request (\w+)\]/.exec(bug.message)?.[1];
      const line = own.lines.find(({ fields }) => fields['request'] === id);
      expect(line?.level).toBe('error');
      expect(line?.fields['error']).toBeInstanceOf(TypeError);
    }
    expect(await own.client.ask({ type: 'realpath', path: path('/') })).toMatchObject({
      type: packetType.name,
    });
  });
});
