import { describe, expect, it } from 'vitest';
import { Fault } from '../model/fault.js';
import type { RootConfig } from '../operations/root-config.js';
import { runProgram } from './command.js';
import { quoteForShell } from './env.js';
import { sftpgwProgram } from './program.js';
import { setupCommand } from './setup/setup.js';
import {
  type FakeShell,
  type FakeShellOptions,
  fakeShell,
  ScriptedPrompter,
} from './terminal/testing/fake-shell.js';
import { userAddCommand } from './user/add.js';
import { userRemoveCommand } from './user/remove.js';

type ConfigPart = Partial<RootConfig>;

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** The opened root; null if none was opened. */
  readonly root: string | null;
  readonly closed: boolean;
}

/** Runs `sftpgw` in this process with a root config that has only the given parts. */
async function sftpgw(
  args: readonly string[],
  parts: ConfigPart = {},
  options: FakeShellOptions = {},
): Promise<Ran> {
  return runWith(sftpgwProgram, args, parts, fakeShell(options));
}

async function runWith(
  program: Parameters<typeof runProgram>[0],
  args: readonly string[],
  parts: ConfigPart,
  shell: FakeShell,
): Promise<Ran> {
  let root: string | null = null;
  let closed = false;
  const code = await runProgram(program, args, shell, async (opened) => {
    root = opened;
    const close = async () => {
      closed = true;
    };
    return { close, ...parts } as RootConfig;
  });
  return { code, out: shell.outLines.join('\n'), err: shell.errLines.join('\n'), root, closed };
}

const embedded = {
  AWS_ENDPOINT_URL: 'http://127.0.0.1:9000',
  AWS_ACCESS_KEY_ID: 'AK',
  AWS_SECRET_ACCESS_KEY: "it's $HOME",
  AWS_DEFAULT_REGION: 'us-east-1',
  SFTPGW_BUCKET: 'sftpgw',
};
const nothing = {
  AWS_ENDPOINT_URL: null,
  AWS_ACCESS_KEY_ID: null,
  AWS_SECRET_ACCESS_KEY: null,
  AWS_DEFAULT_REGION: null,
  SFTPGW_BUCKET: null,
};

describe('the root', () => {
  const parts: ConfigPart = { environment: async () => embedded };

  it.each([[['--root', '/data', 'env']], [['env', '--root', '/data']], [['env', '--root=/data', '--json']]])(
    'is accepted anywhere: %j',
    async (args) => {
      expect(await sftpgw(args, parts)).toMatchObject({ code: 0, root: '/data', closed: true });
    },
  );

  it('defaults to SFTPGW_ROOT', async () => {
    const options = { environment: { SFTPGW_ROOT: 'here' }, workingDirectory: '/work' };
    expect((await sftpgw(['env'], parts, options)).root).toBe('/work/here');
    expect((await sftpgw(['env', '--root', '/data'], parts, options)).root).toBe('/data');
  });
});

describe('env', () => {
  it('prints exports that a shell reads back unchanged', async () => {
    const { out, code } = await sftpgw(['env', '--root', '/r'], { environment: async () => embedded });
    expect(code).toBe(0);
    expect(out.split('\n')).toEqual([
      "export AWS_ENDPOINT_URL='http://127.0.0.1:9000'",
      "export AWS_ACCESS_KEY_ID='AK'",
      String.raw`export AWS_SECRET_ACCESS_KEY='it'\''s $HOME'`,
      "export AWS_DEFAULT_REGION='us-east-1'",
      "export SFTPGW_BUCKET='sftpgw'",
    ]);
    expect(quoteForShell("''")).toBe(String.raw`''\'''\'''`);
  });

  it('leaves out unset values, and prints JSON with --json', async () => {
    const environment = async () => ({ ...nothing, SFTPGW_BUCKET: 'mine', AWS_DEFAULT_REGION: 'eu-west-1' });
    const { out } = await sftpgw(['env', '--json', '--root', '/r'], { environment });
    expect(JSON.parse(out)).toEqual({ AWS_DEFAULT_REGION: 'eu-west-1', SFTPGW_BUCKET: 'mine' });
  });

  it('suggests commands if nothing is configured', async () => {
    const ran = await sftpgw(['env', '--root', '/r'], { environment: async () => nothing });
    expect(ran).toMatchObject({ code: 3, out: '', closed: true });
    expect(ran.err).toMatch(/^sftpgw: .*below \/r.*serve --embedded/);
  });
});

describe('trouble', () => {
  it.each([
    [['nonsense'], /unknown command 'nonsense'/],
    [['env', '--colour'], /unknown option '--colour'/],
    [['user', 'show'], /missing required argument 'user'/],
    [['user', 'add', '../etc', '--sse', '1'], /user name/],
    [['serve', '--sftp-listen', '22', '--root', '/r'], /host:port/],
    [['serve', '--demo', '--root', '/r'], /--demo needs --embedded/],
    [['serve', '--s3-listen', ':1', '--root', '/r'], /--s3-listen needs --embedded/],
    [['serve', '--log-level', 'loud'], /log-level/],
  ])('with the arguments %j ends with 2 and one line', async (args, words) => {
    const ran = await sftpgw(args);
    expect(ran).toMatchObject({ code: 2, out: '' });
    expect(ran.err).toMatch(words);
    expect(ran.err).toMatch(/^sftpgw: [^\n]+$/);
  });

  it('in the work ends with the code of its fault, after closing the root', async () => {
    const environment = async () => {
      throw new Fault('denied', 'the file /r/x is not yours');
    };
    const ran = await sftpgw(['env', '--root', '/r'], { environment });
    expect(ran).toMatchObject({ code: 5, err: 'sftpgw: the file /r/x is not yours', closed: true });
  });
});

describe('help', () => {
  it.each([
    [['--help']],
    [['serve', '--help']],
    [['setup', '--help']],
    [['env', '--help']],
    [['s3', '--help']],
    [['recover', '--help']],
    [['recovery', '--help']],
    [['recovery', 'init', '--help']],
    [['recovery', 'status', '--help']],
    [['recovery', 'copy', '--help']],
    [['key', '--help']],
    [['key', 'split', '--help']],
    [['key', 'join', '--help']],
    [['version', '--help']],
    [['user', '--help']],
    [['user', 'add', '--help']],
    [['user', 'remove', '--help']],
    [['user', 'list', '--help']],
    [['user', 'show', '--help']],
  ])('of %j has the root, examples and exit codes', async (args) => {
    const { code, out } = await sftpgw(args);
    expect(code).toBe(0);
    expect(out).toMatch(/--root <dir>/);
    expect(out).toMatch(/\nExamples:\n {2}\S/);
    expect(out).toMatch(/\nExit codes:\n {4}0 {2}done\n/);
  });

  it('is printed with the usage code if no command is given', async () => {
    expect((await sftpgw([])).code).toBe(2);
    expect((await sftpgw(['user'])).code).toBe(2);
  });

  it.each([
    ['addsftpuser', userAddCommand],
    ['deletesftpuser', userRemoveCommand],
    ['sftpgatewaysetup', setupCommand],
  ] as const)('of %s uses its own name', async (name, build) => {
    const ran = await runWith((context) => build(name, name, context), ['--help'], {}, fakeShell());
    expect(ran).toMatchObject({ code: 0 });
    expect(ran.out).toMatch(new RegExp(`^Usage: ${name} `));
    expect(ran.out).toMatch(new RegExp(`\nExamples:\n {2}${name}`));
    expect(ran.out).toContain('--root <dir>');
  });
});

describe('setup', () => {
  const defaults = () => ({ bucket: 'old', region: 'eu-west-1', endpoint: null });

  async function settingsOf(args: readonly string[], options: FakeShellOptions = {}) {
    const seen: unknown[] = [];
    const setup: RootConfig['setup'] = async (answers) => {
      seen.push(answers);
      return { lines: ['wrote it'] };
    };
    const ran = await sftpgw(['setup', '--root', '/r', ...args], { defaults, setup }, options);
    return { ...ran, seen };
  }

  it('passes only the given flags on', async () => {
    const { seen, out, code } = await settingsOf(['--bucket', 'mine', '--endpoint', 'aws']);
    expect(seen).toEqual([{ bucket: 'mine', endpoint: null }]);
    expect(code).toBe(0);
    expect(out).toMatch(/^wrote it\nNext: .*serve.*addsftpuser/);
  });

  it('asks at a terminal; Enter keeps the present value', async () => {
    const prompter = new ScriptedPrompter([
      ['bucket [old]', ''],
      ['Region [eu-west-1]', 'eu-central-1'],
      ['[aws]', 'nonsense'],
      ['[aws]', 'https://s3.example.com/'],
    ]);
    const { seen } = await settingsOf([], { prompter });
    expect(seen).toEqual([{ bucket: 'old', region: 'eu-central-1', endpoint: 'https://s3.example.com' }]);
    expect(prompter.printed.join()).toContain('must be a URL');
  });

  it('without a terminal and flags is a usage error, and writes nothing', async () => {
    const { seen, code, err } = await settingsOf([]);
    expect(code).toBe(2);
    expect(err).toContain('--bucket');
    expect(seen).toEqual([]);
  });
});
