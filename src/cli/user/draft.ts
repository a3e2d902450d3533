import { randomBytes } from 'node:crypto';
import { checkNewKey, type KeyUse } from '../../keyring/weak-keys.js';
import { CustomerKey, customerKeyBytes, type KeyFingerprint } from '../../model/customer-key.js';
import { Fault } from '../../model/fault.js';
import type { UserChange, Username, UserSummary } from '../../model/users.js';
import { parseKeyMaterial } from '../../operations/key-material.js';
import { type Missing, missingFor } from '../../operations/users.js';
import { createSshKeyPair, type SshKeyPair } from '../../sftp/ssh-key-pair.js';
import { readPublicKeyFile } from '../../users/logins/public-keys.js';
import {
  answerFileName,
  parseAcl,
  parseBucketAnswer,
  parseEncryptionAnswer,
  parseExclusions,
  parseKmsKeyAnswer,
  parseLoginFrom,
  parseLoginMethodsAnswer,
  parsePassword,
  parsePrefix,
  parseRights,
  parseRole,
  parseRoleExternalId,
  parseUserEndpoint,
  parseUserRegion,
  readAnswerFile,
} from '../terminal/answers.js';
import type { Shell } from '../terminal/shell.js';

/** Flags of `addsftpuser`, as commander returns them. */
export interface UserFlags {
  readonly sse?: string;
  readonly kmsKeyArn?: string;
  readonly sseKeyFile?: string;
  /** Not an answer: accepts a key that documentation prints. */
  readonly allowExampleKey?: boolean;
  readonly generateSseKey?: boolean;
  readonly sseKeyId?: string;
  readonly publicKeyFile?: readonly string[];
  readonly createSshKey?: boolean;
  readonly passwordFile?: string;
  readonly loginMethods?: string;
  readonly bucket?: string;
  readonly prefix?: string;
  readonly region?: string;
  readonly endpoint?: string;
  readonly roleArn?: string;
  readonly roleExternalId?: string;
  readonly acl?: string;
  readonly rights?: string;
  readonly exclusions?: string;
  readonly loginFrom?: string;
  readonly downloads?: boolean;
  readonly shared?: boolean;
}

/** Checked changes to save, and what to print afterwards. */
export interface UserDraft {
  readonly change: UserChange;
  /** Its private half is printed once and not kept. */
  readonly createdSshKey: SshKeyPair | null;
  readonly generatedSseKey: boolean;
  /** Lines for the administrator about the answers. */
  readonly notes: readonly string[];
}

export const emptyDraft: UserDraft = { change: {}, createdSshKey: null, generatedSseKey: false, notes: [] };

/** Merges two drafts. The second overrides the first. */
export function mergeDrafts(first: UserDraft, second: UserDraft): UserDraft {
  return {
    change: { ...first.change, ...second.change },
    createdSshKey: second.createdSshKey ?? first.createdSshKey,
    generatedSseKey: first.generatedSseKey || second.generatedSseKey,
    notes: [...first.notes, ...second.notes],
  };
}

/** Returns a draft with these changes. */
export function draftOf(change: UserChange): UserDraft {
  return { ...emptyDraft, change };
}

/** Returns a draft with a new SSH key. */
export function draftWithNewSshKey(username: Username): UserDraft {
  const pair = createSshKeyPair(username);
  return { ...emptyDraft, change: { publicKeys: [pair.publicKey] }, createdSshKey: pair };
}

/** Returns a draft with a new random SSE-C key. */
export function draftWithNewSseKey(): UserDraft {
  const uploadKey = CustomerKey.fromBytes(randomBytes(customerKeyBytes));
  return { ...emptyDraft, change: { uploadKey, uploadKeyOrigin: 'generated' }, generatedSseKey: true };
}

/** Returns a draft with a given SSE-C key, and a note if it is weak. Throws `invalid` for an example key. */
export function draftWithKey(uploadKey: CustomerKey, use: KeyUse): UserDraft {
  const warning = checkNewKey(uploadKey, use);
  return { ...draftOf({ uploadKey }), notes: warning === null ? [] : [warning] };
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
    ...accessFromFlags(flags),
    ...(flags.acl === undefined ? {} : { acl: parseAcl(flags.acl) }),
    ...(flags.rights === undefined ? {} : { uploadRights: parseRights(flags.rights) }),
    ...(flags.exclusions === undefined ? {} : { uploadExclusions: parseExclusions(flags.exclusions) }),
    ...(flags.loginMethods === undefined
      ? {}
      : { loginMethods: parseLoginMethodsAnswer(flags.loginMethods) }),
    ...(flags.loginFrom === undefined
      ? {}
      : { loginFrom: flags.loginFrom === '' ? null : parseLoginFrom(flags.loginFrom) }),
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
    const use = { username, allowsExample: flags.allowExampleKey === true };
    draft = mergeDrafts(draft, draftWithKey(uploadKey, use));
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

/** An empty flag removes the setting. */
function accessFromFlags({ region, endpoint, roleArn, roleExternalId }: UserFlags): UserChange {
  const read = (text: string, parse: (text: string) => string) => (text === '' ? null : parse(text));
  return {
    ...(region === undefined ? {} : { uploadRegion: read(region, parseUserRegion) }),
    ...(endpoint === undefined ? {} : { uploadEndpoint: read(endpoint, parseUserEndpoint) }),
    ...(roleArn === undefined ? {} : { uploadRoleArn: read(roleArn, parseRole) }),
    ...(roleExternalId === undefined
      ? {}
      : { uploadRoleExternalId: read(roleExternalId, parseRoleExternalId) }),
  };
}

async function loginKeysFromFlags(shell: Shell, username: Username, flags: UserFlags): Promise<UserDraft> {
  const created = flags.createSshKey === true ? draftWithNewSshKey(username) : emptyDraft;
  const keys = [...(created.change.publicKeys ?? [])];
  const notes: string[] = [];
  for (const path of flags.publicKeyFile ?? []) {
    const content = await readAnswerFile(shell, path);
    const read = readPublicKeyFile(content, answerFileName(path));
    keys.push(...read.keys);
    if (read.note !== null) notes.push(read.note);
  }
  return keys.length === 0 ? created : { ...created, change: { publicKeys: keys }, notes };
}

/** Returns the answers that a draft needs before it can be saved. */
export function missingAnswers(draft: UserDraft, existing: UserSummary | null): readonly Missing[] {
  return missingFor(draft.change, existing);
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
