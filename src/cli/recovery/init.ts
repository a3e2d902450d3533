import type { Command } from 'commander';
import { type AgeIdentity, newAgeIdentity, parseAgeIdentity, parseAgeRecipient } from '../../keyring/age.js';
import { Fault } from '../../model/fault.js';
import type { OpenRoot } from '../../operations/open-root.js';
import { saveSigner } from '../../recovery/signer-files.js';
import { type CommandContext, newCommand } from '../command.js';
import { askUntil, type Prompter } from '../terminal/prompter.js';
import { copyLine } from './copy.js';
import { identityFileText, readIdentity, writeNewSecretFile } from './identity-input.js';

interface InitFlags {
  readonly identityOut?: string;
  readonly confirmFile?: string;
  readonly recipient?: string;
  readonly another?: boolean;
}

/** `sftpgw recovery init`. */
export function recoveryInitCommand(context: CommandContext): Command {
  const summary = [
    'Make the recovery identity: kept off this machine, it opens every key when the machine is lost.',
    'At a terminal the identity is shown once and asked for again. From then on every key is sealed to it too, and keys,',
    'users and settings are copied to the default bucket. In a script this takes two steps: --identity-out, then, when',
    'the file is where it will be kept, --confirm-file with it. The identity itself stays nowhere here.',
  ].join('\n');
  const command = newCommand('init', summary, [
    'sftpgw recovery init',
    'sftpgw recovery init --identity-out recovery.txt',
    'ssh vault cat recovery.txt | sftpgw recovery init --confirm-file -',
    'sftpgw recovery init --recipient age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p',
  ]);
  return command
    .option(
      '--identity-out <file>',
      'write a new identity into a new file, mode 0600, and change nothing else',
    )
    .option('--confirm-file <file>', 'read the kept identity back from a file ("-" is stdin), and use it')
    .option(
      '--recipient <recipient>',
      'use an age identity that is kept elsewhere, by its recipient (age1...); snapshots are not signed for it',
    )
    .option('--another', 'add one to those that are there')
    .action(async (flags: InitFlags) => {
      const ways = [flags.identityOut, flags.confirmFile, flags.recipient].filter((way) => way !== undefined);
      if (ways.length > 1) {
        throw new Fault('invalid', 'say one of --identity-out, --confirm-file and --recipient');
      }
      await context.withRoot(context.rootOf(command), async (opened) => {
        await refuseSecond(opened, flags.another === true);
        await init(context, opened, flags);
      });
    });
}

async function init(
  { shell }: CommandContext,
  opened: OpenRoot,
  { identityOut, confirmFile, recipient }: InitFlags,
): Promise<void> {
  if (identityOut !== undefined) {
    const path = await writeNewSecretFile(shell, identityOut, identityFileText(await newAgeIdentity()));
    shell.out(`The recovery identity is in ${path}. Nothing uses it yet.`);
    shell.out(
      'Move it off this machine, then show that it was kept: sftpgw recovery init --confirm-file FILE',
    );
    return;
  }
  if (recipient !== undefined) {
    const parsed = await parseAgeRecipient(recipient);
    await use(shell.out, opened, parsed);
    shell.out('Snapshots are not signed for this recipient: `sftpgw recover` will want --accept-unsigned.');
    return;
  }
  if (confirmFile !== undefined) {
    const identity = await readIdentity(shell, confirmFile);
    await useIdentity(shell.out, opened, identity);
    if (confirmFile !== '-') shell.out(`If ${confirmFile} is on this machine, remove it now.`);
    return;
  }
  const asked = shell.withPrompter(showAndAsk);
  if (asked === null) {
    throw new Fault(
      'invalid',
      'run it at a terminal, or in two steps: --identity-out FILE, then --confirm-file FILE',
    );
  }
  await useIdentity(shell.out, opened, await asked);
}

async function refuseSecond({ keyring }: OpenRoot, isWanted: boolean): Promise<void> {
  const [first] = await keyring.recoveryRecipients();
  if (first === undefined || isWanted) return;
  throw new Fault(
    'exists',
    `there is a recovery identity already, with the recipient ${first}; say --another to add one. Taking one away: edit recovery-recipients.txt in the keyring`,
  );
}

/** Shows a new identity, and answers it once the person has given it back. */
async function showAndAsk(prompter: Prompter): Promise<AgeIdentity> {
  const identity = await newAgeIdentity();
  const lines = [
    'This is the recovery identity. It is shown this once and kept nowhere on this machine:',
    '',
    `  ${identity.secret}`,
    '',
    'Whoever has it opens every key of this gateway. Without it, and without this machine, all objects under these keys',
    'are lost. Write it down or put it into a password manager, best into two places that do not burn together;',
    '`sftpgw key split` cuts it into shares for several people.',
    '',
    'Then clear this window, with what can be scrolled back, and give the identity from where you have kept it.',
  ];
  for (const line of lines) prompter.print(line);
  await askUntil(prompter, 'Recovery identity: ', (answer) => checkSame(answer, identity), 'askSecret');
  return identity;
}

async function checkSame(answer: string, identity: AgeIdentity): Promise<void> {
  const given = await parseAgeIdentity(answer);
  if (given.secret !== identity.secret)
    throw new Fault('invalid', 'this is another identity than the one above');
}

async function useIdentity(
  print: (line: string) => void,
  opened: OpenRoot,
  { secret, recipient }: AgeIdentity,
): Promise<void> {
  // First: a snapshot that is made right after the recipient is there is signed already.
  await saveSigner(opened.settings.paths.root, secret);
  await use(print, opened, recipient);
}

async function use(print: (line: string) => void, opened: OpenRoot, recipient: string): Promise<void> {
  const { keyring, bucketCopy, call } = opened;
  await keyring.addRecoveryRecipient(recipient);
  print(`Recovery recipient: ${recipient}`);
  let copied: string;
  try {
    copied = copyLine(await bucketCopy.run(call));
  } catch (error) {
    const { hint } = Fault.from(error);
    copied = `Not copied to the bucket yet: ${hint}. The gateway tries again while it runs; \`sftpgw recovery copy\` does now.`;
  }
  const keys = (await keyring.list()).filter(({ state }) => state !== 'destroyed');
  const sealed = keys.filter(({ isRecoverable }) => isRecoverable).length;
  print(`${sealed} of ${keys.length} keys are sealed to every recovery recipient.`);
  print(copied);
}
