import type { Command } from 'commander';
import { packageVersion } from '../assembly/package.js';
import { adminCommand } from './admin/admin.js';
import { auditCommand } from './audit/audit.js';
import { banCommand } from './ban/ban.js';
import { clusterCommand } from './cluster/cluster.js';
import { type CommandContext, newCommand } from './command.js';
import { consoleCommand } from './console.js';
import { databaseCommand } from './database/database.js';
import { doctorCommand } from './doctor.js';
import { envCommand } from './env.js';
import { groupExits } from './exit-codes.js';
import { keyCommand } from './key/key.js';
import { ledgerCommand } from './ledger/ledger.js';
import { mirrorCommand } from './mirror/mirror.js';
import { objectCommand } from './object/object.js';
import { recoveryCopyCommand } from './recovery/copy.js';
import { recoveryInitCommand } from './recovery/init.js';
import { recoverCommand } from './recovery/recover.js';
import { recoveryStatusCommand } from './recovery/status.js';
import { s3Command } from './s3.js';
import { serveCommand } from './serve.js';
import { sessionsCommand } from './sessions/sessions.js';
import { setupCommand } from './setup/setup.js';
import { stdioCommand } from './stdio.js';
import { userDisableCommand, userEnableCommand, userExpireCommand } from './user/access.js';
import { userAddCommand } from './user/add.js';
import { userListCommand } from './user/list.js';
import { userRemoveCommand } from './user/remove.js';
import { userSheetCommand } from './user/sheet.js';
import { userShowCommand } from './user/show.js';
import { userTotpCommand } from './user/totp.js';
import { userWhyCommand } from './user/why.js';
import { versionCommand } from './version.js';
import { webhookCommand } from './webhook/webhook.js';

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
  user.addCommand(userDisableCommand(context));
  user.addCommand(userEnableCommand(context));
  user.addCommand(userExpireCommand(context));
  user.addCommand(userWhyCommand(context));
  user.addCommand(userSheetCommand(context));

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
    .addCommand(sessionsCommand(context))
    .addCommand(auditCommand(context))
    .addCommand(webhookCommand(context))
    .addCommand(doctorCommand(context))
    .addCommand(objectCommand(context))
    .addCommand(mirrorCommand(context))
    .addCommand(ledgerCommand(context))
    .addCommand(databaseCommand(context))
    .addCommand(clusterCommand(context))
    .addCommand(adminCommand(context))
    .addCommand(consoleCommand(context))
    .addCommand(s3Command(context))
    .addCommand(stdioCommand(context))
    .addCommand(versionCommand(context));
}
