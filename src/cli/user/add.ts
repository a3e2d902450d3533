import { type Command, Option } from 'commander';
import { rootPaths } from '../../config/paths.js';
import { Fault } from '../../model/fault.js';
import { parseUsername, type Username, type UserSummary } from '../../model/users.js';
import type { RootConfig } from '../../operations/root-config.js';
import { userPaths } from '../../users/user-paths.js';
import { type CommandContext, newCommand } from '../command.js';
import { warnWithoutRecovery } from '../key/open-keyring.js';
import { findKey } from '../key/reference.js';
import { renderFields, renderJson } from '../terminal/render.js';
import { askAboutUser, askMissing, type DialogueSubject } from './dialogue.js';
import {
  draftFromFlags,
  mergeDrafts,
  missingAnswers,
  missingAnswersFault,
  refuseUnusedKeys,
  type UserDraft,
  type UserFlags,
} from './draft.js';
import { describeChanges, describeLogin, describeUserProblems, userFields } from './report.js';

interface UserAddFlags extends UserFlags {
  readonly json?: boolean;
  /** Of the whole program when it is `addsftpuser`; no answer. */
  readonly root?: string;
}

/** `addsftpuser` and `sftpgw user add`. */
export function userAddCommand(name: string, spelling: string, context: CommandContext): Command {
  const summary = [
    'Make an SFTP user, or change an existing one.',
    'At a terminal and without flags it asks; with flags it asks only for what they leave open.',
    'A key or a password never is an argument, where every process could read it: name a file, or "-" for stdin.',
  ].join('\n');
  const command = newCommand(name, summary, [
    `${spelling} bob`,
    `${spelling} bob --sse 3 --sse-key-file k.b64 --public-key-file id.pub --downloads --shared`,
    `${spelling} bob --sse 3 --generate-sse-key --create-ssh-key >bob.id`,
    `pass sftp/bob | ${spelling} bob --sse 3 --sse-key-file - --public-key-file id.pub`,
  ]);
  return command
    .argument('<user>', '1 to 32 letters and digits, with "_", "-" and "." inside')
    .option('--sse <1..4>', 'encryption of uploads: 1 SSE-S3 (of a new user), 2 SSE-KMS, 3 SSE-C, 4 none')
    .option('--kms-key-arn <arn>', 'the KMS key for --sse 2')
    .option('--sse-key-file <file>', 'the AES-256 key for --sse 3: base64, or 32 raw bytes')
    .option(
      '--sse-key-id <id>',
      'a key of the keyring for --sse 3: its id, the first 6 digits of it, or its label',
    )
    .option('--generate-sse-key', 'make the key for --sse 3 here, from the system')
    .addOption(
      new Option('--public-key-file <file>', 'SSH public keys that may log in; repeatable').argParser(
        (path: string, before: readonly string[] = []) => [...before, path],
      ),
    )
    .option('--create-ssh-key', 'make an SSH key: the private half goes to stdout, once, and is kept nowhere')
    .option('--password-file <file>', 'a password that may log in')
    .option('--bucket <name>', "the user's own bucket for uploads")
    .option('--prefix <prefix>', 'where in the bucket (a new user: USER/uploads/)')
    .option('--acl <1..8>', 'canned ACL of each upload: 1 private ... 8 log-delivery-write')
    .option('--downloads', 'a private download directory')
    .option('--no-downloads', 'none')
    .option('--shared', 'the shared directory')
    .option('--no-shared', 'none')
    .option('--json', 'print the user as JSON')
    .action(async (user: string, flags: UserAddFlags) => {
      await addUser(context, context.rootOf(command), parseUsername(user), flags);
    });
}

async function addUser(
  context: CommandContext,
  root: string,
  username: Username,
  flags: UserAddFlags,
): Promise<void> {
  await context.withRootConfig(root, async (config) => {
    const { registry } = config;
    const before = await registry.describe(username);
    const draft = await gatherDraft(context, config, { username, flags, before });
    await registry.save(username, draft.change);
    const after = await registry.describe(username);
    if (after === null) throw new Fault('conflict', `${username} was removed while being saved; try again`);
    report(context, { root, before, after, draft, json: flags.json === true });
    if (after.uploadOption === 3) await warnWithoutRecovery(context.shell, config);
  });
}

interface Request {
  readonly username: Username;
  readonly flags: UserAddFlags;
  readonly before: UserSummary | null;
}

/** Every answer, checked, from the flags and from the person at the terminal; nothing has been written yet. */
async function gatherDraft(
  { shell }: CommandContext,
  config: RootConfig,
  { username, flags, before }: Request,
): Promise<UserDraft> {
  const findKeyId = async (text: string) => (await findKey(config.keyring, text)).id;
  const subject: DialogueSubject = {
    username,
    existing: before,
    defaultBucket: config.defaults().bucket,
    findKeyId,
  };
  const { json: _json, root: _root, ...answers } = flags;
  if (Object.keys(answers).length === 0) {
    const asked = shell.withPrompter((prompter) => askAboutUser(shell, prompter, subject));
    if (asked !== null) return asked;
    if (before !== null) {
      throw new Fault(
        'invalid',
        `say what to change of ${username} (see --help), or run it at a terminal to be asked`,
      );
    }
  }
  const draft = await draftFromFlags(shell, username, answers, findKeyId);
  refuseUnusedKeys(draft, before);
  const missing = missingAnswers(draft, before);
  if (missing.length === 0) return draft;
  const rest = await shell.withPrompter((prompter) => askMissing(shell, prompter, subject, missing));
  if (rest === null) throw missingAnswersFault(username, missing);
  return mergeDrafts(draft, rest);
}

interface Outcome {
  readonly root: string;
  readonly before: UserSummary | null;
  readonly after: UserSummary;
  readonly draft: UserDraft;
  readonly json: boolean;
}

function report({ shell }: CommandContext, outcome: Outcome): void {
  const { root, before, after, draft, json } = outcome;
  // A new private key has stdout for itself, so that it can go into a file.
  const print = draft.createdSshKey === null ? shell.out : shell.err;
  if (json) {
    print(renderJson(after));
  } else if (before === null) {
    print(`added ${after.username} below ${root}`);
    print(renderFields(userFields(after)));
  } else {
    const changes = describeChanges(before, after);
    print(
      changes.length === 0 ? `${after.username}: nothing changed` : `changed ${after.username} below ${root}`,
    );
    for (const change of changes) print(`  ${change}`);
  }
  for (const note of userNotes(outcome)) shell.err(note);
  if (draft.createdSshKey !== null) {
    shell.err(`The SSH private key of ${after.username}, shown this once and kept nowhere:`);
    shell.out(draft.createdSshKey.privateKey.trimEnd());
  }
}

/** What a person has to know or do now. */
function userNotes({ root, before, after, draft }: Outcome): readonly string[] {
  const notes = [...describeUserProblems(after)];
  const { homes, sharedDirectory: shared, removedDirectory: removed } = rootPaths(root);
  const keyFile = userPaths({ homes, shared, removed }, after.username).uploadKey;
  const replaced = before?.uploadKeyFingerprint ?? null;
  const current = after.uploadKeyFingerprint;
  if (draft.generatedSseKey) {
    notes.push(
      `A new SSE-C key, ${current}, is in the keyring and in ${keyFile}. S3 keeps no copy: without this key the files are lost.`,
    );
    notes.push(`Back it up now, and keep the copy on another machine: base64 < ${keyFile}`);
  }
  if (replaced !== null && replaced !== current) {
    notes.push(`Older files need the key before this one, ${replaced}, which stays in the keyring.`);
  }
  if (describeLogin(after) === 'none') {
    notes.push(`${after.username} cannot log in yet: addsftpuser ${after.username} --public-key-file FILE`);
  }
  return notes;
}
