import { describe, expect, it, vi } from 'vitest';
import type { KeyFingerprint } from '../model/customer-key.js';
import { call, quickClock } from '../vault/testing/vault-world.js';
import { ledgerCheck } from './ledger-check.js';

const fingerprint = (index: number) => String(index).padStart(32, '0') as KeyFingerprint;
const keys = (...indices: number[]) => new Set(indices.map(fingerprint));

function checkOf(sealed: ReadonlySet<KeyFingerprint>, raw: ReadonlySet<KeyFingerprint>, used: number) {
  const totals = new Map(
    Array.from({ length: used }, (_, index) => [fingerprint(index), { objects: 2, bytes: 0 }]),
  );
  const rawKeys = vi.fn(async () => raw);
  const check = ledgerCheck({
    ledger: { pending: async () => [] },
    usage: { totals: async () => totals } as never,
    sealedKeys: async () => sealed,
    rawKeys,
    clock: quickClock,
  });
  return { check, rawKeys };
}

describe('the check of the ledger', () => {
  it.each([2, 20])('reads no raw key file while the keyring has all %i keys', async (used) => {
    const sealed = keys(...Array.from({ length: used }, (_, index) => index));
    const { check, rawKeys } = checkOf(sealed, keys(), used);
    expect(await check.run(call())).toEqual([]);
    expect(rawKeys).not.toHaveBeenCalled();
  });

  it('reports the keys that neither the keyring nor a raw file has', async () => {
    const { check, rawKeys } = checkOf(keys(0), keys(1), 3);
    expect((await check.run(call())).map(({ code, subject }) => [code, subject])).toEqual([
      ['key-unknown', `key ${fingerprint(2)}`],
    ]);
    expect(rawKeys).toHaveBeenCalledTimes(1);
  });
});
