import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Call, Clock, Entropy, Logger } from '../../model/call.js';
import { CustomerKey } from '../../model/customer-key.js';
import type { WriteEncryption } from '../../model/encryption.js';
import { Fault } from '../../model/fault.js';
import type { ObjectRef } from '../../model/object-store.js';
import { createVault, type RunningVault } from '../create-vault.js';
import type { VaultLimits } from '../limits.js';
import type { UploadTarget } from '../vault.js';
import { MemoryLedger } from './memory-ledger.js';
import { MemoryStore, type MemoryStoreOptions } from './memory-store.js';

export const mebibyte = 1024 * 1024;

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};

/** Returns a call that does not log. */
export function call(signal: AbortSignal = new AbortController().signal): Call {
  return { id: 'test', signal, log: silent };
}

/** The time that `quickClock` has skipped. */
let skippedMs = 0;

/** A clock that skips its waits. Waits of more than ten seconds end only with their signal. */
export const quickClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now() + skippedMs,
  sleep(ms, signal) {
    return new Promise((resolve, reject) => {
      if (ms <= 10_000) skippedMs += ms;
      const cancelled = () => reject(new Fault('cancelled', 'the wait was cancelled'));
      if (signal?.aborted === true) cancelled();
      else if (ms > 10_000) signal?.addEventListener('abort', cancelled, { once: true });
      else setImmediate(resolve);
    });
  },
};

/** Returns entropy that differs between calls and is the same in each run. */
export function seededEntropy(seed: string): Entropy {
  let calls = 0;
  const next = (length: number): Buffer => {
    calls += 1;
    return Buffer.from(createHash('shake256', { outputLength: length }).update(`${seed} ${calls}`).digest());
  };
  return { bytes: next, id: () => next(8).toString('hex') };
}

/** Returns a customer key derived from a name. */
export function keyNamed(name: string): CustomerKey {
  return CustomerKey.fromBytes(createHash('sha256').update(name).digest());
}

/** Returns bytes that depend on their position and the seed. */
export function content(length: number, seed = 'content'): Buffer {
  return createHash('shake256', { outputLength: Math.max(1, length) })
    .update(seed)
    .digest()
    .subarray(0, length);
}

export const aliceKey = keyNamed('alice');
export const aliceEncryption: WriteEncryption = { kind: 'sse-c', key: aliceKey };

/** Returns an object in the test bucket. */
export function refOf(key: string): ObjectRef {
  return { bucket: 'bucket', key };
}

/** Returns an upload target in the test bucket with Alice's key. */
export function targetOf(key: string, change: Partial<UploadTarget> = {}): UploadTarget {
  return {
    ref: refOf(key),
    encryption: aliceEncryption,
    acl: null,
    actor: 'alice',
    mtimeSeconds: null,
    ...change,
  };
}

/** A vault over a store and a ledger in memory. */
export interface VaultWorld extends AsyncDisposable {
  readonly store: MemoryStore;
  readonly ledger: MemoryLedger;
  readonly vault: RunningVault;
  readonly scratchDirectory: string;
  /** Returns the vault of the next process over the same durable state. */
  restart(limits?: Partial<VaultLimits>): RunningVault;
}

/** Returns a vault in memory, with a store and a ledger whose options a test can change. */
export function vaultWorld(
  limits: Partial<VaultLimits> = {},
  storeOptions: MemoryStoreOptions = {},
): VaultWorld {
  const store = new MemoryStore(storeOptions);
  const ledger = new MemoryLedger();
  const scratchDirectory = mkdtempSync(join(tmpdir(), 'vault-test-'));
  const start = (changed: Partial<VaultLimits>, clock: Clock): RunningVault =>
    createVault({
      store,
      ledger,
      parked: ledger,
      clock,
      entropy: seededEntropy('vault'),
      limits: { ...limits, ...changed },
      scratchDirectory,
    });
  const vault = start({}, quickClock);
  return {
    store,
    ledger,
    vault,
    scratchDirectory,
    // Everything in this millisecond belongs to the previous run.
    restart: (changed = {}) => start(changed, { ...quickClock, nowMs: () => Date.now() + 1 }),
    async [Symbol.asyncDispose]() {
      await vault[Symbol.asyncDispose]();
      rmSync(scratchDirectory, { recursive: true, force: true });
    },
  };
}

/** Joins the chunks of a read. */
export async function readAll(chunks: readonly Uint8Array[] | null): Promise<Buffer> {
  return Buffer.concat(chunks ?? []);
}
