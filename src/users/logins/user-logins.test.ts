import { appendFile, chmod, mkdir, readFile, stat, unlink, writeFile } from 'node:fs/promises';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LoginDecision, LoginMethod, UserLogin } from '../../model/users/logins.js';
import { parseUsername } from '../../model/users.js';
import { keyLine, offeredCertificate, offeredKey, TestUsers } from '../testing/test-users.js';
import { TotpSecret } from './totp.js';

const bob = parseUsername('bob');
const bobsKey = offeredKey(1);
const authority = offeredKey(100);
const otherAuthority = offeredKey(101);

let world: TestUsers;
beforeEach(async () => {
  world = await TestUsers.open();
  await world.registry.save(bob, { publicKeys: [keyLine(bobsKey)], password: 'pw' });
});
afterEach(() => world[Symbol.asyncDispose]());

const keysFile = () => world.file('bob', '.ssh/authorized_keys');
const propertiesFile = () => world.file('bob', '.sftpgateway/user.properties');
const setProperty = (line: string) => appendFile(propertiesFile(), `${line}\n`);
const reasons = () => world.lines.map(({ fields }) => fields['reason']).filter((one) => one !== undefined);

/** Answers the questions of a dialogue in order. Returns the questions and the decision. */
async function answer(
  login: UserLogin,
  ...answers: readonly string[]
): Promise<{ readonly questions: readonly string[]; readonly decision: LoginDecision | null }> {
  const dialogue = login.dialogue();
  let round = await dialogue.start();
  const questions: string[] = [];
  for (const one of answers) {
    questions.push(...round.prompts.map(({ text }) => text));
    const next = await dialogue.respond([one]);
    if (typeof next === 'string') return { questions, decision: next };
    round = next;
  }
  questions.push(...round.prompts.map(({ text }) => text));
  return { questions, decision: null };
}

async function secretOfBob(): Promise<TotpSecret> {
  const uri = new URL((await world.registry.createTotp(bob, 'host')) ?? '');
  return TotpSecret.parse(uri.searchParams.get('secret') ?? '');
}

describe('the first offer', () => {
  it('has the same methods for every user and for names without one', async () => {
    await secretOfBob();
    await setProperty('login.methods=publickey,keyboard-interactive');
    await world.registry.save(parseUsername('alice'), { password: 'pw' });
    const offers: (readonly LoginMethod[])[] = [];
    for (const name of ['bob', 'alice', 'nobody', '../bob', '', '-', 'x'.repeat(200)]) {
      offers.push((await world.begin(name)).methods([]));
    }
    for (const offer of offers) expect(offer).toEqual(['publickey', 'password', 'keyboard-interactive']);
  });

  it('asks everyone for a password only, whether or not a code is needed', async () => {
    const secret = await secretOfBob();
    for (const name of ['bob', 'nobody']) {
      const wrong = await answer(await world.begin(name), 'wrong', secret.codeAt(world.nowMs));
      expect(wrong, name).toEqual({ questions: ['Password: '], decision: 'refused' });
    }
  });
});

describe('a key', () => {
  it('opens the account of the user who has it, and no other', async () => {
    expect(await (await world.begin('bob')).publicKey(bobsKey)).toMatchObject({ touchOptional: false });
    expect(await (await world.begin('bob')).publicKey(offeredKey(2))).toBeNull();
    expect(await (await world.begin('nobody')).publicKey(bobsKey)).toBeNull();
    expect((await world.begin('bob')).methods(['publickey'])).toEqual([]);
  });

  it('has the terms of its line', async () => {
    const [touchless, verified] = [offeredKey(3), offeredKey(4)];
    await writeFile(
      keysFile(),
      `${keyLine(touchless, 'no-touch-required')}\n${keyLine(verified, 'cert-authority,verify-required')}\n`,
    );
    const login = await world.begin('bob');
    expect(await login.publicKey(touchless)).toEqual({ touchOptional: true, verificationRequired: false });
    expect(await login.publicKey(offeredCertificate(verified))).toEqual({
      touchOptional: false,
      verificationRequired: true,
    });
  });

  it('is refused after its expiry-time and from other addresses, with a reason for the log', async () => {
    const line = keyLine(bobsKey, 'from="192.0.2.0/24",expiry-time="20260501120001Z"');
    await writeFile(keysFile(), `${line}\n`);
    expect(await (await world.begin('bob')).publicKey(bobsKey)).not.toBeNull();
    const elsewhere = await world.begin('bob', '198.51.100.1');
    expect(await elsewhere.publicKey(bobsKey)).toBeNull();
    expect(await elsewhere.publicKey(bobsKey)).toBeNull();
    world.nowMs += 1000;
    expect(await (await world.begin('bob')).publicKey(bobsKey)).toBeNull();
    expect(reasons()).toEqual(['from= does not allow 198.51.100.1', 'its expiry-time has passed']);
  });

  it('may be on several lines, of which one must allow it', async () => {
    const lines = [keyLine(bobsKey, 'from="10.0.0.1"'), keyLine(bobsKey, 'cert-authority'), keyLine(bobsKey)];
    await writeFile(keysFile(), lines.join('\n'));
    expect(await (await world.begin('bob')).publicKey(bobsKey)).not.toBeNull();
    await writeFile(keysFile(), lines.slice(0, 2).join('\n'));
    expect(await (await world.begin('bob')).publicKey(bobsKey)).toBeNull();
  });

  it('is refused when the file cannot be read', async () => {
    await unlink(keysFile());
    await mkdir(keysFile());
    expect(await (await world.begin('bob')).publicKey(bobsKey)).toBeNull();
    expect(world.lines).toMatchObject([{ level: 'warn', message: 'cannot check login' }]);
  });
});

describe('a certificate', () => {
  const certificate = offeredCertificate(authority);

  it('opens the account whose authorized_keys names its authority', async () => {
    expect(await (await world.begin('bob')).publicKey(certificate)).toBeNull();
    await writeFile(keysFile(), `${keyLine(authority, 'cert-authority')}\n`);
    const login = await world.begin('bob');
    expect(await login.publicKey(certificate)).toEqual({ touchOptional: false, verificationRequired: false });
    expect(await login.publicKey(offeredCertificate(otherAuthority))).toBeNull();
    expect(await (await world.begin('nobody')).publicKey(certificate)).toBeNull();
    // The authority's own key does not log in, and a listed key does not make an authority.
    expect(await login.publicKey(authority)).toBeNull();
    await writeFile(keysFile(), `${keyLine(authority)}\n`);
    expect(await login.publicKey(certificate)).toBeNull();
  });

  it('needs a principal of the line that accepts it', async () => {
    const lines = [
      keyLine(authority, 'cert-authority,principals="ops"'),
      keyLine(authority, 'cert-authority,principals="web, batch"'),
    ];
    await writeFile(keysFile(), lines.join('\n'));
    const login = await world.begin('bob');
    const terms = (...principals: string[]) => login.publicKey(offeredCertificate(authority, { principals }));
    expect(await terms('ops')).toMatchObject({ principals: ['ops'] });
    expect(await terms('x', 'batch')).toMatchObject({ principals: ['web', 'batch'] });
    // The server refuses it: the terms do not have its principal.
    expect(await terms('bob')).toMatchObject({ principals: ['ops'] });
  });

  it('of an authority of all users logs in by the user name, and decides about the touch', async () => {
    const file = `${world.root}/ca.pub`;
    world.defaults = { ...world.defaults, userCaFile: file };
    await writeFile(
      file,
      `# the company\n${keyLine(authority)} ca\n${keyLine(otherAuthority, 'cert-authority')}\n`,
    );
    for (const ca of [authority, otherAuthority]) {
      expect(await (await world.begin('bob')).publicKey(offeredCertificate(ca))).toEqual({
        touchOptional: true,
        verificationRequired: false,
      });
    }
    expect(await (await world.begin('nobody')).publicKey(certificate)).toBeNull();
    expect(await (await world.begin('bob')).publicKey(authority)).toBeNull();
    await writeFile(file, `${keyLine(otherAuthority)}\n`);
    expect(await (await world.begin('bob')).publicKey(certificate)).toBeNull();
    expect(world.lines).toEqual([]);
  });

  it('of an authority with principals= for all users is refused', async () => {
    const file = `${world.root}/ca.pub`;
    world.defaults = { ...world.defaults, userCaFile: file };
    await writeFile(file, `${keyLine(authority, 'principals="ops"')}\n`);
    const login = await world.begin('bob');
    expect(await login.publicKey(offeredCertificate(authority, { principals: ['ops', 'bob'] }))).toBeNull();
    expect(world.lines).toMatchObject([
      { level: 'error', fields: { problem: /principals= is for one user/ } },
    ]);
  });

  it('is refused while the file of authorities is missing, and keys are not', async () => {
    const file = `${world.root}/ca.pub`;
    world.defaults = { ...world.defaults, userCaFile: file };
    const login = await world.begin('bob');
    for (let n = 0; n < 3; n++) expect(await login.publicKey(certificate)).toBeNull();
    expect(await login.publicKey(bobsKey)).not.toBeNull();
    await writeFile(file, keyLine(authority));
    expect(await login.publicKey(certificate)).not.toBeNull();
    expect(world.lines.map(({ level, message }) => [level, message])).toEqual([
      ['error', 'cannot use the file of certificate authorities'],
      ['info', 'file of login keys is usable again'],
    ]);
  });
});

describe('revoked keys', () => {
  const certificate = offeredCertificate(authority);
  let file: string;
  beforeEach(async () => {
    file = `${world.root}/revoked`;
    world.defaults = { ...world.defaults, revokedKeysFile: file };
    await appendFile(keysFile(), `${keyLine(authority, 'cert-authority')}\n`);
  });
  const accepted = async () => {
    const login = await world.begin('bob');
    return [(await login.publicKey(bobsKey)) !== null, (await login.publicKey(certificate)) !== null];
  };

  it('are refused, as are certificates for them and of their authority', async () => {
    await writeFile(file, '');
    expect(await accepted()).toEqual([true, true]);
    await writeFile(file, `${bobsKey.fingerprint}\n`);
    expect(await accepted()).toEqual([false, true]);
    await writeFile(file, `${keyLine(certificate.key)}\n`);
    expect(await accepted()).toEqual([true, false]);
    await writeFile(file, `${keyLine(authority)}\n`);
    expect(await accepted()).toEqual([true, false]);
    expect(reasons()).toContain('the key is revoked, or the list unusable');
  });

  it.each(['missing', 'malformed'])('leave no key usable while the file is %s', async (state) => {
    if (state === 'malformed') await writeFile(file, 'not a key\n');
    expect(await accepted()).toEqual([false, false]);
    expect(await accepted()).toEqual([false, false]);
    const errors = world.lines.filter(({ level }) => level === 'error');
    expect(errors).toMatchObject([
      { message: 'every key is refused: cannot use the file of revoked keys', fields: { file } },
    ]);
    await writeFile(file, '# none\n');
    expect(await accepted()).toEqual([true, true]);
  });
});

describe('a password', () => {
  it('is accepted by password and by keyboard-interactive', async () => {
    expect(await (await world.begin('bob')).password('pw')).toBe('accepted');
    expect(await (await world.begin('bob')).password('no')).toBe('refused');
    expect(await answer(await world.begin('bob'), 'pw')).toEqual({
      questions: ['Password: '],
      decision: 'accepted',
    });
    expect(await answer(await world.begin('nobody'), 'pw')).toMatchObject({ decision: 'refused' });
  });

  it('is refused where login.methods does not have it', async () => {
    await setProperty('login.methods=publickey');
    const login = await world.begin('bob');
    expect(await login.password('pw')).toBe('refused');
    expect(await answer(login, 'pw')).toMatchObject({ decision: 'refused' });
    expect(await login.publicKey(bobsKey)).not.toBeNull();
  });

  it('is given up when the connection ends, and is not logged as a fault', async () => {
    const connection = new AbortController();
    const call = { ...world.call, signal: connection.signal };
    const login = await world.users.logins.begin(call, 'bob', '192.0.2.1');
    login.methods([]);
    const attempts = Array.from({ length: 4 }, () => login.password('pw'));
    connection.abort();
    const outcomes = await Promise.allSettled(attempts);
    const cancelled = outcomes.filter(({ status }) => status === 'rejected');
    expect(cancelled.length).toBeGreaterThan(0);
    for (const outcome of cancelled) expect(outcome).toMatchObject({ reason: { kind: 'cancelled' } });
    expect(world.lines).toEqual([]);
  });

  it('is busy, not wrong, while too many wait', async () => {
    const login = await world.begin('bob');
    const decisions = await Promise.all(Array.from({ length: 8 }, () => login.password('pw')));
    expect(decisions.filter((one) => one === 'busy')).toHaveLength(4);
    expect(decisions.filter((one) => one === 'accepted')).toHaveLength(4);
    expect(await login.password('pw')).toBe('accepted');
  });
});

describe('sequences of methods', () => {
  it('need a key and then a password', async () => {
    await setProperty('login.methods=publickey,password');
    const login = await world.begin('bob');
    expect(await login.password('pw')).toBe('refused');
    expect(await login.publicKey(bobsKey)).not.toBeNull();
    expect(login.methods(['publickey'])).toEqual(['password', 'keyboard-interactive']);
    expect(await login.publicKey(bobsKey)).toBeNull();
    expect(await login.password('pw')).toBe('accepted');
    expect(login.methods(['publickey', 'password'])).toEqual([]);
  });

  it.each(['login.methods=nonsense', 'login.metods=publickey'])(
    'are never replaced by the default: %s refuses logins until the settings are valid',
    async (line) => {
      await setProperty(line);
      const login = await world.begin('bob');
      expect(await login.publicKey(bobsKey)).toBeNull();
      expect(await login.password('pw')).toBe('refused');
    },
  );

  it('stay those of the last valid file', async () => {
    await setProperty('login.methods=publickey');
    await world.begin('bob');
    await setProperty('login.methods=nonsense');
    const login = await world.begin('bob');
    expect(await login.publicKey(bobsKey)).not.toBeNull();
    expect(await login.password('pw')).toBe('refused');
  });
});

describe('TOTP', () => {
  it('asks for a code after the right password, and accepts it once', async () => {
    const secret = await secretOfBob();
    const code = secret.codeAt(world.nowMs);
    const questions = ['Password: ', 'Verification code: '];
    expect(await answer(await world.begin('bob'), 'pw', '000000')).toEqual({
      questions,
      decision: 'refused',
    });
    expect(await answer(await world.begin('bob'), 'pw', code)).toEqual({ questions, decision: 'accepted' });
    expect(await answer(await world.begin('bob'), 'pw', code)).toEqual({ questions, decision: 'refused' });
    world.nowMs += 30_000;
    const next = await answer(await world.begin('bob'), 'pw', secret.codeAt(world.nowMs));
    expect(next.decision).toBe('accepted');
  });

  it('makes a password alone not enough', async () => {
    await secretOfBob();
    const login = await world.begin('bob');
    expect(await login.password('pw')).toBe('refused');
    expect(await login.publicKey(bobsKey)).not.toBeNull();
  });

  it('is needed after the key with publickey,keyboard-interactive', async () => {
    const secret = await secretOfBob();
    await setProperty('login.methods=publickey,keyboard-interactive');
    const login = await world.begin('bob');
    expect(await answer(login, 'pw', secret.codeAt(world.nowMs))).toMatchObject({ decision: 'refused' });
    expect(await login.publicKey(bobsKey)).not.toBeNull();
    expect(login.methods(['publickey'])).toEqual(['keyboard-interactive']);
    const { questions, decision } = await answer(login, 'pw', secret.codeAt(world.nowMs));
    expect(questions).toEqual(['Password: ', 'Verification code: ']);
    expect(decision).toBe('accepted');
    expect(login.methods(['publickey', 'keyboard-interactive'])).toEqual([]);
  });

  it('is the only question after the key of a user without a password', async () => {
    await unlink(world.file('bob', '.sftpgateway/password'));
    const secret = await secretOfBob();
    await setProperty('login.methods=publickey,keyboard-interactive');
    const login = await world.begin('bob');
    expect(await answer(login, secret.codeAt(world.nowMs))).toEqual({
      questions: ['Password: '],
      decision: 'refused',
    });
    login.methods(['publickey']);
    expect(await answer(login, secret.codeAt(world.nowMs))).toEqual({
      questions: ['Verification code: '],
      decision: 'accepted',
    });
  });

  it.each(['missing', 'malformed'])('refuses every code while the secret is %s', async (state) => {
    const secret = await secretOfBob();
    const file = world.file('bob', '.sftpgateway/totp.secret');
    if (state === 'missing') await unlink(file);
    else await writeFile(file, 'not base32!');
    const { questions, decision } = await answer(await world.begin('bob'), 'pw', secret.codeAt(world.nowMs));
    expect([questions.length, decision]).toEqual([2, 'refused']);
    expect(world.lines).toMatchObject([{ level: 'warn', message: 'cannot check login' }]);
    expect((await world.registry.describe(bob))?.problems).toEqual([expect.stringContaining(file)]);
  });

  it('keeps the secret in one file for the gateway alone, and nowhere in a log, error or summary', async () => {
    const secret = await secretOfBob();
    const file = world.file('bob', '.sftpgateway/totp.secret');
    expect(await readFile(file, 'utf8')).toBe(`${secret.reveal()}\n`);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await answer(await world.begin('bob'), 'pw', 'wrong');
    await chmod(file, 0o644);
    // One letter too many: 33 letters are not base32.
    await writeFile(file, `${secret.reveal()}!`);
    await answer(await world.begin('bob'), 'pw', secret.codeAt(world.nowMs));
    const failed = await world.registry.checkTotp(bob, '000000').catch((error: unknown) => error);
    const shown = inspect([world.lines, await world.registry.list(), failed], {
      depth: 10,
      showHidden: true,
    });
    expect(shown).not.toContain(secret.reveal());
    expect(shown).toContain('the TOTP secret is not base32');
    expect(await readFile(propertiesFile(), 'utf8')).not.toContain(secret.reveal());
  });

  it('is checked, replaced and removed by an administrator', async () => {
    const [first, second] = [await secretOfBob(), await secretOfBob()];
    expect(first.reveal()).not.toBe(second.reveal());
    expect(await world.registry.checkTotp(bob, second.codeAt(world.nowMs))).toBe(true);
    expect(await world.registry.checkTotp(bob, 'no')).toBe(false);
    expect(await world.registry.describe(bob)).toMatchObject({ hasTotp: true, canLogIn: true });
    expect(await world.registry.removeTotp(bob)).toBe(true);
    expect(await world.registry.removeTotp(bob)).toBe(false);
    expect(await world.registry.describe(bob)).toMatchObject({ hasTotp: false, problems: [] });
    expect(await (await world.begin('bob')).password('pw')).toBe('accepted');
    await expect(world.registry.checkTotp(bob, '1')).rejects.toMatchObject({ kind: 'not-found' });
    const nobody = parseUsername('nobody');
    expect(await world.registry.createTotp(nobody, 'host')).toBeNull();
    expect(await world.registry.removeTotp(nobody)).toBeNull();
  });
});

describe('the summary of a user', () => {
  it('has the keys, the authorities, the methods and whether anything fulfils them', async () => {
    await appendFile(keysFile(), `${keyLine(authority, 'cert-authority')} ca\n`);
    expect(await world.registry.describe(bob)).toMatchObject({
      publicKeyCount: 1,
      publicKeys: [
        { type: 'ssh-ed25519', fingerprint: bobsKey.fingerprint, comment: '', isAuthority: false },
        { type: 'ssh-ed25519', fingerprint: authority.fingerprint, comment: 'ca', isAuthority: true },
      ],
      loginMethods: 'publickey password',
      canLogIn: true,
    });
    await world.registry.save(bob, { loginMethods: 'publickey,keyboard-interactive' });
    expect(await world.registry.describe(bob)).toMatchObject({ canLogIn: true });
    await unlink(world.file('bob', '.sftpgateway/password'));
    expect(await world.registry.describe(bob)).toMatchObject({ canLogIn: false });
    await world.registry.createTotp(bob, 'host');
    expect(await world.registry.describe(bob)).toMatchObject({ canLogIn: true });
    await unlink(keysFile());
    expect(await world.registry.describe(bob)).toMatchObject({ canLogIn: false });
  });
});

describe('an account that is disabled or expired', () => {
  it('refuses every credential, and accepts them again once it is enabled', async () => {
    const attempt = async () => {
      const login = await world.begin('bob');
      return [await login.publicKey(bobsKey), await login.password('pw')];
    };
    expect(await attempt()).toEqual([expect.anything(), 'accepted']);
    await world.registry.save(bob, { disabled: true });
    expect(await attempt()).toEqual([null, 'refused']);
    expect(await world.users.directory.barOf(world.call, bob)).toBe('disabled');
    await world.registry.save(bob, { disabled: false, expiresMs: world.nowMs });
    expect(await attempt()).toEqual([null, 'refused']);
    expect(await world.users.directory.barOf(world.call, bob)).toBe('expired');
    await world.registry.save(bob, { expiresMs: world.nowMs + 1 });
    expect(await attempt()).toEqual([expect.anything(), 'accepted']);
    await world.registry.save(bob, { expiresMs: null });
    expect(await world.users.directory.barOf(world.call, bob)).toBeNull();
    expect(await world.users.directory.barOf(world.call, parseUsername('nobody'))).toBe('removed');
  });
});
