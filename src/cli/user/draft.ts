import { randomBytes } from 'node:crypto';
import { CustomerKey, customerKeyBytes, type KeyFingerprint } from '../../model/customer-key.js';
import { Fault } from '../../model/fault.js';
import type { UserChange, Username, UserSummary } from '../../model/users.js';
import { createSshKeyPair, type SshKeyPair } from '../../sftp/ssh-key-pair.js';
import { parseKeyMaterial } from '../key/material.js';
import {
  answerFileName,
  parseAcl,
  parseBucketAnswer,
  parseEncryptionAnswer,
  parseKmsKeyAnswer,
  parseLoginMethodsAnswer,
  parsePassword,
  parsePrefix,
  readAnswerFile,
} from '../terminal/answers.js';
import type { Shell } from '../terminal/shell.js';
import { parsePublicKeys } from './public-keys.js';

/** Flags of `addsftpuser`, as commander returns them. */
export interface UserFlags {
  readonly sse?: string;
  readonly kmsKeyArn?: string;
  readonly sseKeyFile?: string;
  readonly generateSseKey?: boolean;
  readonly sseKeyId?: string;
  readonly publicKeyFile?: readonly string[];
  readonly createSshKey?: boolean;
  readonly passwordFile?: string;
  readonly loginMethods?: string;
  readonly bucket?: string;
  readonly prefix?: string;
  readonly acl?: string;
  readonly downloads?: boolean;
  readonly shared?: boolean;
}

/** Checked changes to save, and what to print afterwards. */
export interface UserDraft {
  readonly change: UserChange;
  /** Its private half is printed once and not kept. */
  readonly createdSshKey: SshKeyPair | null;
  readonly generatedSseKey: boolean;
}

export const emptyDraft: UserDraft = { change: {}, createdSshKey: null, generatedSseKey: false };

/** Merges two drafts. The second overrides the first. */
export function mergeDrafts(first: UserDraft, second: UserDraft): UserDraft {
  return {
    change: { ...first.change, ...second.change },
    createdSshKey: second.createdSshKey ?? first.createdSshKey,
    generatedSseKey: first.generatedSseKey || second.generatedSseKey,
  };
}

/** Returns a draft with these changes. */
export function draftOf(change: UserChange): UserDraft {
  return { ...emptyDraft, change };
}

/** Returns a draft with a new SSH key. */
export function draftWithNewSshKey(username: Username): UserDraft {
  const pair = createSshKeyPair(username);
  return { change: { publicKeys: [pair.publicKey] }, createdSshKey: pair, generatedSseKey: false };
}

/** Returns a draft with a new random SSE-C key. */
export function draftWithNewSseKey(): UserDraft {
  const uploadKey = CustomerKey.fromBytes(randomBytes(customerKeyBytes));
  return { change: { uploadKey, uploadKeyOrigin: 'generated' }, createdSshKey: null, generatedSseKey: true };
}

/** Finds a key of the keyring by its id or label. */
export type FindKeyId = (text: string) => Promise<KeyFingerprint>;

function refuseContradictions(flags: UserFlags): void {
  const keys = [flags.sseKeyFile, flags.generateSseKey, flags.sseKeyId].filter((flag) => flag !== undefined);
  if (keys.length > 1) {
    throw new Fault('invalid', 'give only one of --sse-key-file, --generate-sse-key and --sse-key-id');
  }
  const fromStdin = [flags.sseKeyFile, flags.passwordFile, ...(flags.publicKeyFile ?? [])].filter(
    (path) => path === '-',
  );
  if (fromStdin.length > 1) throw new Fault('invalid', 'only one flag can read stdin ("-")');
}

/** Reads and checks every flag. Writes nothing. Throws faults that name the file or the rule. */
export async function draftFromFlags(
  shell: Shell,
  username: Username,
  flags: UserFlags,
  findKeyId: FindKeyId,
): Promise<UserDraft> {
  refuseContradictions(flags);
  let draft = draftOf({
    ...(flags.sse === undefined ? {} : { uploadOption: parseEncryptionAnswer(flags.sse) }),
    ...(flags.kmsKeyArn === undefined ? {} : { kmsKeyArn: parseKmsKeyAnswer(flags.kmsKeyArn) }),
    ...(flags.bucket === undefined ? {} : { uploadBucket: parseBucketAnswer(flags.bucket) }),
    ...(flags.prefix === undefined ? {} : { uploadPrefix: parsePrefix(flags.prefix) }),
    ...(flags.acl === undefined ? {} : { acl: parseAcl(flags.acl) }),
    ...(flags.loginMethods === undefined
      ? {}
      : { loginMethods: parseLoginMethodsAnswer(flags.loginMethods) }),
    ...(flags.downloads === undefined ? {} : { downloads: flags.downloads }),
    ...(flags.shared === undefined ? {} : { shared: flags.shared }),
  });
  if (flags.generateSseKey === true) draft = mergeDrafts(draft, draftWithNewSseKey());
  if (flags.sseKeyId !== undefined) {
    draft = mergeDrafts(draft, draftOf({ uploadKeyId: await findKeyId(flags.sseKeyId) }));
  }
  if (flags.sseKeyFile !== undefined) {
    const content = await readAnswerFile(shell, flags.sseKeyFile);
    const uploadKey = parseKeyMaterial(content, answerFileName(flags.sseKeyFile));
    draft = mergeDrafts(draft, draftOf({ uploadKey }));
  }
  if (flags.passwordFile !== undefined) {
    const content = await readAnswerFile(shell, flags.passwordFile);
    draft = mergeDrafts(
      draft,
      draftOf({ password: parsePassword(content, answerFileName(flags.passwordFile)) }),
    );
  }
  return mergeDrafts(draft, await loginKeysFromFlags(shell, username, flags));
}

async function loginKeysFromFlags(shell: Shell, username: Username, flags: UserFlags): Promise<UserDraft> {
  const created = flags.createSshKey === true ? draftWithNewSshKey(username) : emptyDraft;
  const keys = [...(created.change.publicKeys ?? [])];
  for (const path of flags.publicKeyFile ?? []) {
    const content = await readAnswerFile(shell, path);
    keys.push(...parsePublicKeys(content.toString('utf8'), answerFileName(path)));
  }
  return keys.length === 0 ? created : { ...created, change: { publicKeys: keys } };
}

/** An answer that a draft needs before it can be saved. */
export type Missing = 'login' | 'kms-key' | 'sse-key';

/**
 * Returns the missing answers: a new user needs a login, and an encryption with a key needs that
 * key.
 */
export function missingAnswers(draft: UserDraft, existing: UserSummary | null): readonly Missing[] {
  const { change } = draft;
  const missing: Missing[] = [];
  if (existing === null && change.publicKeys === undefined && change.password === undefined)
    missing.push('login');
  if (change.uploadOption === 2 && change.kmsKeyArn === undefined && existing?.uploadOption !== 2) {
    missing.push('kms-key');
  }
  if (
    change.uploadOption === 3 &&
    change.uploadKey === undefined &&
    change.uploadKeyId === undefined &&
    (existing?.uploadKeyFingerprint ?? null) === null
  ) {
    missing.push('sse-key');
  }
  return missing;
}

const flagsFor: Readonly<Record<Missing, string>> = {
  login: 'a way to log in: --public-key-file FILE, --create-ssh-key or --password-file FILE',
  'kms-key': 'the KMS key: --kms-key-arn ARN',
  'sse-key': 'the SSE-C key: --sse-key-file FILE, --sse-key-id ID or --generate-sse-key',
};

/** Creates the fault of a command that cannot ask for missing answers. */
export function missingAnswersFault(username: Username, missing: readonly Missing[]): Fault {
  const needs = missing.map((one) => flagsFor[one]).join('; and ');
  return new Fault('invalid', `${username} needs ${needs} (or run it at a terminal)`);
}

/** Refuses a key whose encryption is not set: files would be encrypted otherwise than intended. */
export function refuseUnusedKeys(draft: UserDraft, existing: UserSummary | null): void {
  const option = draft.change.uploadOption ?? existing?.uploadOption ?? 1;
  if ((draft.change.uploadKey ?? draft.change.uploadKeyId) !== undefined && option !== 3) {
    throw new Fault('invalid', `an SSE-C key was given, but the encryption is option ${option}: add --sse 3`);
  }
  if (draft.change.kmsKeyArn !== undefined && option !== 2) {
    throw new Fault('invalid', `a KMS key was given, but the encryption is option ${option}: add --sse 2`);
  }
}
