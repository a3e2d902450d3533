import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { forEachBounded } from '../concurrency/bounded.js';
import { sealTo } from '../keyring/age.js';
import type { Call, Clock, Entropy } from '../model/call.js';
import { Fault } from '../model/fault.js';
import { gatewayPrefix } from '../model/gateway-objects.js';
import type { SealedKeyring, SealedKeyringFile } from '../model/keyring.js';
import type { ListedObject } from '../model/object-store.js';
import { signSnapshot } from './authenticity.js';
import { gatewayMetadata, keysPrefix, signatureMetadata, snapshotKey } from './bucket-names.js';
import { type BucketObjects, CopyBucket, newestSnapshot } from './copy-bucket.js';
import { type CopyState, readCopyState, writeCopyState } from './copy-state.js';
import { RootContent, type RootContentServices, type RootState, signersIn } from './root-content.js';
import { packSnapshot, type Snapshot } from './snapshot.js';
import { recipientsPath } from './snapshot-paths.js';
import { staleSnapshots } from './stale-snapshots.js';

/** The dependencies of a copy. */
export interface BucketCopyServices extends RootContentServices {
  readonly store: BucketObjects;
  readonly keyring: RootContentServices['keyring'] & SealedKeyring;
  /** Imports raw key files into the keyring. Otherwise their keys would be lost with the machine. */
  readonly importKeyFiles: () => Promise<void>;
  readonly stateFile: string;
  /** Runs the work under the lock that keeps other processes of this root from copying. */
  readonly alone: <T>(work: () => Promise<T>) => Promise<T>;
  /** The default bucket; null while none is configured. */
  readonly bucket: () => string | null;
  /** Returns the setting `keyring.bucket.copy`. */
  readonly isWanted: () => boolean;
  /** Whether gateways with the same identity continue each other's copy. */
  readonly isShared: boolean;
  /** Called after a run that has changed the copy. */
  readonly completed?: (copy: CompleteCopy) => void;
  readonly clock: Clock;
  readonly entropy: Entropy;
}

/** The reason why nothing is copied: the setting, no recovery recipient, or no bucket. */
export type NoCopy = 'off' | 'no-recipient' | 'no-bucket';

/** A complete run. `snapshot` is the number of the newest snapshot. */
export interface CompleteCopy {
  readonly kind: 'complete';
  /** Number of keyring files that were uploaded or removed. */
  readonly changedFiles: number;
  readonly snapshot: number;
  readonly isNewSnapshot: boolean;
}

/** The result of a run. */
export type CopyOutcome = { readonly kind: NoCopy } | CompleteCopy;

/** The state of the copy by this root's record. */
export interface CopyStatus {
  readonly none: NoCopy | null;
  readonly bucket: string | null;
  /** True if the last run was complete and nothing has changed here since. */
  readonly isCurrent: boolean;
  readonly snapshot: number | null;
  /** Names of the signers on this machine. Each signs every snapshot; a recovery identity knows its own. */
  readonly signers: readonly string[];
  readonly completeMs: number | null;
  readonly failure: CopyState['failure'];
}

/** With `takeOver` the copy continues after the snapshots of another gateway, which then stops copying. */
export interface CopyRequest {
  readonly takeOver: boolean;
}

/** Length of the id of a gateway. */
const idDigits = 16;
/** Files copied or removed in parallel. */
const parallelRequests = 8;

/** An attempt fails only if another process was faster. */
const maxAttempts = 5;

/** One run: its request, and the objects in the bucket at its start. */
interface Run extends CopyRequest {
  readonly call: Call;
  readonly bucket: CopyBucket;
  readonly listed: readonly ListedObject[];
}

/** The newest snapshot, with the names of its signers. */
interface WrittenSnapshot {
  readonly snapshot: number;
  readonly snapshotDigest: string;
  readonly signers: readonly string[];
  readonly isNew: boolean;
}

/**
 * Copies the keyring's sealed files and a sealed snapshot of users and settings to the default bucket. A new
 * machine needs only this copy, the objects and the recovery identity. Snapshots are numbered and never
 * replaced. The files of each are read after the previous one was written, so a later number never has an
 * older state.
 */
export class BucketCopy {
  readonly #services: BucketCopyServices;
  readonly #content: RootContent;
  /** The stamps of the root at the last complete copy by this object. */
  #seen: string | null = null;

  constructor(services: BucketCopyServices) {
    this.#services = services;
    this.#content = new RootContent(services);
  }

  /**
   * Reports whether anything on disk has changed since this object's last complete copy. Makes no S3
   * request.
   */
  async isOutdated(): Promise<boolean> {
    return this.#seen === null || this.#seen !== (await this.#content.state()).stamps;
  }

  /** Returns the reason why nothing is copied, or null. */
  async reasonNotCopied(): Promise<NoCopy | null> {
    if (!this.#services.isWanted()) return 'off';
    if ((await this.#services.keyring.recoveryRecipients()).length === 0) return 'no-recipient';
    return this.#services.bucket() === null ? 'no-bucket' : null;
  }

  /**
   * Syncs the copy. Records a failure for `recovery status`. Throws the faults of the store and the keyring,
   * and `conflict` if the snapshots in the bucket belong to another gateway.
   */
  async run(call: Call, request: CopyRequest = { takeOver: false }): Promise<CopyOutcome> {
    const none = await this.reasonNotCopied();
    const name = this.#services.bucket();
    if (none !== null || name === null) return { kind: none ?? 'no-bucket' };
    const bucket = new CopyBucket(this.#services.store, name);
    return await this.#services.alone(async () => {
      try {
        const outcome = await this.#runAlone(call, bucket, request);
        const isComplete = outcome.kind === 'complete';
        if (isComplete && (outcome.isNewSnapshot || outcome.changedFiles > 0)) {
          this.#services.completed?.(outcome);
        }
        return outcome;
      } catch (error) {
        const fault = Fault.from(error);
        if (fault.kind !== 'cancelled') await this.#recordFailure(name, fault);
        throw fault;
      }
    });
  }

  /** Returns the state of the copy without an S3 request. Reads no content if nothing has changed since the last copy. */
  async status(): Promise<CopyStatus> {
    const name = this.#services.bucket();
    const state = await this.#state(name ?? '');
    const { snapshot, completeMs, failure, copied } = state;
    const none = await this.reasonNotCopied();
    const rootState = await this.#content.state();
    const { isCurrent, signers } =
      completeMs !== null && copied?.stamps === rootState.stamps
        ? { isCurrent: true, signers: copied.signers }
        : await this.#compared(state, rootState);
    return { none, bucket: name, isCurrent, snapshot, signers, completeMs, failure };
  }

  /** Compares the content of the root with the record of the last copy. */
  async #compared(
    state: CopyState,
    rootState: RootState,
  ): Promise<Pick<CopyStatus, 'isCurrent' | 'signers'>> {
    const content = { ...(await this.#content.read(rootState)), bucket: state.bucket ?? '' };
    const files = (await this.#copiedFiles()).map(({ name: file, digest }) => state.files[file] === digest);
    const isCurrent =
      state.completeMs !== null &&
      state.snapshotDigest === (await contentDigest(content)) &&
      files.length === Object.keys(state.files).length &&
      files.every((isSame) => isSame);
    return { isCurrent, signers: namesOfSigners(content) };
  }

  async #runAlone(call: Call, bucket: CopyBucket, { takeOver }: CopyRequest): Promise<CopyOutcome> {
    let state = await this.#state(bucket.bucket);
    await this.#services.importKeyFiles();
    for (let attempt = 1; attempt <= maxAttempts; attempt++) {
      const listed = await bucket.list(call);
      // A snapshot written during a take-over belongs to another running gateway.
      const run = { call, bucket, listed, takeOver: takeOver && attempt === 1 };
      await refuseOthers(run, state);
      const rootState = await this.#content.state();
      const keyring = await this.#copyKeyring(run, state);
      state = { ...state, files: keyring.digests };
      await writeCopyState(this.#services.stateFile, state);
      const written = await this.#copySnapshot(run, state, rootState);
      if (written === null) continue;
      const { isNew, signers, ...inBucket } = written;
      const completeMs = this.#services.clock.nowMs();
      const copied = { stamps: rootState.stamps, signers };
      const complete = { ...state, ...inBucket, completeMs, copied, failure: null };
      await writeCopyState(this.#services.stateFile, complete);
      this.#seen = rootState.stamps;
      if (isNew) await this.#prune(run);
      return {
        kind: 'complete',
        changedFiles: keyring.changed,
        snapshot: written.snapshot,
        isNewSnapshot: isNew,
      };
    }
    throw new Fault('unavailable', 'other processes keep copying to the bucket; try again later');
  }

  async #copyKeyring(
    { call, bucket, listed }: Run,
    state: CopyState,
  ): Promise<{ readonly changed: number; readonly digests: Readonly<Record<string, string>> }> {
    const existing = new Map(listed.map(({ key, size }) => [key, size]));
    const files = await this.#copiedFiles();
    const outdated = files.filter(
      ({ name, bytes, digest }) =>
        state.files[name] !== digest || existing.get(`${keysPrefix}${name}`) !== bytes.byteLength,
    );
    await forEachBounded(call.signal, outdated, parallelRequests, async ({ name, bytes }) => {
      await bucket.put(call, `${keysPrefix}${name}`, bytes);
    });
    const destroyed = (await this.#services.keyring.list())
      .filter((description) => description.state === 'destroyed')
      .map(({ id }) => `${keysPrefix}${id}.age`)
      .filter((key) => existing.has(key));
    await forEachBounded(call.signal, destroyed, parallelRequests, (key) => bucket.remove(call, key));
    const digests = Object.fromEntries(files.map(({ name, digest }) => [name, digest]));
    return { changed: outdated.length + destroyed.length, digests };
  }

  /**
   * Omits the recipients file, because a bucket cannot be trusted with it. The signed snapshot has the
   * recipients.
   */
  async #copiedFiles(): Promise<readonly (SealedKeyringFile & { readonly digest: string })[]> {
    const files = await this.#services.keyring.files();
    return files
      .filter(({ name }) => name !== basename(recipientsPath))
      .map((file) => ({ ...file, digest: digestOf(file.bytes) }));
  }

  /** Returns null if another process has written the next number. */
  async #copySnapshot(
    { call, bucket, listed, takeOver }: Run,
    state: CopyState,
    rootState: RootState,
  ): Promise<WrittenSnapshot | null> {
    const { keyring, clock } = this.#services;
    const content = { ...(await this.#content.read(rootState)), bucket: bucket.bucket };
    const snapshotDigest = await contentDigest(content);
    const signers = namesOfSigners(content);
    const newest = newestSnapshot(listed);
    const isSame = state.snapshotDigest === snapshotDigest && state.snapshot === newest;
    if (newest !== null && isSame && !takeOver) {
      return { snapshot: newest, snapshotDigest, signers, isNew: false };
    }
    const own = await keyring.gatewayRecipient();
    const recipients = [...(own === null ? [] : [own]), ...(await keyring.recoveryRecipients())];
    const sealed = await sealTo(recipients, await packSnapshot({ ...content, takenMs: clock.nowMs() }));
    const snapshot = (newest ?? 0) + 1;
    const signatures = signersIn(content).map((signer) => [
      `${signatureMetadata}${signer.name}`,
      signSnapshot(signer, snapshot, sealed),
    ]);
    const metadata = { [gatewayMetadata]: state.gateway, ...Object.fromEntries(signatures) };
    const isCreated = await bucket.create(call, snapshotKey(snapshot), sealed, metadata);
    return isCreated ? { snapshot, snapshotDigest, signers, isNew: true } : null;
  }

  async #prune({ call, bucket, listed }: Run): Promise<void> {
    for (const key of staleSnapshots(listed, this.#services.clock.nowMs())) await bucket.remove(call, key);
  }

  async #state(bucket: string): Promise<CopyState> {
    const state = await readCopyState(this.#services.stateFile);
    const shared = await this.#sharedId();
    const gateway = shared ?? state?.gateway ?? this.#services.entropy.id();
    if (state?.bucket === bucket) {
      // The next snapshot must have the new name.
      return state.gateway === gateway ? state : { ...state, gateway, snapshotDigest: '', copied: null };
    }
    return {
      gateway,
      bucket,
      snapshot: null,
      snapshotDigest: '',
      files: {},
      completeMs: null,
      copied: null,
      failure: null,
    };
  }

  /** Returns an id that all gateways with this identity have; null if they do not share the copy. */
  async #sharedId(): Promise<string | null> {
    if (!this.#services.isShared) return null;
    const recipient = await this.#services.keyring.gatewayRecipient();
    return recipient === null ? null : digestOf(Buffer.from(recipient)).slice(0, idDigits);
  }

  async #recordFailure(bucket: string, fault: Fault): Promise<void> {
    const failure = { ms: this.#services.clock.nowMs(), text: fault.hint };
    try {
      await writeCopyState(this.#services.stateFile, { ...(await this.#state(bucket)), failure });
    } catch {
      // The caller throws the original fault.
    }
  }
}

/**
 * Throws `conflict` if another gateway wrote the newest snapshot, so that two gateways do not mix their
 * copies.
 */
async function refuseOthers({ call, bucket, listed, takeOver }: Run, state: CopyState): Promise<void> {
  const newest = newestSnapshot(listed);
  if (newest === null || newest === state.snapshot || takeOver) return;
  const metadata = await bucket.metadata(call, snapshotKey(newest));
  if (metadata === null || metadata[gatewayMetadata] === state.gateway) return;
  throw new Fault(
    'conflict',
    `the copy in s3://${bucket.bucket}/${gatewayPrefix} belongs to another gateway; if that gateway no longer exists, run \`sftpgw recovery copy --take-over\`, otherwise use another bucket or set keyring.bucket.copy=no here`,
  );
}

function namesOfSigners(content: Parameters<typeof signersIn>[0]): readonly string[] {
  return signersIn(content).map((signer) => signer.name);
}

async function contentDigest(content: Omit<Snapshot, 'takenMs'>): Promise<string> {
  return digestOf(await packSnapshot({ ...content, takenMs: 0 }));
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
