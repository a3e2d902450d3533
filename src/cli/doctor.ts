import type { Command } from 'commander';
import type { DoctorFinding } from '../operations/doctor.js';
import { type CommandContext, newCommand } from './command.js';
import { exitCodes } from './exit-codes.js';
import { renderJson } from './terminal/render.js';

interface DoctorFlags {
  readonly user?: readonly string[];
  readonly json?: boolean;
}

/** `sftpgw doctor`. */
export function doctorCommand(context: CommandContext): Command {
  const summary = [
    'Look for everything that is wrong: S3, every user, keys, files, this machine.',
    'For each user a tiny object is written, read with the key, refused without it and with another, copied, and removed. Each finding',
    'says what it is, why it matters and what to do. The code is 0 when there are no errors and warnings.',
  ].join('\n');
  const command = newCommand('doctor', summary, [
    'sftpgw doctor',
    'sftpgw doctor --user bob',
    'sftpgw doctor --json | jq .findings',
  ]);
  return command
    .option('--user <name...>', 'only the whole way of these users')
    .option('--json', 'as JSON')
    .action(async (flags: DoctorFlags) => {
      const { shell, setExitCode } = context;
      const findings = await context.withRoot(context.rootOf(command), async (root) => {
        const { runDoctor } = await import('../operations/doctor.js');
        return await runDoctor(root, {
          users: flags.user ?? null,
          onCheck: (name) => {
            shell.terminal?.write(`\r\x1b[Klooking at ${name}`.slice(0, shell.terminal.columns + 3));
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
  if (findings.length === 0) return ['all is well'];
  const told = findings.flatMap(({ severity, subject, code, what, why, whatToDo }) => [
    `${severity}: ${subject}: ${what} [${code}]`,
    `  why: ${why}`,
    `  do:  ${whatToDo}`,
  ]);
  const count = (wanted: DoctorFinding['severity']) =>
    findings.filter(({ severity }) => severity === wanted).length;
  return [...told, `${count('error')} errors, ${count('warning')} warnings, ${count('notice')} notices`];
}
