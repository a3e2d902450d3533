import { type Command, Option } from 'commander';
import type { LogLevel } from '../assembly/logger.js';
import { Fault } from '../model/fault.js';
import { type CommandContext, newCommand } from './command.js';
import { localExits } from './exit-codes.js';
import { parseListenAddress } from './terminal/answers.js';

interface ServeFlags {
  readonly embedded?: boolean;
  readonly demo?: boolean;
  readonly sftpListen?: string;
  readonly s3Listen?: string;
  /** Checked by commander. */
  readonly logLevel?: LogLevel;
}

/** Creates `sftpgw serve`. */
export function serveCommand(context: CommandContext): Command {
  const summary = [
    'Run the gateway until SIGTERM or SIGINT.',
    'Prints a line with the word "ready" when the ports listen. Logs to stderr, one JSON object per line. After the signal, uploads have a limited time to finish (drain.timeout).',
  ].join('\n');
  const command = newCommand(
    'serve',
    summary,
    ['sftpgw serve', 'sftpgw serve --embedded --demo', 'sftpgw serve --embedded --sftp-listen 0.0.0.0:2222'],
    [...localExits, 'conflict', 'corrupt', 'unsupported'],
  );
  return command
    .option('--embedded', 'also run the embedded S3 server, to work without AWS')
    .option('--demo', 'with --embedded: create a demo user at the first start, and print commands to try')
    .option('--sftp-listen <host:port>', 'SFTP address; overrides sftp.listen')
    .option('--s3-listen <host:port>', 'with --embedded: S3 address; overrides s3.listen')
    .addOption(
      new Option('--log-level <level>', 'log level; overrides log.level').choices([
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
      const root = context.rootOf(command);
      const options = {
        ...{ root, embedded, ...addresses, output: context.shell.out },
        ...(logLevel === undefined ? {} : { logLevel }),
      };
      const { processesOf } = await import('../daemon/workers/processes.js');
      const isOne = flags.demo === true || (await processesOf(root, embedded)) === 1;
      const code = isOne
        ? await (await import('../daemon/run.js')).runGateway({ ...options, demo: flags.demo === true })
        : await (await import('../daemon/workers/run-workers.js')).runWorkers(options);
      context.setExitCode(code);
    });
}
