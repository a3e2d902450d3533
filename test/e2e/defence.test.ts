import { readFileSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { runOk } from '../support/command.js';
import { Gateway, type GatewayOptions } from '../support/gateway.js';
import { embeddedSkip } from '../support/s3-targets.js';
import { connectFrom, Guessers, passwordLogin } from '../support/ssh-logins.js';
import { findParamikoPython, missing } from '../support/tools.js';
import { eventually } from '../support/wait.js';

const skip = embeddedSkip ?? missing('sftp', 'ssh-keygen');
const attacker = '127.0.0.66';
const office = '127.0.0.2';
const right = { username: 'alice', password: 'the right one' };

describe.skipIf(skip !== null)(`a gateway under attack${skip === null ? '' : ` (${skip})`}`, () => {
  const open: AsyncDisposable[] = [];
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]();
  });

  async function start(properties: GatewayOptions['properties'] = {}): Promise<Gateway> {
    const gateway = await Gateway.start({ s3: null, properties });
    open.push(gateway);
    const file = join(gateway.work, 'password');
    writeFileSync(file, `${right.password}\n`);
    await gateway.addUser('alice', ['--sse', '1', '--password-file', file]);
    return gateway;
  }

  /** Logs in `count` times in turn and returns the times in milliseconds. */
  async function loginTimes(gateway: Gateway, from: string, count: number): Promise<readonly number[]> {
    const times: number[] = [];
    for (let login = 0; login < count; login++) {
      const startedMs = performance.now();
      expect(await passwordLogin(gateway.sftpPort, { ...right, from })).toBe('accepted');
      times.push(performance.now() - startedMs);
    }
    return times;
  }

  /** Returns `limitMs`; more on a machine whose other work makes logins slow even without an attack. */
  async function loginLimit(gateway: Gateway, limitMs: number): Promise<number> {
    return Math.max(limitMs, 8 * Math.max(...(await loginTimes(gateway, '127.0.3.1', 5))));
  }

  const lines = (gateway: Gateway, message: string) =>
    gateway.output.split('\n').filter((line) => line.includes(`"msg":"${message}"`));

  it.each([
    ['another address', office, false],
    ['the same address, after a login from there', attacker, true],
  ])(
    'accepts the right password in 100 of 100 attempts within 3 s from %s while 100 connections guess',
    async (_name, from, logsInBefore) => {
      const gateway = await start();
      const limitMs = await loginLimit(gateway, 3_000);
      if (logsInBefore) expect(await passwordLogin(gateway.sftpPort, { ...right, from })).toBe('accepted');
      const logged = gateway.output.length;
      const guessers = new Guessers(gateway.sftpPort, 'alice', 100, attacker);
      const began = performance.now();
      await eventually('the attack runs', () => guessers.attempts >= 20);
      const times = await loginTimes(gateway, from, 100).finally(() => guessers.stop());
      const slowest = Math.max(...times);
      expect(slowest).toBeLessThan(limitMs);
      const seconds = (performance.now() - began) / 1_000;
      const logBytes = gateway.output.length - logged;
      console.info(
        `${guessers.attempts} guesses in ${seconds.toFixed(1)} s; slowest login ${slowest.toFixed(0)} ms, bound ${limitMs.toFixed(0)} ms; log ${logBytes} bytes`,
      );
      // 100 logins have a line each. The refusals have 30 lines of each kind a minute, and counts.
      expect(logBytes).toBeLessThan(100_000);
      expect(lines(gateway, 'address banned').length).toBeLessThanOrEqual(1);
    },
  );

  it('lets others log in within a second while 1,200 connections are silent', async () => {
    const gateway = await start();
    const limitMs = await loginLimit(gateway, 1_000);
    const silent: Socket[] = [];
    for (let number = 0; number < 1_200; number++) {
      silent.push(await connectFrom(gateway.sftpPort, `127.0.1.${1 + (number % 6)}`));
    }
    const slowest = Math.max(...(await loginTimes(gateway, office, 20)));
    for (const socket of silent) socket.destroy();
    console.info(`slowest login ${slowest.toFixed(0)} ms, bound ${limitMs.toFixed(0)} ms`);
    expect(slowest).toBeLessThan(limitMs);
  });

  it('serves every session that it accepts with 256 open files', async () => {
    const gateway = await Gateway.prepare({ s3: null });
    open.push(gateway);
    const user = await gateway.addUser('bob', ['--sse', '3', '--generate-sse-key']);
    await gateway.serve({ maxOpenFiles: 256 });
    expect(lines(gateway, 'sessions limited by open files')[0]).toContain('"sessions":42');
    const source = join(gateway.work, 'source');
    writeFileSync(source, 'content');
    const attempts = Array.from({ length: 100 }, (_, number) =>
      user.sftp(
        `put ${source} /uploads/file-${number}\nget /uploads/file-${number} ${gateway.work}/copy-${number}`,
        {
          timeoutMs: 120_000,
        },
      ),
    );
    const finished = await Promise.all(attempts);
    const served = finished.filter(({ code }) => code === 0);
    const refused = finished.filter(({ code }) => code !== 0);
    for (const { stderr } of refused) expect(stderr).toMatch(/too many|closed|reset|exceeded/i);
    expect(served.length).toBeGreaterThanOrEqual(20);
    expect(gateway.output).not.toContain('EMFILE');
    // Afterwards all is as before.
    await user.sftpOk(`put ${source} /uploads/after`);
  });

  it('bans with a command, refuses the address, and keeps the ban over a restart', async () => {
    const gateway = await start();
    const banned = await gateway.cli(['ban', 'add', attacker, '--for', '1h']);
    expect([banned.code, banned.stdout]).toEqual([0, expect.stringMatching(/^banned 127\.0\.0\.66 until /)]);
    const attempt = () => passwordLogin(gateway.sftpPort, { ...right, from: attacker });
    expect(await attempt()).not.toBe('accepted');
    expect(await passwordLogin(gateway.sftpPort, { ...right, from: office })).toBe('accepted');
    await gateway.end('SIGTERM');
    expect((await gateway.cli(['ban', 'list'])).stdout).toMatch(/127\.0\.0\.66 +everyone +command/);
    await gateway.serve();
    expect(await attempt()).not.toBe('accepted');
    expect((await gateway.cli(['ban', 'clear', attacker])).stdout).toBe('1 ban ended\n');
    expect((await gateway.cli(['ban', 'clear', attacker])).code).toBe(3);
    expect(await attempt()).toBe('accepted');
    expect((await gateway.cli(['ban', 'add', 'localhost'])).code).toBe(2);
  });

  it('bans an address that guesses, with one line', async () => {
    const gateway = await start({ 'sftp.ban.after': '30' });
    const guessers = new Guessers(gateway.sftpPort, 'alice', 10, attacker);
    await eventually('the ban', () => lines(gateway, 'address banned').length > 0);
    await guessers.stop();
    expect(await passwordLogin(gateway.sftpPort, { ...right, from: attacker })).not.toBe('accepted');
    expect(lines(gateway, 'address banned')).toHaveLength(1);
    const listed = await gateway.cli(['ban', 'list', '--json']);
    expect(JSON.parse(listed.stdout)).toMatchObject([
      { source: attacker, scope: 'everyone', cause: 'logins' },
    ]);
  });

  it('admits addresses by sftp.allow.from, sftp.deny.from and the login.from of a user', async () => {
    const gateway = await start({ 'sftp.allow.from': '127.0.0.0/24', 'sftp.deny.from': attacker });
    expect(await passwordLogin(gateway.sftpPort, { ...right, from: office })).toBe('accepted');
    for (const from of [attacker, '127.0.1.1']) {
      expect(await passwordLogin(gateway.sftpPort, { ...right, from })).not.toMatch(/accepted|refused/);
    }
    const path = join(gateway.root, 'home/alice/.sftpgateway/user.properties');
    writeFileSync(path, `${readFileSync(path, 'utf8')}login.from=127.0.0.3\n`);
    expect(await passwordLogin(gateway.sftpPort, { ...right, from: office })).toBe('refused');
    expect(await passwordLogin(gateway.sftpPort, { ...right, from: '127.0.0.3' })).toBe('accepted');
  });

  it('requires a PROXY header from its proxies, refuses it from others, and counts the address in it', async () => {
    const proxy = '127.0.0.9';
    const gateway = await start({ 'sftp.proxy.from': proxy, 'sftp.deny.from': '192.0.2.66' });
    const port = gateway.sftpPort;
    const v1 = (client: string) => Buffer.from(`PROXY TCP4 ${client} 192.0.2.250 4000 22\r\n`);
    const v2 = Buffer.concat([
      Buffer.from('0d0a0d0a000d0a515549540a2111000c', 'hex'),
      Buffer.from([192, 0, 2, 8, 192, 0, 2, 250, 0x10, 0, 0, 22]),
    ]);
    for (const firstBytes of [v1('192.0.2.7'), v2]) {
      expect(await passwordLogin(port, { ...right, from: proxy, firstBytes })).toBe('accepted');
    }
    for (const address of ['192.0.2.7', '192.0.2.8']) {
      await eventually(`a line with ${address}`, () => gateway.output.includes(`"address":"${address}"`));
    }
    const refused = /^(?!accepted|refused$)/;
    expect(await passwordLogin(port, { ...right, from: proxy })).toMatch(refused);
    expect(await passwordLogin(port, { ...right, from: office, firstBytes: v1('192.0.2.7') })).toMatch(
      refused,
    );
    expect(await passwordLogin(port, { ...right, from: proxy, firstBytes: v1('192.0.2.66') })).toMatch(
      refused,
    );
    // A ban is one of the client, not of the proxy.
    await gateway.cli(['ban', 'add', '192.0.2.7']);
    expect(await passwordLogin(port, { ...right, from: proxy, firstBytes: v1('192.0.2.7') })).toMatch(
      refused,
    );
    expect(await passwordLogin(port, { ...right, from: proxy, firstBytes: v2 })).toBe('accepted');
  });

  it('ends idle sessions, but not one with an open file', async ({ skip: skipTest }) => {
    const python = await findParamikoPython();
    if (python === null) return skipTest('paramiko is not installed');
    const gateway = await start({ 'sftp.idle.timeout': '1s' });
    const user = await gateway.addUser('bob', ['--sse', '1']);
    // sftp waits for the shell command without a request.
    const idle = await user.sftp('pwd\n!sleep 3\nls', { timeoutMs: 30_000 });
    expect(idle.code).not.toBe(0);
    await eventually('the log line', () => gateway.output.includes('session is idle for 1 seconds'));
    const { stdout } = await runOk(python, [
      join(import.meta.dirname, '../clients/idle_open_file.py'),
      String(gateway.sftpPort),
      user.identity,
    ]);
    expect(stdout).toContain('written after 3 s');
  });
});
