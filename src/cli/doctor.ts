import { type Command, Option } from 'commander';
import type { DoctorFinding } from '../operations/doctor.js';
import { type CommandContext, newCommand } from './command.js';
import { exitCodes, rootExits } from './exit-codes.js';
import { renderJson } from './terminal/render.js';

interface DoctorFlags {
  readonly user?: readonly string[];
  readonly sample?: boolean;
  readonly all?: boolean;
  readonly json?: boolean;
}

/** Creates `sftpgw doctor`. */
export function doctorCommand(context: CommandContext): Command {
  const summary = [
    'Check the whole setup and suggest fixes: S3, users, keys, files, this machine.',
    'For each user, writes a tiny object, reads it with the key, checks that S3 refuses it without the key and with another one, copies it and removes it. Prints each finding with its reason and its remedy. The exit code is 0 without errors and warnings.',
  ].join('\n');
  const command = newCommand(
    'doctor',
    summary,
    ['sftpgw doctor', 'sftpgw doctor --user bob', 'sftpgw doctor --all --json | jq .findings'],
    [...rootExits, 'findings'],
  );
  return command
    .option('--user <name...>', 'check only these users')
    .addOption(new Option('--sample', 'check a sample of the users and keys').conflicts(['all', 'user']))
    .addOption(new Option('--all', 'check every user, not a sample of more than 200').conflicts('user'))
    .option('--json', 'print JSON')
    .action(async (flags: DoctorFlags) => {
      const { shell, setExitCode } = context;
      const findings = await context.withRoot(context.rootOf(command), async (root) => {
        const { runDoctor } = await import('../operations/doctor.js');
        return await runDoctor(root, {
          users: flags.user ?? null,
          scope: flags.all === true ? 'all' : flags.sample === true ? 'sample' : 'auto',
          onCheck: (name) => {
            shell.terminal?.write(`\r\x1b[Kchecking ${name}`.slice(0, shell.terminal.columns + 3));
          },
        });
      });
      shell.terminal?.write('\r\x1b[K');
      if (flags.json === true) shell.out(renderJson({ findings }));
      else for (const line of linesOf(findings)) shell.out(line);
      if (findings.some(({ severity }) => severity !== 'notice')) setExitCode(exitCodes.findings);
    });
}

function linesOf(findings: readonly DoctorFinding[]): readonly string[] {
  if (findings.length === 0) return ['no problems found'];
  const printed = findings.flatMap(({ severity, subject, code, what, why, whatToDo }) => [
    `${severity}: ${subject}: ${what} [${code}]`,
    `  why: ${why}`,
    `  do:  ${whatToDo}`,
  ]);
  const count = (wanted: DoctorFinding['severity']) =>
    findings.filter(({ severity }) => severity === wanted).length;
  return [...printed, `${count('error')} errors, ${count('warning')} warnings, ${count('notice')} notices`];
}
