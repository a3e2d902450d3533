import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import type { Command } from 'commander';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runProgram } from './command.js';
import { exitCodes } from './exit-codes.js';
import { sftpgwProgram } from './program.js';
import { type FakeShellOptions, fakeShell, ScriptedPrompter } from './terminal/testing/fake-shell.js';

/*
 * Generated from the table of commands, so that a new command is refused its mistakes too. No refused command
 * changes users, keys or settings.
 */

let base: string;
let root: string;
let keyId: string;
let before: Readonly<Record<string, string>>;

interface Ran {
  readonly code: number;
  readonly err: string;
}

async function sftpgw(
  args: readonly string[],
  options: FakeShellOptions = {},
): Promise<Ran & { readonly out: string }> {
  const shell = fakeShell({ workingDirectory: base, ...options });
  const code = await runProgram(sftpgwProgram, [...args, '--root', root], shell);
  return { code, out: shell.outLines.join('\n'), err: shell.errLines.join('\n') };
}

beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), 'sftpgw-refusals-'));
  root = join(base, 'root');
  mkdirSync(root);
  const added = await sftpgw(['user', 'add', 'bob', '--create-ssh-key', '--sse', '1', '--bucket', 'bucket']);
  expect(added.code, added.err).toBe(exitCodes.success);
  const generated = await sftpgw(['key', 'generate', '--label', 'first', '--json']);
  keyId = JSON.parse(generated.out).id;
});
afterAll(() => rmSync(base, { recursive: true, force: true }));
beforeEach(() => {
  before = state();
});

/** Returns the content of all files below the root but those of the gateway's own state. */
function state(): Readonly<Record<string, string>> {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).sort();
  return Object.fromEntries(
    files
      .filter((name) => !name.startsWith('var/lib/sftpgw/') || name.endsWith('keyring-identity'))
      .map((name) => join(root, name))
      .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true)
      .map((path) => [relative(root, path), readFileSync(path, 'base64')]),
  );
}

async function refused(args: readonly string[], options: FakeShellOptions = {}): Promise<Ran> {
  const ran = await sftpgw(args, options);
  expect(ran.code, `${args.join(' ')}\n${ran.out}`).not.toBe(exitCodes.success);
  expect(ran.err, args.join(' ')).not.toBe('');
  expect(state(), args.join(' ')).toEqual(before);
  return ran;
}

/** Returns all commands that do something, with the words that name them. */
function commandsOf(
  command: Command,
  path: readonly string[] = [],
): readonly (readonly [readonly string[], Command])[] {
  if (command.commands.length === 0) return [[path, command]];
  return command.commands.flatMap((below) => commandsOf(below, [...path, below.name()]));
}

async function tableOfCommands(): Promise<ReturnType<typeof commandsOf>> {
  const built: Command[] = [];
  await runProgram(
    (context) => {
      const program = sftpgwProgram(context);
      built.push(program);
      return program;
    },
    ['--help'],
    fakeShell(),
  );
  return built.flatMap((program) => commandsOf(program));
}

const commands = (await tableOfCommands()).map(([path, command]) => [path.join(' '), path, command] as const);
const requiredArguments = (command: Command) =>
  command.registeredArguments.filter(({ required }) => required);
/** Arguments in place of those that a command needs. They name nothing that exists. */
const fillers: Readonly<Record<string, string>> = {
  user: 'nobody',
  key: 'no-such-key',
  address: '192.0.2.1',
  url: 's3://bucket/key',
  file: 'no-such-file',
  from: 's3://bucket/from',
  to: 's3://bucket/to',
  time: '2027-01-31',
};
const filled = (command: Command) =>
  requiredArguments(command).map((argument) => fillers[argument.name()] ?? 'x');
const mandatory = (command: Command) =>
  command.options.filter((option) => option.mandatory).flatMap(({ long }) => [long ?? '', '2']);
const accepts = (command: Command, long: string) => command.options.some((option) => option.long === long);

describe('every command refuses', () => {
  it.each(commands)('an unknown option: %s', async (_, path, command) => {
    const { code } = await refused([...path, ...filled(command), ...mandatory(command), '--no-such-option']);
    expect(code).toBe(exitCodes.usage);
  });

  it.each(commands.filter(([, , command]) => !command.registeredArguments.some(({ variadic }) => variadic)))(
    'an argument too many: %s',
    async (_, path, command) => {
      const all = command.registeredArguments.map((argument) => fillers[argument.name()] ?? 'x');
      const { code } = await refused([...path, ...all, ...mandatory(command), 'one-more']);
      expect(code).toBe(exitCodes.usage);
    },
  );

  it.each(commands.filter(([, , command]) => requiredArguments(command).length > 0))(
    'a missing argument: %s',
    async (_, path, command) => {
      const { code } = await refused([...path, ...filled(command).slice(1), ...mandatory(command)]);
      expect(code).toBe(exitCodes.usage);
    },
  );

  it.each(commands.filter(([, , command]) => mandatory(command).length > 0))(
    'a missing option that it needs: %s',
    async (_, path, command) => {
      const { code, err } = await refused([...path, ...filled(command)]);
      expect(code).toBe(exitCodes.usage);
      expect(err).toContain('required option');
    },
  );
});

/** Returns the commands whose first argument has this name. */
const taking = (name: string) =>
  commands.filter(([, , command]) => command.registeredArguments[0]?.name() === name);

describe('a name that does not exist is refused', () => {
  // One creates the user, and the other explains why a name cannot log in.
  const unknownUsers = taking('user').filter(([name]) => !['user add', 'user why'].includes(name));

  it.each(unknownUsers)('as a user: %s', async (_, path, command) => {
    const { code } = await refused([...path, 'nobody', ...filled(command).slice(1)]);
    expect(code).toBe(exitCodes.notFound);
  });

  it.each(taking('user'))('as an impossible user: %s', async (_, path, command) => {
    const { code, err } = await refused([...path, '../etc', ...filled(command).slice(1)]);
    expect(code).toBe(exitCodes.usage);
    expect(err).not.toContain('missing required argument');
  });

  it.each(taking('key'))('as a key: %s', async (_, path) => {
    const owner = path.at(-1) === 'use' ? ['--user', 'bob'] : [];
    expect((await refused([...path, 'no-such-key', ...owner])).code).toBe(exitCodes.notFound);
  });

  it.each(commands.filter(([, , command]) => accepts(command, '--user')))(
    'in --user: %s',
    async (_, path, command) => {
      const names = filled(command).map((name) => (name === 'no-such-key' ? keyId : name));
      await refused([...path, ...names, '--user', 'nobody'], { input: randomBytes(32) });
      await refused([...path, ...names, '--user', '../etc'], { input: randomBytes(32) });
    },
  );

  it.each(taking('url'))('as a URL of S3: %s', async (_, path) => {
    for (const url of ['no-url', 'http://bucket/key', 's3://']) await refused([...path, url]);
  });

  it.each(taking('address'))('as an address: %s', (_, path) =>
    refused([...path, 'no-address']).then(() => undefined),
  );
});

/** How each command that asks for confirmation is called on the prepared root. */
const confirmed: Readonly<Record<string, () => readonly string[]>> = {
  'user remove': () => ['bob'],
  'key destroy': () => [keyId],
  'object rm': () => ['--recursive', 's3://bucket/prefix/'],
};

describe('a command that asks for confirmation', () => {
  const asking = commands.filter(([, , command]) => accepts(command, '--yes'));

  it('is in the table of this test', () => {
    expect(asking.map(([name]) => name).sort()).toEqual(Object.keys(confirmed).sort());
  });

  it.each(asking)('changes nothing without a terminal and without --yes: %s', async (name, path) => {
    const { code, err } = await refused([...path, ...(confirmed[name]?.() ?? [])]);
    expect(code).toBe(exitCodes.usage);
    expect(err).toContain('add --yes');
  });

  it.each(asking)('changes nothing if the answer is no: %s', async (name, path) => {
    for (const answer of ['n', 'no', '']) {
      const prompter = new ScriptedPrompter([[/\?/, answer]]);
      const { code } = await sftpgw([...path, ...(confirmed[name]?.() ?? [])], { prompter });
      expect(code).toBe(exitCodes.success);
      expect(prompter.unasked).toBe(0);
      expect(state()).toEqual(before);
    }
  });
});

describe('a wrong state is refused', () => {
  it('a key that is in use is neither retired nor destroyed', async () => {
    const used = await sftpgw(['key', 'use', keyId, '--user', 'bob']);
    expect(used.code, used.err).toBe(exitCodes.success);
    before = state();
    for (const command of ['retire', 'destroy']) {
      const { code } = await refused(['key', command, keyId, ...(command === 'destroy' ? ['--yes'] : [])]);
      expect(code).toBe(exitCodes.conflict);
    }
  });

  it('a session of sshd is refused without a running gateway', async () => {
    await refused(['stdio']);
  });

  it('an import of something that is not a key is refused, and not repeated', async () => {
    for (const input of ['', 'not a key', Buffer.alloc(31, 1), Buffer.alloc(33, 1).toString('base64')]) {
      const { code, err } = await refused(['key', 'import'], { input });
      expect(code).toBe(exitCodes.usage);
      if (input.length > 0) expect(err).not.toContain(String(input));
    }
  });
});
