import type { CustomerKey } from '../model/customer-key.js';
import type { CannedAcl, ObjectEncryption, WriteEncryption } from '../model/encryption.js';
import { Fault } from '../model/fault.js';
import { gatewayPrefix } from '../model/gateway-prefix.js';
import type { ObjectRef } from '../model/object-store.js';
import { ownersOf, type PrefixOwner } from '../model/prefix-owners.js';
import { s3Url } from './s3-url.js';

/** What a person said of the encryption of what is written. */
export interface EncryptionRequest {
  /** Of `--sse`; null leaves it to whose place it is. */
  readonly given: WriteEncryption | null;
  /** The source's own, wherever the target is. */
  readonly keep: boolean;
  /** Less than the place's own, or the source's, is taken too. */
  readonly allowDowngrade: boolean;
  /** What the gateway keeps for itself may be written too. */
  readonly gatewayFiles: boolean;
}

/** What the source of a copy rests under. */
export interface SourceEncryption {
  readonly kind: WriteEncryption['kind'];
  /** What asks for the same; null when S3 does not say which KMS key it is. */
  readonly same: WriteEncryption | null;
}

export interface ChosenEncryption {
  readonly encryption: WriteEncryption;
  readonly acl: CannedAcl | null;
}

/**
 * What a new object rests under: what was said, else what whose place it is says, else what the source of a copy rests under. There is no
 * default. Throws `invalid` when nothing says it, or two users who share the place disagree, and `denied` for less than the
 * place's own or the source's, unless that is allowed.
 */
export class EncryptionChoice {
  readonly #owners: readonly PrefixOwner[];
  readonly #request: EncryptionRequest;
  /** Asked once a command: the files of a user are the same for all of a tree. */
  readonly #encryptions = new Map<PrefixOwner, Promise<WriteEncryption>>();

  constructor(owners: readonly PrefixOwner[], request: EncryptionRequest) {
    this.#owners = owners;
    this.#request = request;
  }

  /** `source` is what the source of a copy rests under; null for what comes from outside. */
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
        `nothing says how ${s3Url(ref)} is to be encrypted; say --sse 1 or 4, or 2 or 3 with --key`,
      );
    }
    if (!allowDowngrade && source !== null && isLess(chosen.kind, source.kind)) {
      throw downgrade(ref, chosen, `the source's ${names[source.kind]}`);
    }
    if (!allowDowngrade && given !== null) {
      const own = await this.#agreed(owners, ref);
      if (own !== null && isLess(given.kind, own.kind)) {
        throw downgrade(ref, given, `${names[own.kind]}, as it is in ${owners[0]?.name ?? ''}`);
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
          `${s3Url(ref)} is among ${names}, which are encrypted differently; say --sse`,
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

/** Throws `denied` for what the gateway keeps for itself. */
export function refuseGatewayFiles(ref: ObjectRef): void {
  if (!ref.key.startsWith(gatewayPrefix)) return;
  throw new Fault(
    'denied',
    `${s3Url(ref)} is the gateway's own (a copy of its keyring may be there); add --gateway-files if you mean it`,
  );
}

/**
 * How much stands between a thief of the storage and the content. `bucket-default` counts as SSE-S3: since January 2023 no bucket of
 * AWS has less. https://docs.aws.amazon.com/AmazonS3/latest/userguide/default-encryption-faq.html
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
    `${s3Url(ref)} would rest under ${names[to.kind]}, which is less than ${than}; --allow-downgrade takes it`,
  );
}

const names = {
  'sse-c': 'a customer key (SSE-C)',
  'sse-kms': 'SSE-KMS',
  'sse-s3': 'SSE-S3',
  'bucket-default': "the bucket's default",
} as const;

/** `key` is the customer key that opened the source, null for none. */
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
