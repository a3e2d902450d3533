import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Gateway, TestUser } from '../support/gateway.js';
import { gatewayTargets } from '../support/gateway-targets.js';
import { missing } from '../support/tools.js';

const programs = missing('sftp', 'ssh-keygen');

/** Returns the usual encodings of 32 bytes. */
function disguises(key: Buffer): { name: string; needle: Buffer }[] {
  const base64 = key.toString('base64');
  return [
    { name: 'raw', needle: key },
    { name: 'hex', needle: Buffer.from(key.toString('hex')) },
    { name: 'HEX', needle: Buffer.from(key.toString('hex').toUpperCase()) },
    { name: 'base64', needle: Buffer.from(base64.replace(/=+$/, '')) },
    { name: 'base64url', needle: Buffer.from(key.toString('base64url')) },
    { name: 'JSON bytes', needle: Buffer.from([...key.subarray(0, 12)].join(',')) },
    {
      name: 'inspected',
      needle: Buffer.from(key.toString('hex').match(/../g)?.slice(0, 12).join(' ') ?? ''),
    },
  ];
}

/** The files that may contain the key. */
const keyFiles = /(^|\/)sse(-sync)?\.key(\.[0-9a-f]{32})?$/;

for (const target of await gatewayTargets()) {
  const skip = target.skip ?? programs;
  describe.skipIf(skip !== null)(`a canary key in front of ${target.name}${skip ? ` (${skip})` : ''}`, () => {
    it('never appears in what the gateway logs, prints or writes, at any log level', async () => {
      await using gateway = await target.start({ logLevel: 'debug' });
      const outputs: string[] = [];
      const password = randomBytes(24).toString('hex');
      const user = await gateway.addUser('canary');
      const passwordFile = join(gateway.work, 'password');
      writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
      const changed = await gateway.cli(['user', 'add', 'canary', '--password-file', passwordFile]);
      expect(changed.code, changed.stderr).toBe(0);
      outputs.push(changed.stdout, changed.stderr);
      const source = join(gateway.work, 'source');
      writeFileSync(source, randomBytes(20_000_000));
      const put = await user.sftp(
        `put ${source} /uploads/one\nget /uploads/one ${source}.back\nls -la /uploads\nrename /uploads/one /uploads/two`,
      );
      expect(put.code, put.stderr).toBe(0);
      outputs.push(put.stdout, put.stderr);
      // Requests that fail at S3 and inside the gateway: errors contain requests, and requests contain keys.
      for (const batch of [
        'get /uploads/absent x',
        'mkdir /uploads/two',
        'rm /uploads',
        'put /etc/hostname /nowhere',
      ]) {
        const failed = await user.sftp(batch);
        expect(failed.code, batch).not.toBe(0);
        outputs.push(failed.stdout, failed.stderr);
      }
      await failWithWrongBucket(gateway, user, outputs);
      const programs = watchArguments();
      await handleKeys(gateway, user, outputs);
      const watched = programs.stop();
      expect(watched.includes('key\0import')).toBe(true);
      for (const command of [['user', 'list', '--json'], ['user', 'show', 'canary'], ['version']]) {
        const { stdout, stderr } = await gateway.cli(command);
        outputs.push(stdout, stderr);
      }
      for (const command of [['audit', '--limit', 'all', '--json'], ['audit'], ['sessions', '--json']]) {
        const { stdout, stderr } = await gateway.cli(command);
        outputs.push(stdout, stderr);
      }
      expect(outputs.join('')).toContain('"action":"key.import"');
      await useObjects(gateway, (await target.access(gateway)).bucket, outputs);
      outputs.push(gateway.output);
      expect(gateway.output).toContain('"level":"debug"');
      await gateway.end('SIGTERM');
      outputs.push(gateway.output);

      const contents = new Map<string, Buffer>([
        ['what was printed and logged', Buffer.from(outputs.join('\n'))],
        ['the arguments of processes', watched],
      ]);
      for (const entry of readdirSync(gateway.root, { recursive: true, withFileTypes: true })) {
        const path = join(entry.parentPath, entry.name);
        if (entry.isFile() && !keyFiles.test(path)) contents.set(path, readFileSync(path));
      }
      expect(contents.size).toBeGreaterThan(3);
      for (const [source, content] of contents) {
        expect(content.includes(password), `the password in ${source}`).toBe(false);
        for (const { name, needle } of disguises(user.key)) {
          expect(content.includes(needle), `the key, ${name}, in ${source}`).toBe(false);
        }
      }
    });
  });
}

/** Runs the commands that open objects with the key, with and without success. */
async function useObjects(gateway: Gateway, bucket: string, outputs: string[]): Promise<void> {
  const url = (key: string) => `s3://${bucket}/canary/uploads/${key}`;
  for (const [args, fails] of [
    [['cp', url('two'), url('three')], false],
    [['ls', url(''), '--json'], false],
    [['stat', url('three'), '--json'], false],
    [['get', url('three'), join(gateway.work, 'three')], false],
    [['cp', url('three'), `s3://no-such-bucket-here/three`], true],
    [['put', join(gateway.work, 'source'), url('four'), '--sse', '1'], true],
  ] as const) {
    const { code, stdout, stderr } = await gateway.cli(['object', ...args]);
    expect(code !== 0, `${args.join(' ')}: ${stderr}`).toBe(fails);
    outputs.push(stdout, stderr);
  }
}

/** Uploads to a bucket that does not exist, so that an error of S3 passes through every layer. */
async function failWithWrongBucket(gateway: Gateway, user: TestUser, outputs: string[]): Promise<void> {
  const properties = join(gateway.root, 'home/canary/.sftpgateway/user.properties');
  const before = readFileSync(properties, 'utf8');
  writeFileSync(properties, `${before}\nupload.bucket=no-such-bucket-here\n`);
  const source = join(gateway.work, 'source');
  const failed = await user.sftp(`put ${source} /uploads/lost`);
  outputs.push(failed.stdout, failed.stderr);
  expect(failed.code).not.toBe(0);
  writeFileSync(properties, before);
}

/**
 * Runs the key commands, and reads an object whose key the gateway no longer has. The read fails with the
 * user's own key in the request.
 */
async function handleKeys(gateway: Gateway, user: TestUser, outputs: string[]): Promise<void> {
  const runAndRecord = async (args: readonly string[], input: string | Uint8Array = ''): Promise<string> => {
    const { stdout, stderr } = await gateway.cli(args, { input });
    outputs.push(stdout, stderr);
    return stdout;
  };
  const wrongForms = [
    user.key.subarray(1),
    Buffer.concat([user.key, Buffer.from('\n')]),
    Buffer.from(`${user.key.toString('base64')}x`),
    Buffer.from(user.key.toString('hex').slice(2)),
  ];
  for (const form of wrongForms) await runAndRecord(['key', 'import'], form);
  await runAndRecord(['key', 'import', '--label', 'again', '--json'], `${user.key.toString('base64')}\n`);
  for (const args of [['list'], ['list', '--json'], ['show', 'again']]) await runAndRecord(['key', ...args]);
  const { id } = JSON.parse(await runAndRecord(['key', 'generate', '--json']));
  await runAndRecord(['key', 'retire', 'again']);
  const { SFTPGW_BUCKET: own } = JSON.parse(await runAndRecord(['env', '--json']));
  const url = `s3://${own}/${user.name}/uploads/foreign`;
  await runAndRecord(['object', 'put', '/etc/hostname', url, '--sse', '3', '--key', id]);
  await runAndRecord(['object', 'stat', url]);
  await runAndRecord(['key', 'backup', '--to', join(gateway.root, 'keys.tar')]);
  for (const extension of ['age', 'json'])
    rmSync(join(gateway.root, 'opt/sftpgw/keys', `${id}.${extension}`));
  const failed = await user.sftp(`get /uploads/foreign ${join(gateway.work, 'never')}`);
  outputs.push(failed.stdout, failed.stderr);
  expect(failed.code).not.toBe(0);
  expect(failed.stdout + failed.stderr + gateway.output).toMatch(/none of the available keys/);
}

/** Polls the arguments of all processes until it is stopped. */
function watchArguments(): { stop(): Buffer } {
  const seen: Buffer[] = [];
  const look = () => {
    for (const name of readdirSync('/proc')) {
      if (!/^\d+$/.test(name)) continue;
      try {
        seen.push(readFileSync(`/proc/${name}/cmdline`));
      } catch {
        // The process has ended.
      }
    }
  };
  const timer = setInterval(look, 50);
  return {
    stop: () => {
      clearInterval(timer);
      look();
      return Buffer.concat(seen);
    },
  };
}
