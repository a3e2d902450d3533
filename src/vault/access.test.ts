import { describe, expect, it } from 'vitest';
import type { ReadAccess, WriteEncryption } from '../model/encryption.js';
import { Fault } from '../model/fault.js';
import type { KeyLedger, LedgerRow } from '../model/ledger.js';
import { openWithKeys } from './access.js';
import { sealedWith } from './sealed-with.js';
import { keyNamed, refOf } from './testing/vault-world.js';

const [a, b, c] = [keyNamed('a'), keyNamed('b'), keyNamed('c')];
const byKey = (key: typeof a): WriteEncryption => ({ kind: 'sse-c', key });

function ledgerWith(...encryptions: readonly WriteEncryption[]): KeyLedger {
  const rows = encryptions.map((encryption) => ({ sealedWith: sealedWith(encryption) }) as LedgerRow);
  return { candidates: async () => rows } as unknown as KeyLedger;
}

const nameOf = (access: ReadAccess): string =>
  access.kind === 'no-key' ? '-' : access.key.equals(a) ? 'a' : access.key.equals(b) ? 'b' : 'c';

/** Returns the accesses that are tried, in order, if none opens the object. */
async function tried(ledger: KeyLedger, keys: readonly (typeof a)[]) {
  const order: string[] = [];
  const fault: unknown = await openWithKeys(ledger, refOf('x'), keys, async (access) => {
    order.push(nameOf(access));
    throw new Fault(access.kind === 'no-key' ? 'key-missing' : 'key-mismatch', `no ${order.length}`);
  }).catch((error: unknown) => error);
  if (!(fault instanceof Fault)) throw new Error('no fault');
  return { order: order.join(''), fault };
}

describe('the keys of an object', () => {
  it('are tried once each: those of the ledger, no key, then the others', async () => {
    expect((await tried(ledgerWith(), [a, b])).order).toBe('-ab');
    expect((await tried(ledgerWith(byKey(b)), [a, b])).order).toBe('b-a');
    expect((await tried(ledgerWith(byKey(b), byKey(a), byKey(b)), [a, b])).order).toBe('ba-');
    expect((await tried(ledgerWith({ kind: 'sse-s3' }, byKey(a)), [a, b])).order).toBe('-ab');
    expect((await tried(ledgerWith({ kind: 'sse-s3' }, { kind: 'bucket-default' }), [])).order).toBe('-');
    // The ledger names a key that the user does not have.
    expect((await tried(ledgerWith(byKey(c)), [a])).order).toBe('-a');
  });

  it('end at the first that opens it', async () => {
    const order: string[] = [];
    const opened = await openWithKeys(ledgerWith(byKey(b)), refOf('x'), [a, b, c], async (access) => {
      order.push(nameOf(access));
      if (nameOf(access) !== 'a') throw new Fault('key-mismatch', 'no');
      return 'content';
    });
    expect(opened).toMatchObject({ value: 'content', access: { kind: 'sse-c', key: a } });
    expect(opened?.candidates).toHaveLength(1);
    expect(order.join('')).toBe('b-a');
  });

  it('end if there is no object', async () => {
    let attempts = 0;
    const opened = await openWithKeys(ledgerWith(), refOf('x'), [a, b], async () => {
      attempts += 1;
      return null;
    });
    expect([opened, attempts]).toEqual([null, 1]);
  });

  it('are not tried after another fault', async () => {
    let attempts = 0;
    const opening = openWithKeys(ledgerWith(), refOf('x'), [a, b], async () => {
      attempts += 1;
      throw new Fault('unavailable', 'later');
    });
    await expect(opening).rejects.toMatchObject({ kind: 'unavailable' });
    expect(attempts).toBe(1);
  });

  it('are named if none fits, with those that the ledger names and the keyring lacks', async () => {
    const { fault } = await tried(ledgerWith(byKey(c), byKey(a), byKey(c)), [a, b]);
    expect(fault.kind).toBe('key-mismatch');
    expect(fault.hint).toContain(`tried ${a.fingerprint}, ${b.fingerprint}`);
    expect(fault.hint).toMatch(new RegExp(`names the key ${c.fingerprint}$`));
    expect(fault.cause).toMatchObject({ hint: 'no 3' });
    expect((await tried(ledgerWith(byKey(a)), [a])).fault.hint).not.toContain('ledger');
  });

  it('are missing if there are none', async () => {
    expect((await tried(ledgerWith(), [])).fault.kind).toBe('key-missing');
    expect((await tried(ledgerWith(byKey(c)), [])).fault.hint).toContain(c.fingerprint);
  });
});
