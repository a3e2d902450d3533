import { type Command, Option } from 'commander';
import { rootPaths } from '../../config/paths.js';
import { Fault } from '../../model/fault.js';
import { parseUsername, type Username, type UserSummary } from '../../model/users.js';
import { findKey } from '../../operations/key-administration.js';
import type { RootConfig } from '../../operations/root-config.js';
import { refuseOverlap } from '../../operations/users.js';
import { userPaths } from '../../users/user-paths.js';
import { type CommandContext, newCommand } from '../command.js';
import { keyringExits } from '../exit-codes.js';
import { warnWithoutRecovery } from '../key/open-keyring.js';
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
import { describeChanges, describeUserProblems, userFields } from './report.js';

interface UserAddFlags extends UserFlags {
  readonly json?: boolean;
  readonly allowOverlap?: boolean;
  /** Global option of `addsftpuser`; not an answer. */
  readonly root?: string;
}

/** Creates `addsftpuser` and `sftpgw user add`. */
export function userAddCommand(name: string, spelling: string, context: CommandContext): Command {
  const summary = [
    'Add an SFTP user, or change an existing one.',
    'At a terminal, asks for everything that the flags do not give. A key or a password is never an argument, because every process can read arguments: give a file, or "-" for stdin.',
  ].join('\n');
  const command = newCommand(
    name,
    summary,
    [
      `${spelling} bob`,
      `${spelling} bob --public-key-file id.pub --downloads --shared`,
      `${spelling} bob --sse 3 --generate-sse-key --create-ssh-key >bob.id`,
      `pass sftp/bob |\n  ${spelling} bob --sse 3 --sse-key-file - --public-key-file id.pub`,
    ],
    [...keyringExits, 'notFound', 'conflict', 'limit', 'cancelled'],
  );
  return command
    .argument('<user>', 'letters and digits with "_", "-" and "." inside, an e-mail address, or DOMAIN\\name')
    .option('--sse <1..4>', 'encryption of uploads: 1 SSE-S3 (default), 2 SSE-KMS, 3 SSE-C, 4 none')
    .option('--kms-key-arn <arn>', 'KMS key for --sse 2')
    .option('--sse-key-file <file>', 'AES-256 key for --sse 3: base64 or 32 raw bytes')
    .option(
      '--sse-key-id <id>',
      'key of the keyring for --sse 3: its id, at least 6 first digits of the id, or its label',
    )
    .option('--allow-example-key', 'accept a key that documentation prints, for a trial')
    .option('--generate-sse-key', 'generate a random key for --sse 3')
    .addOption(
      new Option('--public-key-file <file>', 'SSH public keys for login; repeatable').argParser(
        (path: string, before: readonly string[] = []) => [...before, path],
      ),
    )
    .option('--create-ssh-key', 'create an SSH key and print its private half on stdout; it is not kept')
    .option('--password-file <file>', 'password for login')
    .option(
      '--login-methods <sequences>',
      'methods that must succeed, such as publickey,keyboard-interactive; alternatives are separated by blanks',
    )
    .option('--bucket <name>', "bucket for this user's uploads")
    .option(
      '--prefix <prefix>',
      'prefix of uploads (default: USER/uploads/); "/" is the whole bucket of --bucket',
    )
    .option('--region <region>', 'region of --bucket, if it is not that of the gateway; "" removes it')
    .option('--endpoint <url>', 'S3 server of --bucket, if it is not that of the gateway; "" removes it')
    .option('--role-arn <arn>', 'role that the gateway assumes to access the bucket; "" removes it')
    .option('--role-external-id <id>', 'external id that the trust policy of the role asks for')
    .option('--acl <1..8>', 'canned ACL of uploads: 1 private ... 8 log-delivery-write')
    .option(
      '--rights <list>',
      'rights in /uploads: all, none, dropbox, or some of list,read,create,overwrite,rename,remove',
    )
    .option(
      '--exclusions <list>',
      'names that stay out of S3 until they are renamed: suffixes such as filepart, or patterns such as .in.*',
    )
    .option('--login-from <list>', 'addresses from which the user may log in; "" removes the limit')
    .option('--downloads', 'give the user a download directory')
    .option('--no-downloads', 'remove the download directory')
    .option('--shared', 'give the user the shared directory')
    .option('--no-shared', 'remove the shared directory')
    .option('--allow-overlap', 'accept a prefix that contains objects of others')
    .option('--json', 'print JSON')
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
    if (flags.allowOverlap !== true) {
      await refuseOverlap(registry, {
        username,
        change: draft.change,
        before,
        bucket: config.defaults().bucket,
        remedy: 'choose another one, or add --allow-overlap',
      });
    }
    await registry.save(username, draft.change);
    const after = await registry.describe(username);
    if (after === null) throw new Fault('conflict', `${username} was removed by another command: try again`);
    report(context, { root, before, after, draft, json: flags.json === true });
    if (after.uploadOption === 3) await warnWithoutRecovery(context.shell, config);
  });
}

interface Request {
  readonly username: Username;
  readonly flags: UserAddFlags;
  readonly before: UserSummary | null;
}

/** Collects and checks all answers from the flags and the terminal. Writes nothing. */
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
    allowsExample: flags.allowExampleKey === true,
  };
  const { json: _json, root: _root, allowOverlap: _allowOverlap, ...answers } = flags;
  const { allowExampleKey: _allowExampleKey, ...given } = answers;
  if (Object.keys(given).length === 0) {
    const asked = shell.withPrompter((prompter) => askAboutUser(shell, prompter, subject));
    if (asked !== null) return asked;
    if (before !== null) {
      throw new Fault(
        'invalid',
        `give the changes of ${username} as flags (see --help), or run it at a terminal`,
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
  // Stdout holds only the new private key, so that it can be redirected into a file.
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
    shell.err(`The SSH private key of ${after.username}, shown only once and not kept:`);
    shell.out(draft.createdSshKey.privateKey.trimEnd());
  }
}

/** Returns what the administrator should know or do next. */
function userNotes({ root, before, after, draft }: Outcome): readonly string[] {
  const notes = [...draft.notes, ...describeUserProblems(after)];
  const { homes, sharedDirectory: shared, removedDirectory: removed } = rootPaths(root);
  const keyFile = userPaths({ homes, shared, removed }, after.username).uploadKey;
  const replaced = before?.uploadKeyFingerprint ?? null;
  const current = after.uploadKeyFingerprint;
  if (draft.generatedSseKey) {
    notes.push(
      `A new SSE-C key, ${current}, is in the keyring and in ${keyFile}. S3 does not keep a copy: without this key the files are lost.`,
    );
    notes.push(`Back it up to another machine now: base64 < ${keyFile}`);
  }
  if (replaced !== null && replaced !== current) {
    notes.push(`Older files need the key before this one, ${replaced}, which stays in the keyring.`);
  }
  if (!after.canLogIn) {
    const hasNothing = after.publicKeys.length === 0 && !after.hasPassword;
    notes.push(
      hasNothing
        ? `${after.username} cannot log in yet: addsftpuser ${after.username} --public-key-file FILE`
        : `${after.username} cannot log in yet: the keys, password and TOTP do not fulfil the login methods ${after.loginMethods}`,
    );
  }
  return notes;
}
