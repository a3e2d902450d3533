import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ChecksumAlgorithm } from '../model/checksum.js';
import { Fault } from '../model/fault.js';
import { call, refOf } from '../vault/testing/vault-world.js';
import { copyOrMoveObject } from './copy.js';
import { copyTree } from './copy-tree.js';
import { annKey, bobKey, foreignKey, ObjectWorld, RecordedOutcomes, sealed } from './testing/object-world.js';

let world: ObjectWorld;
beforeEach(async () => {
  world = await ObjectWorld.open();
});
afterEach(() => world[Symbol.asyncDispose]());

const copying = (move = false, request: Parameters<ObjectWorld['choice']>[0] = {}) => ({
  choice: world.choice(request),
  move,
  gatewayFiles: false,
});

function copy(from: string, to: string, move = false, request = {}) {
  return copyOrMoveObject(world.services, call(), refOf(from), refOf(to), copying(move, request));
}

describe('a copy', () => {
  it('is encrypted as its target location requires, here with another user’s key', async () => {
    await world.upload('bob/uploads/a', 'content', sealed(bobKey));
    expect(await copy('bob/uploads/a', 'ann/uploads/a')).toMatchObject({ outcome: 'copied', size: 7 });
    expect(world.store.encryptionOf(refOf('ann/uploads/a'))).toEqual(sealed(annKey));
    expect(world.textOf('ann/uploads/a')).toBe('content');
    expect(world.textOf('bob/uploads/a')).toBe('content');
    const [row] = await world.ledger.candidates(refOf('ann/uploads/a'));
    expect(row).toMatchObject({ actor: 'object cp', sealedWith: { fingerprint: annKey.fingerprint } });
    expect(row?.confirmation?.mtimeSeconds).toBe(1_700_000_000);
  });

  it('is skipped if the target has the same content, which checksums of different algorithms do not prove', async () => {
    const keep = async (key: string, algorithm: ChecksumAlgorithm) => {
      const [stored] = world.store.objects.get(`bucket/${key}`) ?? [];
      if (stored === undefined) throw new Error('the object does not exist');
      const info = { ...stored.info, checksum: { algorithm, value: 7 } };
      world.store.objects.set(`bucket/${key}`, [{ ...stored, info }]);
    };
    for (const key of ['elsewhere/a', 'elsewhere/b']) await world.putForeign(key, 'content', sealed(bobKey));
    const choice = { keep: true };
    await keep('elsewhere/a', 'crc32');
    await keep('elsewhere/b', 'crc32');
    expect(await copy('elsewhere/a', 'elsewhere/b', false, choice)).toMatchObject({ outcome: 'unchanged' });
    await keep('elsewhere/b', 'crc32c');
    expect(await copy('elsewhere/a', 'elsewhere/b', false, choice)).toMatchObject({ outcome: 'copied' });
  });

  it('keeps the source’s key outside all users’ prefixes, and where the caller asks for it', async () => {
    await world.upload('bob/uploads/a', 'content', sealed(bobKey));
    await copy('bob/uploads/a', 'archive/a');
    await copy('bob/uploads/a', 'ann/uploads/a', false, { keep: true });
    expect(world.store.encryptionOf(refOf('archive/a'))).toEqual(sealed(bobKey));
    expect(world.store.encryptionOf(refOf('ann/uploads/a'))).toEqual(sealed(bobKey));
  });

  it('with weaker encryption than its source is refused, unless a downgrade is allowed', async () => {
    await world.upload('bob/uploads/a', 'content', sealed(bobKey));
    const refused = copy('bob/uploads/a', 'kim/uploads/a');
    await expect(refused).rejects.toMatchObject({ kind: 'denied' });
    await expect(refused).rejects.toThrow(
      /SSE-S3, which is weaker than the source's encryption with a customer key/,
    );
    expect(world.textOf('kim/uploads/a')).toBeNull();
    await copy('bob/uploads/a', 'kim/uploads/a', false, { allowDowngrade: true });
    expect(world.store.encryptionOf(refOf('kim/uploads/a'))).toEqual({ kind: 'sse-s3' });
  });

  it('finds the key of an object that another client wrote', async () => {
    await world.putForeign('elsewhere/a', 'content', sealed(annKey));
    await copy('elsewhere/a', 'bob/uploads/a');
    expect(world.store.encryptionOf(refOf('bob/uploads/a'))).toEqual(sealed(bobKey));
  });

  it('of an object that no key opens fails and names the keys tried', async () => {
    await world.putForeign('a', 'content', sealed(foreignKey));
    await expect(copy('a', 'b')).rejects.toThrow(new RegExp(`tried ${bobKey.fingerprint}`));
    await expect(copy('absent', 'b')).rejects.toMatchObject({ kind: 'not-found' });
  });

  it('is skipped if it exists already, and replaces an object with other content or another key', async () => {
    await world.upload('bob/uploads/a', 'content', sealed(bobKey));
    await copy('bob/uploads/a', 'ann/uploads/a');
    world.store.counts.clear();
    expect(await copy('bob/uploads/a', 'ann/uploads/a')).toMatchObject({ outcome: 'unchanged' });
    expect(world.store.count('copy')).toBe(0);
    await world.putForeign('ann/uploads/a', 'another', sealed(annKey));
    expect(await copy('bob/uploads/a', 'ann/uploads/a')).toMatchObject({ outcome: 'copied' });
    await world.putForeign('ann/uploads/a', 'content', sealed(foreignKey));
    expect(await copy('bob/uploads/a', 'ann/uploads/a')).toMatchObject({ outcome: 'copied' });
    expect(world.store.encryptionOf(refOf('ann/uploads/a'))).toEqual(sealed(annKey));
  });

  it('onto itself changes the key once', async () => {
    await world.putForeign('bob/uploads/a', 'content', { kind: 'sse-s3' });
    expect(await copy('bob/uploads/a', 'bob/uploads/a')).toMatchObject({ outcome: 'copied' });
    expect(world.store.encryptionOf(refOf('bob/uploads/a'))).toEqual(sealed(bobKey));
    expect(await copy('bob/uploads/a', 'bob/uploads/a')).toMatchObject({ outcome: 'unchanged' });
  });
});

describe('a move', () => {
  it('removes the source once its copy is verified, and records the removal in the ledger', async () => {
    await world.upload('bob/uploads/a', 'content', sealed(bobKey));
    await copy('bob/uploads/a', 'ann/uploads/b', true);
    expect(world.textOf('bob/uploads/a')).toBeNull();
    expect(world.textOf('ann/uploads/b')).toBe('content');
    expect(await world.ledger.candidates(refOf('bob/uploads/a'))).toEqual([]);
  });

  it('keeps the source if it fails', async () => {
    await world.upload('bob/uploads/a', 'content', sealed(bobKey));
    world.store.hooks.before = (operation) => {
      if (operation === 'copy') throw new Fault('denied', 'no s3:PutObject');
    };
    await expect(copy('bob/uploads/a', 'ann/uploads/b', true)).rejects.toMatchObject({ kind: 'denied' });
    expect(world.textOf('bob/uploads/a')).toBe('content');
  });

  it('interrupted between the copy and the removal only removes the source', async () => {
    await world.upload('bob/uploads/a', 'content', sealed(bobKey));
    await copy('bob/uploads/a', 'ann/uploads/b');
    world.store.counts.clear();
    expect(await copy('bob/uploads/a', 'ann/uploads/b', true)).toMatchObject({ outcome: 'unchanged' });
    expect(world.store.count('copy')).toBe(0);
    expect(world.textOf('bob/uploads/a')).toBeNull();
  });

  it('onto itself, or to or from the gateway’s own files, is refused', async () => {
    await world.upload('bob/uploads/a', 'content', sealed(bobKey));
    await expect(copy('bob/uploads/a', 'bob/uploads/a', true)).rejects.toMatchObject({ kind: 'invalid' });
    await world.putForeign('.sftpgw/keyring/a', 'content', { kind: 'sse-s3' });
    await expect(copy('.sftpgw/keyring/a', 'bob/uploads/a', true)).rejects.toMatchObject({ kind: 'denied' });
    await expect(copy('bob/uploads/a', '.sftpgw/a')).rejects.toMatchObject({ kind: 'denied' });
  });
});

describe('a tree', () => {
  const all = async (to = 'ann/uploads/copy', move = false): Promise<RecordedOutcomes> => {
    const heard = new RecordedOutcomes();
    await copyTree(world.services, call(), refOf('bob/uploads'), refOf(to), copying(move), heard);
    return heard;
  };

  it('is copied except for named failures, and resumes after an interruption', async () => {
    for (let index = 0; index < 30; index += 1)
      await world.upload(`bob/uploads/${index}`, 'x', sealed(bobKey));
    await world.putForeign('bob/uploads/sub/strange', 'x', sealed(foreignKey));
    await world.putForeign('bob/uploads-not', 'x', sealed(bobKey));
    const abort = new AbortController();
    world.store.hooks.after = (operation) => {
      if (operation === 'copy' && world.store.count('copy') === 5) abort.abort();
    };
    const interrupted = new RecordedOutcomes();
    const first = copyTree(
      world.services,
      call(abort.signal),
      refOf('bob/uploads'),
      refOf('ann/uploads/copy'),
      copying(),
      interrupted,
    );
    await expect(first).rejects.toMatchObject({ kind: 'cancelled' });
    world.store.hooks.after = () => undefined;
    const heard = await all();
    expect(heard.kinds['failed']).toBe(1);
    expect(heard.failures).toEqual({ 's3://bucket/bob/uploads/sub/strange': 'key-mismatch' });
    expect((heard.kinds['done'] ?? 0) + (heard.kinds['unchanged'] ?? 0)).toBe(30);
    for (let index = 0; index < 30; index += 1) {
      expect(world.store.encryptionOf(refOf(`ann/uploads/copy/${index}`))).toEqual(sealed(annKey));
    }
    expect(world.textOf('ann/uploads/copy-not')).toBeNull();
    const second = await all();
    expect([second.kinds, second.bytes]).toEqual([{ unchanged: 30, failed: 1 }, 0]);
  });

  it('is moved, except for objects that cannot be moved', async () => {
    await world.upload('bob/uploads/a', 'x', sealed(bobKey));
    await world.putForeign('bob/uploads/strange', 'x', sealed(foreignKey));
    expect((await all('ann/uploads/', true)).kinds).toEqual({ done: 1, failed: 1 });
    expect(world.textOf('bob/uploads/a')).toBeNull();
    expect(world.textOf('ann/uploads/a')).toBe('x');
    expect(world.textOf('bob/uploads/strange')).toBe('x');
  });

  it('is not copied into itself', async () => {
    await expect(all('bob/uploads/sub')).rejects.toMatchObject({ kind: 'invalid' });
  });
});
