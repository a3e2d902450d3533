import type { Command } from 'commander';
import { type AgeIdentity, newAgeIdentity, parseAgeIdentity, parseAgeRecipient } from '../../keyring/age.js';
import { Fault } from '../../model/fault.js';
import type { OpenRoot } from '../../operations/open-root.js';
import { saveSigner } from '../../recovery/signer-files.js';
import { type CommandContext, newCommand } from '../command.js';
import { rootExits } from '../exit-codes.js';
import { askUntil, type Prompter } from '../terminal/prompter.js';
import { copyLine } from './copy.js';
import { identityFileText, readIdentity, writeNewSecretFile } from './identity-input.js';

interface InitFlags {
  readonly identityOut?: string;
  readonly confirmFile?: string;
  readonly recipient?: string;
  readonly another?: boolean;
}

/** Creates `sftpgw recovery init`. */
export function recoveryInitCommand(context: CommandContext): Command {
  const summary = [
    'Create the recovery identity, which opens every key if this machine is lost.',
    'At a terminal, shows the identity once and asks for it again. From then on every key is also sealed to it, and keys, users and settings are copied to the default bucket. A script takes two steps: --identity-out, then --confirm-file when the file is stored elsewhere. The identity is not kept on this machine.',
  ].join('\n');
  const command = newCommand(
    'init',
    summary,
    [
      'sftpgw recovery init',
      'sftpgw recovery init --identity-out recovery.txt',
      'ssh vault cat recovery.txt | sftpgw recovery init --confirm-file -',
      'sftpgw recovery init --recipient \\\n  age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p',
    ],
    [...rootExits, 'exists', 'conflict', 'key', 'limit'],
  );
  return command
    .option('--identity-out <file>', 'write a new identity into a new file, mode 0600; change nothing else')
    .option('--confirm-file <file>', 'use the stored identity; "-" is stdin')
    .option(
      '--recipient <recipient>',
      'use an age identity that is stored elsewhere, by its recipient (age1...); snapshots are then not signed',
    )
    .option('--another', 'add an identity to the existing ones')
    .action(async (flags: InitFlags) => {
      const ways = [flags.identityOut, flags.confirmFile, flags.recipient].filter((way) => way !== undefined);
      if (ways.length > 1) {
        throw new Fault('invalid', 'give only one of --identity-out, --confirm-file and --recipient');
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
    shell.out('Store it on another machine, then confirm it: sftpgw recovery init --confirm-file FILE');
    return;
  }
  if (recipient !== undefined) {
    const parsed = await parseAgeRecipient(recipient);
    await use(shell.out, opened, parsed);
    shell.out('Snapshots are not signed for this recipient: `sftpgw recover` will need --accept-unsigned.');
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
      'cannot show the identity without a terminal: run --identity-out FILE, then --confirm-file FILE',
    );
  }
  await useIdentity(shell.out, opened, await asked);
}

async function refuseSecond({ keyring }: OpenRoot, isWanted: boolean): Promise<void> {
  const [first] = await keyring.recoveryRecipients();
  if (first === undefined || isWanted) return;
  throw new Fault(
    'exists',
    `there is already a recovery identity, with the recipient ${first}: add another with --another, or remove one from recovery-recipients.txt in the keyring`,
  );
}

/** Shows a new identity and returns it when it has been entered again. */
async function showAndAsk(prompter: Prompter): Promise<AgeIdentity> {
  const identity = await newAgeIdentity();
  const lines = [
    'This is the recovery identity. It is shown only once and not kept on this machine:',
    '',
    `  ${identity.secret}`,
    '',
    'It opens every key of this gateway. Without it and without this machine, all objects that',
    'are encrypted with these keys are lost. Write it down or store it in a password manager, best in',
    'two separate locations. `sftpgw key split` splits it into shares for several people.',
    '',
    'Then clear this window and its scrollback, and enter the identity from where you stored it.',
  ];
  for (const line of lines) prompter.print(line);
  await askUntil(prompter, 'Recovery identity: ', (answer) => checkSame(answer, identity), 'askSecret');
  return identity;
}

async function checkSame(answer: string, identity: AgeIdentity): Promise<void> {
  const given = await parseAgeIdentity(answer);
  if (given.secret !== identity.secret) throw new Fault('invalid', 'this is not the identity above');
}

async function useIdentity(
  print: (line: string) => void,
  opened: OpenRoot,
  { secret, recipient }: AgeIdentity,
): Promise<void> {
  // The signer comes first, so that the first snapshot for the recipient is already signed.
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
    copied = `Not copied to the bucket yet: ${hint}. A running gateway retries; \`sftpgw recovery copy\` copies now.`;
  }
  const keys = (await keyring.list()).filter(({ state }) => state !== 'destroyed');
  const sealed = keys.filter(({ isRecoverable }) => isRecoverable).length;
  print(`${sealed} of ${keys.length} keys are sealed to every recovery recipient.`);
  print(copied);
}
