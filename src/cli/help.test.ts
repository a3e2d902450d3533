import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { helpColumns, runProgram } from './command.js';
import { exitCodeHelp } from './exit-codes.js';
import { sftpgwProgram } from './program.js';
import { setupCommand } from './setup/setup.js';
import { fakeShell } from './terminal/testing/fake-shell.js';
import { userAddCommand } from './user/add.js';
import { userRemoveCommand } from './user/remove.js';

type Build = Parameters<typeof runProgram>[0];

/** Returns the arguments that name each command below `command`, and the command itself. */
function namesIn(command: Command, path: readonly string[] = []): readonly (readonly string[])[] {
  return [path, ...command.commands.flatMap((below) => namesIn(below, [...path, below.name()]))];
}

/** Returns the help of every command of a program. */
async function helpsOf(build: Build): Promise<ReadonlyMap<string, string>> {
  const programs: Command[] = [];
  const keep: Build = (context) => {
    const program = build(context);
    programs.push(program);
    return program;
  };
  await runProgram(keep, ['--help'], fakeShell());
  const [program] = programs;
  if (program === undefined) throw new Error('the program was not built');
  const helps = new Map<string, string>();
  for (const path of namesIn(program)) {
    const shell = fakeShell();
    await runProgram(build, [...path, '--help'], shell);
    helps.set([program.name(), ...path].join(' '), shell.outLines.join('\n'));
  }
  return helps;
}

const builds: readonly (readonly [name: string, build: Build])[] = [
  ['sftpgw', sftpgwProgram],
  ['addsftpuser', (context) => userAddCommand('addsftpuser', 'addsftpuser', context)],
  ['deletesftpuser', (context) => userRemoveCommand('deletesftpuser', 'deletesftpuser', context)],
  ['sftpgatewaysetup', (context) => setupCommand('sftpgatewaysetup', 'sftpgatewaysetup', context)],
];

describe.each(builds)('the help of %s', (_name, build) => {
  it('fits into 80 columns', async () => {
    for (const [name, help] of await helpsOf(build)) {
      for (const line of help.split('\n'))
        expect(line.length, `${name}: ${line}`).toBeLessThanOrEqual(helpColumns);
    }
  });

  it('has an example and an imperative summary for every command', async () => {
    for (const [name, help] of await helpsOf(build)) {
      expect(help, name).toMatch(/\nExamples:\n {2}\S/);
      const [, summary = ''] = /^Usage: .*\n\n(\w+)/.exec(help.replace(/^(Usage: .*)\n {2,}.*/m, '$1')) ?? [];
      expect(summary, name).toMatch(/^[A-Z][a-z]+$/);
      expect(summary, name).not.toMatch(/^(An?|The)$|s$/);
    }
  });

  it('lists success and the exit codes of the command only', async () => {
    const all = exitCodeHelp().split('\n');
    for (const [name, help] of await helpsOf(build)) {
      const listed = help.slice(help.indexOf('Exit codes:')).trimEnd().split('\n');
      expect(listed[1], name).toBe(all[1]);
      expect(all, name).toEqual(expect.arrayContaining(listed));
      expect(listed.length, name).toBeLessThan(all.length);
    }
  });

  it('describes --json and --user in one way', async () => {
    for (const [name, help] of await helpsOf(build)) {
      for (const [, text] of help.matchAll(/^ +--json +(.*)$/gm)) expect(text, name).toBe('print JSON');
      for (const [, value] of help.matchAll(/--user <(.*?)>/g))
        expect(value, name).toMatch(/^name(\.\.\.)?$/);
    }
  });
});

it('does not advertise flags that are only refused', async () => {
  const help = (await helpsOf(sftpgwProgram)).get('sftpgw key rotate');
  expect(help).toContain('--user <name>');
  expect(help).not.toMatch(/--shared|--downloads/);
});
