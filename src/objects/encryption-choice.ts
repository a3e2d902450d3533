import type { CustomerKey } from '../model/customer-key.js';
import type { CannedAcl, ObjectEncryption, WriteEncryption } from '../model/encryption.js';
import { Fault } from '../model/fault.js';
import { gatewayPrefix } from '../model/gateway-objects.js';
import type { ObjectRef } from '../model/object-store.js';
import { ownersOf, type PrefixOwner } from '../model/users/prefix-owners.js';
import { s3Url } from './s3-url.js';

/** The user's request for the encryption of new objects. */
export interface EncryptionRequest {
  /** Value of `--sse`. Null uses the encryption of the target location. */
  readonly given: WriteEncryption | null;
  /** Keeps the source's encryption, wherever the target is. */
  readonly keep: boolean;
  /** Allows weaker encryption than that of the target location or the source. */
  readonly allowDowngrade: boolean;
  /** Allows writing the gateway's own files. */
  readonly gatewayFiles: boolean;
}

/** Encryption of the source of a copy. */
export interface SourceEncryption {
  readonly kind: WriteEncryption['kind'];
  /** Request for the same encryption. Null if S3 does not report the KMS key. */
  readonly same: WriteEncryption | null;
}

/** Encryption and ACL of a new object. */
export interface ChosenEncryption {
  readonly encryption: WriteEncryption;
  readonly acl: CannedAcl | null;
}

/**
 * Chooses the encryption of a new object: the requested one, else that of the owner of the target location,
 * else that of the source of a copy. There is no default. Throws `invalid` if none of them decides, or if two
 * users who share the location disagree. Throws `denied` for weaker encryption than that of the location or
 * the source, unless a downgrade is allowed.
 */
export class EncryptionChoice {
  readonly #owners: readonly PrefixOwner[];
  readonly #request: EncryptionRequest;
  /** Cached for the command, because a user's settings are the same for a whole tree. */
  readonly #encryptions = new Map<PrefixOwner, Promise<WriteEncryption>>();

  constructor(owners: readonly PrefixOwner[], request: EncryptionRequest) {
    this.#owners = owners;
    this.#request = request;
  }

  /**
   * Returns the encryption and ACL for `ref`. `source` is the encryption of the source of a copy; null for
   * data from outside S3.
   */
  async at(ref: ObjectRef, source: SourceEncryption | null): Promise<ChosenEncryption> {
    const { given, keep, allowDowngrade, gatewayFiles } = this.#request;
    if (!gatewayFiles) refuseGatewayFiles(ref);
    const owners = ownersOf(this.#owners, ref);
    const acl = owners[0]?.acl ?? null;
    const same = source?.same ?? null;
    const chosen = given ?? (keep ? same : ((await this.#agreed(owners, ref)) ?? same));
    if (chosen === null) {
      throw new Fault(
        'invalid',
        `no setting determines the encryption of ${s3Url(ref)}; add --sse 1 or 4, or 2 or 3 with --key`,
      );
    }
    if (!allowDowngrade && source !== null && isLess(chosen.kind, source.kind)) {
      throw downgrade(ref, chosen, `the source's encryption with ${names[source.kind]}`);
    }
    if (!allowDowngrade && given !== null) {
      const own = await this.#agreed(owners, ref);
      if (own !== null && isLess(given.kind, own.kind)) {
        throw downgrade(ref, given, `${names[own.kind]}, the encryption of ${owners[0]?.name ?? ''}`);
      }
    }
    return { encryption: chosen, acl };
  }

  async #agreed(owners: readonly PrefixOwner[], ref: ObjectRef): Promise<WriteEncryption | null> {
    let agreed: WriteEncryption | null = null;
    for (const owner of owners) {
      const encryption = await this.#ownEncryption(owner);
      if (agreed !== null && !isSame(agreed, encryption)) {
        const names = owners.map(({ name }) => name).join(' and ');
        throw new Fault(
          'invalid',
          `${s3Url(ref)} belongs to ${names}, which have different encryption; add --sse`,
        );
      }
      agreed = encryption;
    }
    return agreed;
  }

  #ownEncryption(owner: PrefixOwner): Promise<WriteEncryption> {
    const asked = this.#encryptions.get(owner) ?? owner.encryption();
    this.#encryptions.set(owner, asked);
    return asked;
  }
}

/** Throws `denied` for one of the gateway's own files. */
export function refuseGatewayFiles(ref: ObjectRef): void {
  if (!ref.key.startsWith(gatewayPrefix)) return;
  throw new Fault(
    'denied',
    `${s3Url(ref)} belongs to the gateway and may be a copy of its keyring; add --gateway-files to use it anyway`,
  );
}

/**
 * Strengths of the protection against theft of the storage. `bucket-default` counts as SSE-S3, because no AWS
 * bucket has had less since January 2023.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/default-encryption-faq.html
 */
const strengths = { 'sse-c': 2, 'sse-kms': 1, 'sse-s3': 0, 'bucket-default': 0 } as const;

function isLess(one: WriteEncryption['kind'], than: WriteEncryption['kind']): boolean {
  return strengths[one] < strengths[than];
}

function isSame(one: WriteEncryption, other: WriteEncryption): boolean {
  if (one.kind === 'sse-c' && other.kind === 'sse-c') return one.key.equals(other.key);
  if (one.kind === 'sse-kms' && other.kind === 'sse-kms') return one.keyArn === other.keyArn;
  return one.kind === other.kind;
}

function downgrade(ref: ObjectRef, to: WriteEncryption, than: string): Fault {
  return new Fault(
    'denied',
    `${s3Url(ref)} would be encrypted with ${names[to.kind]}, which is weaker than ${than}; add --allow-downgrade to allow it`,
  );
}

const names = {
  'sse-c': 'a customer key (SSE-C)',
  'sse-kms': 'SSE-KMS',
  'sse-s3': 'SSE-S3',
  'bucket-default': "the bucket's default",
} as const;

/** Returns the encryption of a source. `key` is the customer key that opened it; null for none. */
export function sourceEncryption(stored: ObjectEncryption, key: CustomerKey | null): SourceEncryption {
  if (key !== null) return { kind: 'sse-c', same: { kind: 'sse-c', key } };
  switch (stored.kind) {
    case 'sse-kms': {
      const { keyArn } = stored;
      return { kind: 'sse-kms', same: keyArn === null ? null : { kind: 'sse-kms', keyArn } };
    }
    case 'sse-s3':
      return { kind: 'sse-s3', same: stored };
    default:
      return { kind: 'bucket-default', same: { kind: 'bucket-default' } };
  }
}
