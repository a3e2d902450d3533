import Type, { type Static } from 'typebox';
import type { Immutable } from '../api/description/operation.js';
import { wrongField } from '../api/refusal.js';
import { type EncryptionOption, encryptionOptions } from '../model/encryption.js';
import { Fault, isFault } from '../model/fault.js';
import type { ObjectRef } from '../model/object-store.js';
import { ownersOf } from '../model/users/prefix-owners.js';
import { copyOrMoveObject } from '../objects/copy.js';
import { EncryptionChoice, type SourceEncryption, sourceEncryption } from '../objects/encryption-choice.js';
import { openObject } from '../objects/encryption-lookup.js';
import { objectNotFound } from '../objects/get.js';
import { putStream } from '../objects/put.js';
import { removeCurrentObject, removeVersion } from '../objects/remove.js';
import { s3Url } from '../objects/s3-url.js';
import type { ObjectServices } from '../objects/services.js';
import { chosenEncryption } from '../operations/encryption-request.js';
import { parseKmsKey } from '../users/property-values.js';
import { type ApiContext, operation } from './context.js';
import { objectServices, refOf } from './objects.js';
import { bucketName, count, encryptionName, objectKey, strict, textOrNull } from './schemas.js';

const group = 'objects';

/** The encryption of a new object. Without a choice, the settings of its location decide. */
export const encryptionChoice = {
  encryption: Type.Optional(encryptionName),
  encryptionKey: Type.Optional(
    Type.String({
      maxLength: 2048,
      description: 'For sse-c the first 8 or more digits of a key id; for sse-kms a KMS key.',
    }),
  ),
  allowDowngrade: Type.Optional(
    Type.Boolean({ description: 'Allows weaker encryption than that of the location or the source.' }),
  ),
};
const keep = {
  keepEncryption: Type.Optional(Type.Boolean({ description: 'Encrypts the copy like its source.' })),
};
const choiceSchema = Type.Object({ ...encryptionChoice, ...keep });

/** Returns the choice of a request. The gateway's own objects are never allowed. Throws `invalid`. */
export async function choiceOf(
  body: Immutable<Static<typeof choiceSchema>>,
  services: ObjectServices,
): Promise<EncryptionChoice> {
  const { encryption, encryptionKey = null, allowDowngrade = false, keepEncryption = false } = body;
  if (encryption === undefined && encryptionKey !== null)
    throw wrongField('/encryptionKey', 'needs an encryption');
  if (encryption !== undefined && keepEncryption)
    throw wrongField('/keepEncryption', 'is given beside encryption');
  const given =
    encryption === undefined
      ? null
      : await chosenEncryption(optionOf(encryption), checkedKey(encryption, encryptionKey), services.keys);
  return new EncryptionChoice(services.owners, {
    given,
    keep: keepEncryption,
    allowDowngrade,
    gatewayFiles: false,
  });
}

function checkedKey(encryption: string, key: string | null): string | null {
  if (encryption !== 'sse-kms' || key === null) return key;
  const parsed = parseKmsKey(key);
  if ('value' in parsed) return parsed.value;
  throw wrongField('/encryptionKey', parsed.problem);
}

function optionOf(name: string): EncryptionOption {
  for (const option of [1, 2, 3, 4] as const) if (encryptionOptions[option] === name) return option;
  throw new Fault('bug', 'an encryption without a number');
}

const place = Type.Object({ bucket: bucketName, key: objectKey }, strict);
const noProgress = { begin: () => undefined, took: () => undefined };

export const uploadObject = operation({
  id: 'uploadObject',
  group,
  summary: 'Store the bytes of the body as an object, which appears after the last byte.',
  details: 'It is encrypted as the settings of its location require. Elsewhere `encryption` is required.',
  method: 'PUT',
  path: '/api/objects/content',
  needs: 'operator',
  fourEyes: {
    requests: 'a request with `allowDowngrade`. It is refused, because its bytes are not stored',
    summary: ({ query: { bucket, key, allowDowngrade } }) =>
      allowDowngrade === true ? `store ${s3Url({ bucket, key })} with weaker encryption` : null,
  },
  query: Type.Object({ bucket: bucketName, key: objectKey, ...encryptionChoice }, strict),
  takes: 'bytes',
  answer: Type.Object({ bucket: Type.String(), key: Type.String(), size: count }),
  command: 'sftpgw object put report.pdf s3://my-bucket/bob/uploads/report.pdf',
  example: {
    query: { bucket: 'my-bucket', key: 'bob/uploads/report.pdf' },
    answer: { bucket: 'my-bucket', key: 'bob/uploads/report.pdf', size: 1048576 },
  },
  handle: async (context, { query, stream, call }) => {
    if (stream === null) throw new Fault('bug', 'a body of bytes without a stream');
    const { bucket, key, ...chosen } = query;
    const ref = refOf({ bucket, key });
    const services = await objectServices(context, call);
    const choice = await choiceOf(chosen, services);
    let size = 0;
    const took = (bytes: number) => {
      size += bytes;
    };
    await recordFailure(context, 'object.put', ref, () => choice.at(ref, null));
    await putStream(services, call, stream, ref, choice, { ...noProgress, took });
    return { ...ref, size };
  },
});

/** Records a change that fails before it reaches the audited vault, which records every other one. */
function recordFailure<T>(
  { root }: ApiContext,
  action: 'object.put' | 'object.copy' | 'object.move' | 'object.remove',
  ref: ObjectRef,
  work: () => Promise<T>,
): Promise<T> {
  const event = { action, target: s3Url(ref), bucket: ref.bucket, objectKey: ref.key };
  return root.scribe.change(event, work, () => null);
}

const copyBody = Type.Object(
  { from: place, to: place, move: Type.Optional(Type.Boolean()), ...encryptionChoice, ...keep },
  strict,
);
const from = { bucket: 'my-bucket', key: 'bob/uploads/report.pdf' };
const to = { bucket: 'my-bucket', key: 'bob/uploads/archive/report.pdf' };

export const copyObject = operation({
  id: 'copyObject',
  group,
  summary: 'Copy or move one object, with the encryption of its target.',
  details: 'A copy onto itself re-encrypts the object with the present key of its location.',
  method: 'POST',
  path: '/api/objects/copy',
  needs: 'operator',
  fourEyes: {
    requests: 'a request with `allowDowngrade`',
    summary: ({ body }) =>
      body.allowDowngrade === true
        ? `copy ${s3Url(body.from)} to ${s3Url(body.to)} with weaker encryption`
        : null,
  },
  isIdempotent: true,
  body: copyBody,
  answer: Type.Object({ outcome: Type.Enum(['copied', 'unchanged']), size: count }),
  command: 'sftpgw object cp s3://my-bucket/bob/uploads/report.pdf s3://my-bucket/bob/uploads/archive/',
  example: { body: { from, to }, answer: { outcome: 'copied', size: 1048576 } },
  handle: async (context, { body, call }) => {
    const services = await objectServices(context, call);
    const { move = false, ...chosen } = body;
    const plan = { choice: await choiceOf(chosen, services), move, gatewayFiles: false };
    const [source, target] = [refOf(body.from), refOf(body.to)];
    return await recordFailure(context, move ? 'object.move' : 'object.copy', target, () =>
      copyOrMoveObject(services, call, source, target, plan),
    );
  },
});

export const removeObject = operation({
  id: 'removeObject',
  group,
  summary: 'Remove an object, or one version of it permanently.',
  method: 'DELETE',
  path: '/api/objects',
  needs: 'operator',
  query: Type.Object(
    { bucket: bucketName, key: objectKey, versionId: Type.Optional(Type.String({ maxLength: 1024 })) },
    strict,
  ),
  command: 'sftpgw object rm s3://my-bucket/bob/uploads/report.pdf',
  example: { query: to },
  handle: async (context, { query, call }) => {
    const ref = refOf(query);
    const services = await objectServices(context, call);
    const { versionId } = query;
    await recordFailure(context, 'object.remove', ref, () =>
      versionId === undefined
        ? removeCurrentObject(services, call, ref, false)
        : removeVersion(services, call, ref, versionId, false),
    );
  },
});

export const preflightObject = operation({
  id: 'preflightObject',
  group,
  summary: 'Show what a copy, a move or an upload would do, without doing it.',
  method: 'POST',
  path: '/api/objects/preflight',
  needs: 'viewer',
  isIdempotent: true,
  body: Type.Object({ from: Type.Optional(place), to: place, ...encryptionChoice, ...keep }, strict),
  answer: Type.Object({
    allowed: Type.Boolean(),
    reason: { ...textOrNull, description: 'Why it would be refused, such as a downgrade.' },
    owner: { ...textOrNull, description: 'The owner of the target location.' },
    encryption: Type.Union([encryptionName, Type.Null()]),
    keyId: textOrNull,
    keyLabel: textOrNull,
    size: Type.Union([count, Type.Null()]),
  }),
  example: {
    body: { from, to },
    answer: {
      allowed: true,
      reason: null,
      owner: 'the uploads of bob',
      encryption: 'sse-c',
      keyId: '3f9a41c07e52d8b6a1f0c3e4d5b69788',
      keyLabel: 'bob 2026',
      size: 1048576,
    },
  },
  handle: async (context, { body, call }) => {
    const services = await objectServices(context, call);
    const target = refOf(body.to);
    const source = body.from === undefined ? null : await openObject(services, call, refOf(body.from));
    if (body.from !== undefined && source === null) throw objectNotFound(body.from);
    const owner = ownersOf(services.owners, target)[0]?.name ?? null;
    const size = source?.value.size ?? null;
    const key = source?.access.kind === 'sse-c' ? source.access.key : null;
    const of = source === null ? null : sourceEncryption(source.value.encryption, key);
    try {
      const found = await chosenAt(await choiceOf(body, services), target, of, services);
      return { allowed: true, reason: null, owner, ...found, size };
    } catch (error) {
      if (!isFault(error, 'denied', 'invalid', 'key-missing', 'conflict')) throw error;
      return {
        allowed: false,
        reason: error.hint,
        owner,
        encryption: null,
        keyId: null,
        keyLabel: null,
        size,
      };
    }
  },
});

async function chosenAt(
  choice: EncryptionChoice,
  target: ObjectRef,
  source: SourceEncryption | null,
  { keys }: ObjectServices,
) {
  const { encryption } = await choice.at(target, source);
  if (encryption.kind !== 'sse-c') return { encryption: encryption.kind, keyId: null, keyLabel: null };
  const keyId = encryption.key.fingerprint;
  const label = (await keys.describe(keyId))?.label ?? null;
  return { encryption: encryption.kind, keyId: keyId as string, keyLabel: label };
}
