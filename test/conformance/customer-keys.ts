import { describe, expect, it } from 'vitest';
import { noKey, type ReadAccess } from '../../src/model/encryption.js';
import type { FaultKind } from '../../src/model/fault.js';
import type { ObjectRef } from '../../src/model/object-store.js';
import {
  bodyOf,
  expectBytes,
  faultOf,
  type Given,
  newCall,
  newKey,
  newRef,
  readAll,
  sseC,
  writeOptions,
} from './fixtures.js';

export function describeCustomerKeys(given: Given): void {
  async function refusedAlike(ref: ObjectRef, access: ReadAccess, kind: FaultKind): Promise<void> {
    const { store } = given();
    for (const attempt of [
      () => store.head(newCall(), ref, access),
      () => store.read(newCall(), ref, access, null),
      () => store.read(newCall(), ref, access, { start: 0, end: 2 }),
    ]) {
      const { hint } = await faultOf(attempt(), kind);
      expect(hint).toContain(ref.key);
      expect(hint).toContain(ref.bucket);
    }
  }

  describe('an object with a customer key', () => {
    it('opens with the key, and reports its encryption', async () => {
      const key = newKey();
      const ref = newRef(given());
      await given().store.put(newCall(), ref, bodyOf('sealed'), writeOptions(sseC(key)));
      const info = await given().store.head(newCall(), ref, sseC(key));
      expect(info?.encryption).toEqual({ kind: 'sse-c', keyMd5Base64: key.md5Base64 });
      expectBytes(await readAll(given(), ref, sseC(key)), 'sealed');
    });

    it('does not open without the key: key-missing', async () => {
      const ref = newRef(given());
      await given().store.put(newCall(), ref, bodyOf('sealed'), writeOptions(sseC(newKey())));
      await refusedAlike(ref, noKey, 'key-missing');
    });

    it('does not open with another key: key-mismatch', async () => {
      const ref = newRef(given());
      await given().store.put(newCall(), ref, bodyOf('sealed'), writeOptions(sseC(newKey())));
      await refusedAlike(ref, sseC(newKey()), 'key-mismatch');
    });

    it('does not open without the key even if it is empty', async () => {
      const { store } = given();
      const ref = newRef(given());
      await store.put(newCall(), ref, bodyOf(''), writeOptions(sseC(newKey())));
      await faultOf(store.head(newCall(), ref, noKey), 'key-missing');
      await faultOf(store.head(newCall(), ref, sseC(newKey())), 'key-mismatch');
    });

    it('is removed without a key', async () => {
      const key = newKey();
      const ref = newRef(given());
      await given().store.put(newCall(), ref, bodyOf('sealed'), writeOptions(sseC(key)));
      await given().store.remove(newCall(), ref);
      expect(await given().store.head(newCall(), ref, sseC(key))).toBeNull();
    });
  });

  describe('an object without a customer key', () => {
    it('does not open with a key: key-mismatch', async () => {
      const ref = newRef(given());
      await given().store.put(newCall(), ref, bodyOf('open'), writeOptions({ kind: 'sse-s3' }));
      await refusedAlike(ref, sseC(newKey()), 'key-mismatch');
      expectBytes(await readAll(given(), ref, noKey), 'open');
    });
  });
}
