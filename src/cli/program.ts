import type { Command } from 'commander';
import { banCommand } from './ban/ban.js';
import { type CommandContext, newCommand } from './command.js';
import { doctorCommand } from './doctor.js';
import { envCommand } from './env.js';
import { groupExits } from './exit-codes.js';
import { keyCommand } from './key/key.js';
import { ledgerCommand } from './ledger/ledger.js';
import { mirrorCommand } from './mirror/mirror.js';
import { objectCommand } from './object/object.js';
import { packageVersion } from './package.js';
import { recoveryCopyCommand } from './recovery/copy.js';
import { recoveryInitCommand } from './recovery/init.js';
import { recoverCommand } from './recovery/recover.js';
import { recoveryStatusCommand } from './recovery/status.js';
import { s3Command } from './s3.js';
import { serveCommand } from './serve.js';
import { setupCommand } from './setup/setup.js';
import { stdioCommand } from './stdio.js';
import { userAddCommand } from './user/add.js';
import { userListCommand } from './user/list.js';
import { userRemoveCommand } from './user/remove.js';
import { userShowCommand } from './user/show.js';
import { userTotpCommand } from './user/totp.js';
import { versionCommand } from './version.js';

/** Creates `sftpgw` with all its commands. */
export function sftpgwProgram(context: CommandContext): Command {
  const user = newCommand(
    'user',
    'Add, change, show and remove SFTP users.',
    ['sftpgw user add bob --sse 3 --generate-sse-key --public-key-file id.pub', 'sftpgw user list'],
    groupExits,
  );
  user.addCommand(userAddCommand('add', 'sftpgw user add', context));
  user.addCommand(userRemoveCommand('remove', 'sftpgw user remove', context));
  user.addCommand(userListCommand(context));
  user.addCommand(userShowCommand(context));
  user.addCommand(userTotpCommand(context));

  const recovery = newCommand(
    'recovery',
    'Prepare for the loss of this machine: identity, copy, status.',
    ['sftpgw recovery init', 'sftpgw recovery status'],
    groupExits,
  );
  recovery.addCommand(recoveryInitCommand(context));
  recovery.addCommand(recoveryStatusCommand(context));
  recovery.addCommand(recoveryCopyCommand(context));

  return newCommand(
    'sftpgw',
    'Run and manage an SFTP gateway to Amazon S3 with your own keys (SSE-C).',
    [
      'sftpgw serve --embedded --demo',
      'sftpgw setup --bucket my-bucket --region eu-central-1',
      'addsftpuser bob',
    ],
    groupExits,
  )
    .version(packageVersion(), '-V, --version')
    .addCommand(serveCommand(context))
    .addCommand(setupCommand('setup', 'sftpgw setup', context))
    .addCommand(envCommand(context))
    .addCommand(user)
    .addCommand(keyCommand(context))
    .addCommand(recovery)
    .addCommand(recoverCommand(context))
    .addCommand(banCommand(context))
    .addCommand(doctorCommand(context))
    .addCommand(objectCommand(context))
    .addCommand(mirrorCommand(context))
    .addCommand(ledgerCommand(context))
    .addCommand(s3Command(context))
    .addCommand(stdioCommand(context))
    .addCommand(versionCommand(context));
}
