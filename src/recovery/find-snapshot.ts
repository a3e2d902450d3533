import { type AgeIdentity, unseal } from '../keyring/age.js';
import type { Call } from '../model/call.js';
import { Fault } from '../model/fault.js';
import { gatewayPrefix } from '../model/gateway-objects.js';
import { isSignedBy, snapshotSigner } from './authenticity.js';
import { signatureMetadata, snapshotKey, snapshotNumber } from './bucket-names.js';
import type { CopyBucket, StoredCopy } from './copy-bucket.js';
import { type Snapshot, unpackSnapshot } from './snapshot.js';

/** A usable snapshot. */
export interface FoundSnapshot {
  readonly number: number;
  readonly snapshot: Snapshot;
  readonly isSigned: boolean;
  /** One sentence per newer snapshot that could not be used. */
  readonly passedOver: readonly string[];
}

type Opened =
  | { readonly kind: 'usable'; readonly snapshot: Snapshot; readonly isSigned: boolean }
  | { readonly kind: 'not-ours' | 'unsigned' | 'forged' | 'damaged'; readonly why: string };

/**
 * Returns the newest snapshot in the bucket that this identity opens and has signed. With `acceptUnsigned` it
 * may be unsigned, as for a recipient that was added without its identity. Throws `not-found` (no snapshot),
 * `key-mismatch` (the identity opens none), `denied` (none is signed with it), `corrupt` (all are damaged),
 * and the faults of the store.
 */
export async function findSnapshot(
  call: Call,
  bucket: CopyBucket,
  identity: AgeIdentity,
  acceptUnsigned: boolean,
): Promise<FoundSnapshot> {
  const listed = await bucket.list(call);
  const numbers = listed.map(({ key }) => snapshotNumber(key)).filter((number) => number !== null);
  if (numbers.length === 0) {
    throw new Fault(
      'not-found',
      `no snapshot below s3://${bucket.bucket}/${gatewayPrefix}; check that this is the gateway's default bucket, and that \`sftpgw recovery init\` was run there`,
    );
  }
  const refused: (Exclude<Opened, { readonly kind: 'usable' }> & { readonly number: number })[] = [];
  for (const number of numbers.toSorted((a, b) => b - a)) {
    const object = await bucket.read(call, snapshotKey(number));
    if (object === null) continue;
    const opened = await open(object, number, identity, acceptUnsigned);
    if (opened.kind === 'usable') {
      const passedOver = refused.map((one) => `snapshot ${one.number} ${one.why}`);
      return { number, snapshot: opened.snapshot, isSigned: opened.isSigned, passedOver };
    }
    refused.push({ ...opened, number });
  }
  throw noneUsable(refused);
}

async function open(
  { bytes, metadata }: StoredCopy,
  number: number,
  identity: AgeIdentity,
  acceptUnsigned: boolean,
): Promise<Opened> {
  const unsealed = await unseal(bytes, identity);
  if (unsealed.kind === 'not-ours') return { kind: 'not-ours', why: 'is not sealed to this identity' };
  if (unsealed.kind === 'damaged') return { kind: 'damaged', why: 'is damaged' };
  const signer = snapshotSigner(identity.secret);
  const signature = metadata[`${signatureMetadata}${signer.name}`];
  const isSigned = signature !== undefined && isSignedBy(signer, number, bytes, signature);
  if (signature !== undefined && !isSigned) {
    return {
      kind: 'forged',
      why: 'has a wrong signature: it was changed or renamed after it was written',
    };
  }
  if (!isSigned && !acceptUnsigned) return { kind: 'unsigned', why: 'is not signed with this identity' };
  try {
    return { kind: 'usable', snapshot: unpackSnapshot(unsealed.bytes), isSigned };
  } catch (error) {
    const fault = Fault.from(error);
    if (fault.kind === 'unsupported') throw fault;
    return { kind: 'damaged', why: `is damaged: ${fault.hint}` };
  }
}

function noneUsable(refused: readonly (Opened & { readonly number: number; readonly why: string })[]): Fault {
  if (refused.every(({ kind }) => kind === 'not-ours')) {
    return new Fault(
      'key-mismatch',
      'this identity does not open any snapshot in the bucket; check that `sftpgw recovery init` generated it for this bucket',
    );
  }
  const reasons = refused.map(({ number, why }) => `snapshot ${number} ${why}`).join('; ');
  if (refused.some(({ kind }) => kind === 'unsigned')) {
    return new Fault(
      'denied',
      `no snapshot is signed with this identity (${reasons}); if its recipient was added with \`--recipient\`, and only the gateway can write to the bucket, use --accept-unsigned`,
    );
  }
  return new Fault('corrupt', `no snapshot in the bucket can be used: ${reasons}`);
}
