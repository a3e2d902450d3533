import type { Command } from 'commander';
import { type CommandContext, newCommand } from './command.js';
import { localExits } from './exit-codes.js';
import { parseListenAddress } from './terminal/answers.js';

/** Creates `sftpgw s3`. */
export function s3Command(context: CommandContext): Command {
  const command = newCommand(
    's3',
    'Run only the embedded S3 server, until SIGTERM or SIGINT.',
    [
      'sftpgw s3',
      'sftpgw s3 --s3-listen 127.0.0.1:9000',
      'eval "$(sftpgw env)"; aws s3 ls "s3://$SFTPGW_BUCKET"',
    ],
    [...localExits, 'conflict'],
  );
  return command
    .option('--s3-listen <host:port>', 'address to listen on')
    .action(async ({ s3Listen }: { s3Listen?: string }) => {
      const address = s3Listen === undefined ? {} : { s3Listen: parseListenAddress(s3Listen) };
      const { runEmbeddedS3 } = await import('../daemon/run.js');
      const root = context.rootOf(command);
      context.setExitCode(await runEmbeddedS3({ root, ...address, output: context.shell.out }));
    });
}
