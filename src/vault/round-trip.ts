import { checksumOf } from '../bytes/running-checksum.js';
import { type Call, type Entropy, uncancellable } from '../model/call.js';
import { CustomerKey } from '../model/customer-key.js';
import {
  accessFor,
  type CannedAcl,
  noKey,
  type ReadAccess,
  type WriteEncryption,
} from '../model/encryption.js';
import { Fault, isFault } from '../model/fault.js';
import { doctorName } from '../model/gateway-objects.js';
import type { MemoryBody, ObjectRef, ObjectStore } from '../model/object-store.js';
import { isEncryptedAs, sealedWith } from './sealed-with.js';

/** The steps of the test, in order. */
export type RoundTripStep =
  | 'write'
  | 'read'
  | 'refusal without the key'
  | 'refusal of another key'
  | 'copy'
  | 'remove';

/** A step that failed, and why. */
export interface RoundTripProblem {
  readonly step: RoundTripStep;
  readonly fault: Fault;
}

/** The location, encryption and ACL of the test object. */
export interface RoundTripRequest {
  readonly bucket: string;
  /** Prefix of the temporary object `PREFIX.sftpgw-doctor-ID`. */
  readonly prefix: string;
  readonly encryption: WriteEncryption;
  readonly acl: CannedAcl | null;
}

/**
 * Tests a bucket and prefix with the access that its users need. Writes a tiny object, reads it, checks that
 * S3 refuses it without its key and with another key, copies it within S3, and removes both objects. Returns
 * what failed. After a failed write the other steps are skipped. Leaves no objects and no ledger rows. Throws
 * only `cancelled`.
 */
export async function tryRoundTrip(
  store: ObjectStore,
  entropy: Entropy,
  call: Call,
  request: RoundTripRequest,
): Promise<readonly RoundTripProblem[]> {
  const trip = new RoundTrip(store, entropy, call, request);
  await trip.run();
  return trip.troubles;
}

class RoundTrip {
  readonly troubles: RoundTripProblem[] = [];
  readonly #store: ObjectStore;
  readonly #entropy: Entropy;
  readonly #call: Call;
  readonly #request: RoundTripRequest;
  readonly #ref: ObjectRef;
  readonly #copy: ObjectRef;
  readonly #body: MemoryBody;

  constructor(store: ObjectStore, entropy: Entropy, call: Call, request: RoundTripRequest) {
    const { bucket, prefix } = request;
    const key = `${prefix}${doctorName}${entropy.id()}`;
    const bytes = Buffer.from(`sftpgw doctor ${key}\n`);
    this.#store = store;
    this.#entropy = entropy;
    this.#call = call;
    this.#request = request;
    this.#ref = { bucket, key };
    this.#copy = { bucket, key: `${key}-copy` };
    this.#body = {
      chunks: [bytes],
      byteLength: bytes.byteLength,
      checksum: checksumOf(store.checksumAlgorithm, bytes),
    };
  }

  async run(): Promise<void> {
    const { encryption } = this.#request;
    if (!(await this.#step('write', () => this.#write()))) return;
    try {
      await this.#step('read', () => this.#read(this.#ref, accessFor(encryption)));
      if (encryption.kind === 'sse-c') {
        const other = CustomerKey.fromBytes(this.#entropy.bytes(32));
        await this.#step('refusal without the key', () => this.#isRefused(noKey, 'no key'));
        await this.#step('refusal of another key', () =>
          this.#isRefused({ kind: 'sse-c', key: other }, 'another key'),
        );
      }
      await this.#step('copy', () => this.#copyThere());
    } finally {
      // An interrupted test leaves nothing either.
      const call = uncancellable(this.#call);
      await this.#step('remove', async () => {
        await this.#store.remove(call, this.#ref);
        await this.#store.remove(call, this.#copy);
      });
    }
  }

  async #step(step: RoundTripStep, work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      const fault = Fault.from(error);
      if (fault.kind === 'cancelled') throw fault;
      this.troubles.push({ step, fault });
      return false;
    }
  }

  #write(): Promise<unknown> {
    const { encryption, acl } = this.#request;
    return this.#store.put(this.#call, this.#ref, this.#body, {
      encryption,
      acl,
      metadata: {},
      contentType: null,
    });
  }

  async #read(ref: ObjectRef, access: ReadAccess): Promise<void> {
    const found = await this.#store.read(this.#call, ref, access, null);
    if (found === null) throw new Fault('corrupt', `${ref.key} does not exist right after it was written`);
    const pieces: Uint8Array[] = [];
    for await (const piece of found.bytes) pieces.push(piece);
    if (!Buffer.concat(pieces).equals(Buffer.concat(this.#body.chunks))) {
      throw new Fault('corrupt', `S3 returned other bytes than were written to ${ref.key}`);
    }
  }

  async #isRefused(access: ReadAccess, presented: string): Promise<void> {
    try {
      await this.#store.head(this.#call, this.#ref, access);
    } catch (error) {
      if (isFault(error, 'key-missing', 'key-mismatch', 'denied')) return;
      throw error;
    }
    throw new Fault('corrupt', `S3 opens an object that is encrypted with a customer key, with ${presented}`);
  }

  async #copyThere(): Promise<void> {
    const { encryption, acl } = this.#request;
    const access = accessFor(encryption);
    await this.#store.copy(this.#call, this.#ref, this.#copy, {
      encryption,
      acl,
      metadata: {},
      contentType: null,
      metadataFrom: 'copy',
      sourceAccess: access,
    });
    const copied = await this.#store.head(this.#call, this.#copy, access);
    if (copied === null || !isEncryptedAs(copied.encryption, sealedWith(encryption))) {
      throw new Fault('corrupt', 'a copy within S3 does not have the requested encryption');
    }
    await this.#read(this.#copy, access);
  }
}
