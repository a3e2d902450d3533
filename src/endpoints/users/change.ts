import { randomBytes } from 'node:crypto';
import Type, { type Static } from 'typebox';
import type { Immutable } from '../../api/description/operation.js';
import { wrongField } from '../../api/refusal.js';
import { CustomerKey, customerKeyBytes } from '../../model/customer-key.js';
import { cannedAcls, type EncryptionOption, encryptionOptions } from '../../model/encryption.js';
import { Fault } from '../../model/fault.js';
import type { Keyring } from '../../model/keyring.js';
import type { UserChange, UserSummary } from '../../model/users.js';
import { findKey } from '../../operations/key-administration.js';
import { type Missing, missingFor } from '../../operations/users.js';
import { formatSequences } from '../../users/logins/login-methods.js';
import { parsePublicKeys } from '../../users/logins/public-keys.js';
import {
  type ParsedValue,
  parseBucketName,
  parseKmsKey,
  parseLoginMethods,
  parseNetworks,
  parseUploadExclusions,
  parseUploadPrefix,
  parseUploadRights,
} from '../../users/property-values.js';
import { encryptionName, keyReference } from '../schemas.js';

const maxTextCharacters = 16 * 1024;

/** The settings of a user that a person can change. A value that is left out stays. */
export const userChange = {
  publicKeys: Type.Optional(
    Type.Array(Type.String({ maxLength: maxTextCharacters }), {
      minItems: 1,
      maxItems: 100,
      description: 'SSH public keys, which are added to those of the user.',
    }),
  ),
  password: Type.Optional(Type.String({ minLength: 1, maxLength: 1024, pattern: '^[^\\r\\n]+$' })),
  loginMethods: Type.Optional(
    Type.String({ maxLength: 500, description: 'Such as `publickey,keyboard-interactive`.' }),
  ),
  encryption: Type.Optional(encryptionName),
  kmsKey: Type.Optional(Type.String({ maxLength: 2048, description: 'The KMS key of sse-kms.' })),
  key: Type.Optional({ ...keyReference, description: 'The key of sse-c: an id or a label of the keyring.' }),
  generateKey: Type.Optional(Type.Boolean({ description: 'Generates the key of sse-c.' })),
  bucket: Type.Optional(Type.String({ maxLength: 255 })),
  prefix: Type.Optional(
    Type.String({ maxLength: 1024, description: 'The location of /uploads; ends with /.' }),
  ),
  acl: Type.Optional(Type.Enum(Object.values(cannedAcls))),
  rights: Type.Optional(
    Type.String({
      maxLength: 200,
      description:
        'The rights in /uploads: `all`, `none`, `dropbox`, or some of list, read, create, overwrite, rename, remove, separated by commas.',
    }),
  ),
  exclusions: Type.Optional(
    Type.Array(Type.String({ maxLength: 64 }), {
      maxItems: 16,
      description: 'Names that stay out of S3 until they are renamed, such as `filepart` or `.in.*`.',
    }),
  ),
  loginFrom: Type.Optional(
    Type.Union([Type.String({ maxLength: 4096 }), Type.Null()], {
      description: 'Addresses and networks from which the user may log in; null for all.',
    }),
  ),
  expires: Type.Optional(
    Type.Union([Type.String({ format: 'date-time' }), Type.Null()], {
      description: 'The time from which the user can no longer log in; null for never.',
    }),
  ),
  removePublicKeys: Type.Optional(
    Type.Array(Type.String({ maxLength: 100 }), {
      minItems: 1,
      maxItems: 100,
      description: 'Fingerprints (SHA256:...) of public keys that may no longer log in.',
    }),
  ),
  downloads: Type.Optional(Type.Boolean()),
  shared: Type.Optional(Type.Boolean()),
  allowOverlap: Type.Optional(
    Type.Boolean({ description: 'Accepts a prefix that contains objects of others.' }),
  ),
};

const schema = Type.Object(userChange);
export type UserChangeBody = Immutable<Static<typeof schema>>;

/** Returns the change that a body requests. Throws `invalid` with the field, and `not-found` for a key. */
export async function changeOf(
  body: UserChangeBody,
  keyring: Pick<Keyring, 'list'>,
  before: UserSummary | null,
): Promise<UserChange> {
  const uploadOption = body.encryption === undefined ? undefined : optionOf(body.encryption);
  const option = uploadOption ?? before?.uploadOption ?? 1;
  refuseUnusedKeys(body, option);
  const change: UserChange = {
    ...given('publicKeys', body.publicKeys && publicKeysOf(body.publicKeys)),
    ...given('password', body.password),
    ...given(
      'loginMethods',
      body.loginMethods && formatSequences(accept('/loginMethods', parseLoginMethods(body.loginMethods))),
    ),
    ...given('uploadOption', uploadOption),
    ...given('kmsKeyArn', body.kmsKey && accept('/kmsKey', parseKmsKey(body.kmsKey))),
    ...given('uploadKeyId', body.key === undefined ? undefined : (await findKey(keyring, body.key)).id),
    ...given('uploadBucket', body.bucket && accept('/bucket', parseBucketName(body.bucket))),
    ...given('uploadPrefix', body.prefix && accept('/prefix', parseUploadPrefix(body.prefix))),
    ...given('acl', body.acl),
    ...given(
      'uploadRights',
      body.rights === undefined ? undefined : accept('/rights', parseUploadRights(body.rights)),
    ),
    ...given(
      'uploadExclusions',
      body.exclusions && accept('/exclusions', parseUploadExclusions(body.exclusions.join(','))),
    ),
    ...given('loginFrom', body.loginFrom && accept('/loginFrom', parseNetworks(body.loginFrom)).text),
    ...given('expiresMs', body.expires && timeOf(body.expires)),
    ...given('removePublicKeys', body.removePublicKeys),
    ...given('downloads', body.downloads),
    ...given('shared', body.shared),
    ...(body.generateKey === true
      ? {
          uploadKey: CustomerKey.fromBytes(randomBytes(customerKeyBytes)),
          uploadKeyOrigin: 'generated' as const,
        }
      : {}),
  };
  const [missing] = missingFor(change, before);
  if (missing !== undefined) throw missingField(missing);
  return change;
}

function given<K extends keyof UserChange>(
  name: K,
  value: UserChange[K] | '' | undefined,
): Partial<UserChange> {
  return value === undefined ? {} : { [name]: value };
}

function timeOf(text: string): number {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw wrongField('/expires', 'is not a time');
  return ms;
}

function optionOf(name: (typeof encryptionOptions)[EncryptionOption]): EncryptionOption {
  for (const option of [1, 2, 3, 4] as const) if (encryptionOptions[option] === name) return option;
  throw new Fault('bug', 'an encryption without a number');
}

function publicKeysOf(texts: readonly string[]): string[] {
  return texts.flatMap((text, at) => {
    try {
      return [...parsePublicKeys(text, 'key')];
    } catch (error) {
      throw wrongField(`/publicKeys/${at}`, Fault.from(error).hint);
    }
  });
}

function accept<T>(pointer: string, parsed: ParsedValue<T>): T {
  if ('value' in parsed) return parsed.value;
  throw wrongField(pointer, parsed.problem);
}

/** Refuses a key whose encryption is not set: files would be encrypted otherwise than intended. */
function refuseUnusedKeys({ key, generateKey, kmsKey }: UserChangeBody, option: EncryptionOption): void {
  if (key !== undefined && generateKey === true) throw wrongField('/key', 'is given beside generateKey');
  if ((key !== undefined || generateKey === true) && option !== 3) {
    throw wrongField(key === undefined ? '/generateKey' : '/key', 'needs the encryption sse-c');
  }
  if (kmsKey !== undefined && option !== 2) throw wrongField('/kmsKey', 'needs the encryption sse-kms');
}

function missingField(missing: Missing) {
  switch (missing) {
    case 'login':
      return wrongField('/publicKeys', 'is missing: a new user needs a public key or a password');
    case 'kms-key':
      return wrongField('/kmsKey', 'is missing: sse-kms needs a KMS key');
    case 'sse-key':
      return wrongField('/key', 'is missing: sse-c needs a key, or generateKey');
  }
}
