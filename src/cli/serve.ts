import { type Command, Option } from 'commander';
import type { LogLevel } from '../assembly/logger.js';
import { Fault } from '../model/fault.js';
import { type CommandContext, newCommand } from './command.js';
import { parseListenAddress } from './terminal/answers.js';

interface ServeFlags {
  readonly embedded?: boolean;
  readonly demo?: boolean;
  readonly sftpListen?: string;
  readonly s3Listen?: string;
  /** commander has checked it. */
  readonly logLevel?: LogLevel;
}

/** `sftpgw serve`. */
export function serveCommand(context: CommandContext): Command {
  const summary = [
    'Run the gateway until SIGTERM or SIGINT.',
    'Uploads under way then get a bounded time to finish. A line with the word "ready" is printed when the ports listen. Logs go to stderr, one JSON object a line.',
  ].join('\n');
  const command = newCommand('serve', summary, [
    'sftpgw serve',
    'sftpgw serve --embedded --demo',
    'sftpgw serve --embedded --sftp-listen 0.0.0.0:2222 --s3-listen 127.0.0.1:9000',
  ]);
  return command
    .option('--embedded', 'run the embedded S3 server too, for a machine without AWS')
    .option('--demo', 'with --embedded: make a demo user at the first start, and print commands to try')
    .option('--sftp-listen <host:port>', 'where SFTP listens; over the setting sftp.listen')
    .option('--s3-listen <host:port>', 'with --embedded: where S3 listens')
    .addOption(
      new Option('--log-level <level>', 'over the setting log.level').choices([
        'debug',
        'info',
        'warn',
        'error',
      ]),
    )
    .action(async (flags: ServeFlags) => {
      const embedded = flags.embedded === true;
      if (!embedded && flags.demo === true) throw new Fault('invalid', '--demo needs --embedded');
      if (!embedded && flags.s3Listen !== undefined)
        throw new Fault('invalid', '--s3-listen needs --embedded');
      const { sftpListen, s3Listen, logLevel } = flags;
      const addresses = {
        ...(sftpListen === undefined ? {} : { sftpListen: parseListenAddress(sftpListen) }),
        ...(s3Listen === undefined ? {} : { s3Listen: parseListenAddress(s3Listen) }),
      };
      const { runGateway } = await import('../daemon/run.js');
      const code = await runGateway({
        root: context.rootOf(command),
        embedded,
        demo: flags.demo === true,
        ...addresses,
        ...(logLevel === undefined ? {} : { logLevel }),
        output: context.shell.out,
      });
      context.setExitCode(code);
    });
}
