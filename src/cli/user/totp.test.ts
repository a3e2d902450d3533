import { describe, expect, it } from 'vitest';
import { parseUsername, type UserRegistry, type UserSummary } from '../../model/users.js';
import type { RootConfig } from '../../operations/root-config.js';
import { runProgram } from '../command.js';
import { sftpgwProgram } from '../program.js';
import { type Exchange, fakeShell, ScriptedPrompter } from '../terminal/testing/fake-shell.js';

interface Fixture {
  readonly hasTotp?: boolean;
  readonly loginMethods?: string;
  readonly input?: string;
  readonly script?: readonly Exchange[];
}

/** Runs `sftpgw user totp bob ARGS` over a registry with the user bob, whose code is 123456. */
async function totp(
  args: readonly string[],
  { hasTotp = false, loginMethods = 'publickey password', input, script }: Fixture = {},
) {
  const calls: string[] = [];
  const summary = { username: parseUsername('bob'), hasTotp, loginMethods } as unknown as UserSummary;
  const registry: Partial<UserRegistry> = {
    describe: async (username) => (username === 'bob' ? summary : null),
    createTotp: async (username) => {
      calls.push('create');
      return `otpauth://totp/sftpgw:${username}?secret=CANARY`;
    },
    checkTotp: async (_username, code) => code === '123456',
    removeTotp: async () => {
      calls.push('remove');
      return hasTotp;
    },
  };
  const shell = fakeShell({
    ...(input === undefined ? {} : { input }),
    ...(script === undefined ? {} : { prompter: new ScriptedPrompter(script) }),
  });
  const config = { registry, close: async () => undefined } as unknown as RootConfig;
  const code = await runProgram(sftpgwProgram, ['user', 'totp', ...args], shell, async () => config);
  return { code, calls, out: shell.outLines, err: shell.errLines.join('\n') };
}

describe('sftpgw user totp', () => {
  it('prints only the URI on stdout, and what else is needed on stderr', async () => {
    const { code, out, err } = await totp(['bob']);
    expect([code, out]).toEqual([0, ['otpauth://totp/sftpgw:bob?secret=CANARY']]);
    expect(err).toContain('bob must give a code with each password');
    expect(err).toContain('addsftpuser bob --login-methods publickey,keyboard-interactive');
    expect(err).not.toContain('CANARY');
    const required = await totp(['bob'], { loginMethods: 'publickey,keyboard-interactive' });
    expect(required.err).not.toContain('a public key alone');
  });

  it('replaces a secret only with --replace', async () => {
    const refused = await totp(['bob'], { hasTotp: true });
    expect([refused.code, refused.calls]).toEqual([4, []]);
    expect(refused.err).toContain('add --replace');
    expect(await totp(['bob', '--replace'], { hasTotp: true })).toMatchObject({ code: 0, calls: ['create'] });
  });

  it('checks a code from the terminal or from stdin', async () => {
    expect(await totp(['bob', '--verify'], { input: '123456\n' })).toMatchObject({
      code: 0,
      out: ['the code is right'],
    });
    const script: readonly Exchange[] = [['Verification code', ' 123456 ']];
    expect(await totp(['bob', '--verify'], { script })).toMatchObject({ code: 0 });
    const wrong = await totp(['bob', '--verify'], { input: '654321' });
    expect([wrong.code, wrong.out]).toEqual([5, []]);
    expect(wrong.err).toContain('the code is wrong');
  });

  it('removes a secret, and reports whether there was one', async () => {
    expect(await totp(['bob', '--remove'], { hasTotp: true })).toMatchObject({
      code: 0,
      calls: ['remove'],
      out: ['removed the second factor of bob'],
    });
    expect(await totp(['bob', '--remove'])).toMatchObject({ code: 0, out: ['bob has no second factor'] });
  });

  it('refuses unknown users and two actions at once', async () => {
    expect(await totp(['carol'])).toMatchObject({ code: 3, calls: [] });
    expect(await totp(['bob', '--remove', '--verify'])).toMatchObject({ code: 2, calls: [] });
  });
});
