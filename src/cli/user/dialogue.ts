import type { KeyUse } from '../../keyring/weak-keys.js';
import { CustomerKey } from '../../model/customer-key.js';
import type { EncryptionOption } from '../../model/encryption.js';
import { Fault, isFault } from '../../model/fault.js';
import type { Username, UserSummary } from '../../model/users.js';
import { parseKeyMaterial } from '../../operations/key-material.js';
import type { Missing } from '../../operations/users.js';
import { parsePublicKeys } from '../../users/logins/public-keys.js';
import {
  parseBucketAnswer,
  parseEncryptionAnswer,
  parseKmsKeyAnswer,
  parsePrefix,
  readAnswerFile,
} from '../terminal/answers.js';
import { askUntil, askYesNo, type Prompter } from '../terminal/prompter.js';
import type { Shell } from '../terminal/shell.js';
import {
  draftOf,
  draftWithKey,
  draftWithNewSseKey,
  draftWithNewSshKey,
  emptyDraft,
  type FindKeyId,
  mergeDrafts,
  type UserDraft,
} from './draft.js';
import { readPastedKey } from './pasted-key.js';

/** The user that the dialogue is about. */
export interface DialogueSubject {
  readonly username: Username;
  /** Null for a new user. */
  readonly existing: UserSummary | null;
  /** The default bucket of new users; null if none is set. */
  readonly defaultBucket: string | null;
  readonly findKeyId: FindKeyId;
  /** Whether a key that documentation prints is accepted. */
  readonly allowsExample?: boolean;
}

/**
 * Asks everything: SSH key, encryption, S3 location, downloads, shared directory, in this order.
 */
export async function askAboutUser(
  shell: Shell,
  prompter: Prompter,
  subject: DialogueSubject,
): Promise<UserDraft> {
  let draft = await askSshKey(prompter, subject);
  draft = mergeDrafts(draft, await askEncryption(shell, prompter, subject));
  draft = mergeDrafts(draft, await askLocation(prompter, subject));
  const downloads = await askYesNo(
    prompter,
    'Private download directory?',
    subject.existing?.downloads ?? false,
  );
  const shared = await askYesNo(prompter, 'Shared directory?', subject.existing?.shared ?? false);
  return mergeDrafts(draft, draftOf({ downloads, shared }));
}

/** Asks for answers that the flags did not give and that have no default. */
export async function askMissing(
  shell: Shell,
  prompter: Prompter,
  subject: DialogueSubject,
  missing: readonly Missing[],
): Promise<UserDraft> {
  let draft = emptyDraft;
  if (missing.includes('login')) draft = await askSshKey(prompter, subject);
  if (missing.includes('kms-key')) draft = mergeDrafts(draft, await askKmsKey(prompter));
  if (missing.includes('sse-key')) draft = mergeDrafts(draft, await askSseKey(shell, prompter, subject));
  return draft;
}

async function askSshKey(prompter: Prompter, { username, existing }: DialogueSubject): Promise<UserDraft> {
  if (await askYesNo(prompter, `Create an SSH key for ${username}?`, false))
    return draftWithNewSshKey(username);
  const keeps = existing === null ? 'none yet' : `keep the ${existing.publicKeyCount} existing`;
  return askUntil(prompter, `Paste a public key (Enter: ${keeps}): `, async (answer) => {
    if (answer.trim() === '') return emptyDraft;
    const pasted = await readPastedKey(prompter, answer);
    return draftOf({ publicKeys: parsePublicKeys(pasted, 'the pasted text') });
  });
}

const menu = [
  'Server-side encryption of uploads:',
  '  1) SSE-S3: Amazon S3 holds the key',
  '  2) SSE-KMS: a key in AWS KMS',
  '  3) SSE-C: your own AES-256 key',
  "  4) none: the bucket's own default applies",
];

async function askEncryption(shell: Shell, prompter: Prompter, subject: DialogueSubject): Promise<UserDraft> {
  const { existing } = subject;
  for (const line of menu) prompter.print(line);
  if (existing !== null) prompter.print(`  5) skip: keep the present option (${existing.uploadOption})`);
  const preset = existing === null ? '1' : '5';
  const option = await askUntil(prompter, `Option [${preset}]: `, (answer) =>
    parseMenuOption(answer.trim() === '' ? preset : answer.trim(), existing !== null),
  );
  if (option === 'skip') return emptyDraft;
  const chosen = draftOf({ uploadOption: option });
  if (option === 2) return mergeDrafts(chosen, await askKmsKey(prompter));
  if (option === 3) return mergeDrafts(chosen, await askSseKey(shell, prompter, subject));
  return chosen;
}

function parseMenuOption(answer: string, maySkip: boolean): EncryptionOption | 'skip' {
  if (answer !== '5') return parseEncryptionAnswer(answer);
  if (maySkip) return 'skip';
  throw new Fault('invalid', 'a new user has no present option: choose 1 to 4');
}

async function askKmsKey(prompter: Prompter): Promise<UserDraft> {
  return draftOf({ kmsKeyArn: await askUntil(prompter, 'ARN of the KMS key: ', parseKmsKeyAnswer) });
}

/**
 * Asks for an SSE-C key. The first question is hidden and takes base64, a key id, a path or a word;
 * Enter asks for a file.
 */
async function askSseKey(shell: Shell, prompter: Prompter, subject: DialogueSubject): Promise<UserDraft> {
  prompter.print(
    'The AES-256 key. Without it the files cannot be read, not even by Amazon: keep a copy elsewhere.',
  );
  const current = subject.existing?.uploadKeyFingerprint ?? null;
  if (current !== null) prompter.print(`  "keep" leaves the present key, ${current}.`);
  const given = await askUntil(
    prompter,
    'Paste it in base64 (not shown), type the id of a key in the keyring, or press Enter for a file or a new key: ',
    (answer) => draftFromKeyAnswer(shell, subject, answer.trim()),
    'askSecret',
  );
  if (given !== null) return given;
  return askUntil(prompter, 'Path of a key file (Enter: generate a new key for me): ', async (answer) =>
    answer.trim() === '' ? draftWithNewSseKey() : draftFromKeyFile(shell, subject, answer.trim()),
  );
}

/** Hidden input may be a mistyped key, so errors do not repeat it. */
const unseen = '(the input is not shown)';

/** Returns the draft for a hidden answer; null if the next question should ask for a file. */
async function draftFromKeyAnswer(
  shell: Shell,
  subject: DialogueSubject,
  answer: string,
): Promise<UserDraft | null> {
  const { existing, findKeyId } = subject;
  if (answer === '') return null;
  if (answer === 'generate') return draftWithNewSseKey();
  if (answer === 'keep' && (existing?.uploadKeyFingerprint ?? null) !== null) return emptyDraft;
  if (/^[0-9a-f]{6,32}$/.test(answer)) {
    const uploadKeyId = await findKeyId(answer).catch((error: unknown) => {
      if (!isFault(error, 'not-found')) throw error;
      throw new Fault('not-found', `there is no such key in the keyring ${unseen}`);
    });
    return draftOf({ uploadKeyId });
  }
  // A base64 key may begin with a slash too. A path of exactly that shape is unlikely.
  const isPath = /^(?:\/|\.{1,2}\/|~\/)/.test(answer) && !/^[A-Za-z0-9+/]{43}=$/.test(answer);
  if (!isPath) return draftWithKey(CustomerKey.fromBase64(answer), useOf(subject));
  // One key in 64 begins with a slash: a missing file may be a key that was pasted incompletely.
  const content = await readAnswerFile(shell, answer).catch(() => null);
  if (content !== null) return draftWithKey(parseKeyMaterial(content, answer), useOf(subject));
  return draftWithKey(keyInsteadOfPath(answer), useOf(subject));
}

function keyInsteadOfPath(answer: string): CustomerKey {
  try {
    return CustomerKey.fromBase64(answer);
  } catch (thrown) {
    throw new Fault(
      'invalid',
      `no file of that name can be read ${unseen}; as a key: ${Fault.from(thrown).hint}`,
    );
  }
}

async function draftFromKeyFile(shell: Shell, subject: DialogueSubject, path: string): Promise<UserDraft> {
  return draftWithKey(parseKeyMaterial(await readAnswerFile(shell, path), path), useOf(subject));
}

function useOf({ username, allowsExample = false }: DialogueSubject): KeyUse {
  return { username, allowsExample };
}

async function askLocation(prompter: Prompter, subject: DialogueSubject): Promise<UserDraft> {
  const bucket = subject.existing?.uploadBucket || subject.defaultBucket;
  const prefix = subject.existing?.uploadPrefix ?? `${subject.username}/uploads/`;
  const place = `${bucket ?? '(no bucket is set up yet)'}/${prefix}`;
  const modify = await askYesNo(prompter, `Uploads go to ${place}. Modify?`, false);
  if (!modify) return emptyDraft;
  const bucketAnswer = await askUntil(prompter, `Bucket [${bucket ?? 'that of the gateway'}]: `, (answer) =>
    answer.trim() === '' ? emptyDraft : draftOf({ uploadBucket: parseBucketAnswer(answer) }),
  );
  const prefixAnswer = await askUntil(prompter, `Prefix [${prefix}]: `, (answer) =>
    answer.trim() === '' ? emptyDraft : draftOf({ uploadPrefix: parsePrefix(answer) }),
  );
  return mergeDrafts(bucketAnswer, prefixAnswer);
}
