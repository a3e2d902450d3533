import { hostname } from 'node:os';
import { type Command, Option } from 'commander';
import { Fault } from '../../model/fault.js';
import { parseUsername, type Username, type UserRegistry, type UserSummary } from '../../model/users.js';
import { unknownUser } from '../../operations/users.js';
import { type CommandContext, newCommand } from '../command.js';
import { localExits } from '../exit-codes.js';
import type { Shell } from '../terminal/shell.js';

interface TotpFlags {
  readonly replace?: boolean;
  readonly verify?: boolean;
  readonly remove?: boolean;
}

const maxCodeBytes = 1024;

/** Creates `sftpgw user totp`. */
export function userTotpCommand(context: CommandContext): Command {
  const summary = [
    'Give a user a second factor (TOTP), check it or remove it.',
    'Prints an otpauth URI, which contains the secret: show it to the user alone, as text or as a QR code (`qrencode -t UTF8`). From then on the user must give a code with each password. To require a code with each key, set --login-methods publickey,keyboard-interactive.',
  ].join('\n');
  const command = newCommand(
    'totp',
    summary,
    [
      'sftpgw user totp bob',
      'sftpgw user totp bob | qrencode -t UTF8',
      'sftpgw user totp bob --verify',
      'sftpgw user totp bob --remove',
    ],
    [...localExits, 'notFound', 'exists', 'cancelled'],
  );
  const actions = ['replace', 'verify', 'remove'] as const;
  const option = (name: (typeof actions)[number], text: string) =>
    new Option(`--${name}`, text).conflicts(actions.filter((other) => other !== name));
  return command
    .argument('<user>', 'the user')
    .addOption(option('replace', 'replace the secret of a user who has one'))
    .addOption(option('verify', 'ask for a code and check it'))
    .addOption(option('remove', 'remove the second factor'))
    .action(async (text: string, flags: TotpFlags) => {
      const username = parseUsername(text);
      await context.withRootConfig(context.rootOf(command), async ({ registry }) => {
        const user = await registry.describe(username);
        if (user === null) throw unknownUser(username);
        if (flags.verify === true) await verify(context.shell, registry, username);
        else if (flags.remove === true) await remove(context.shell, registry, username);
        else await create(context.shell, registry, user, flags.replace === true);
      });
    });
}

async function create(
  { out, err }: Shell,
  registry: UserRegistry,
  user: UserSummary,
  replaces: boolean,
): Promise<void> {
  const { username, loginMethods } = user;
  if (user.hasTotp && !replaces) {
    throw new Fault('exists', `${username} has a second factor: add --replace to replace it`);
  }
  const uri = await registry.createTotp(username, hostname());
  if (uri === null) throw unknownUser(username);
  out(uri);
  err(`${username} must give a code with each password from now on`);
  if (loginMethods.split(' ').includes('publickey')) {
    err(
      `a public key alone is still enough: to require both, run \`addsftpuser ${username} --login-methods publickey,keyboard-interactive\``,
    );
  }
}

async function verify(shell: Shell, registry: UserRegistry, username: Username): Promise<void> {
  const asked = shell.withPrompter((prompter) => prompter.ask('Verification code: '));
  const code = asked === null ? (await shell.readInput(maxCodeBytes)).toString('utf8') : await asked;
  if (!(await registry.checkTotp(username, code.trim()))) {
    throw new Fault(
      'unauthenticated',
      'the code is wrong: compare the clocks of this machine and the device',
    );
  }
  shell.out('the code is right');
}

async function remove(shell: Shell, registry: UserRegistry, username: Username): Promise<void> {
  const had = await registry.removeTotp(username);
  if (had === null) throw unknownUser(username);
  shell.out(had ? `removed the second factor of ${username}` : `${username} has no second factor`);
}
