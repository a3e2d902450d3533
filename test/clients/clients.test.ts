import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, runOk } from '../support/command.js';
import type { Gateway, TestUser } from '../support/gateway.js';
import { gatewayTargets } from '../support/gateway-targets.js';
import { findParamikoPython, missing } from '../support/tools.js';

const noOpenSsh = missing('ssh-keygen', 'scp');
const noLftp = missing('lftp');
const noRclone = missing('rclone');
/** test/clients/matrix runs these programs over the embedded S3. */
const inTable = 'the table of clients has it';

const paramikoPython = await findParamikoPython();

for (const target of await gatewayTargets()) {
  const skip = target.skip ?? noOpenSsh;
  const skipLftp = target.name === 'embedded S3' ? inTable : noLftp;
  const skipRclone = target.name === 'embedded S3' ? inTable : noRclone;
  describe.skipIf(skip !== null)(`real clients against ${target.name}${skip ? ` (${skip})` : ''}`, () => {
    let gateway: Gateway;
    let user: TestUser;

    beforeAll(async () => {
      gateway = await target.start();
      user = await gateway.addUser('carol');
    });
    afterAll(async () => {
      await gateway?.[Symbol.asyncDispose]();
    });

    it('scp uploads, downloads and overwrites a file with a shorter one', async () => {
      const long = join(gateway.work, 'long');
      const short = join(gateway.work, 'short');
      writeFileSync(long, randomBytes(10 * 1024 * 1024));
      writeFileSync(short, randomBytes(777));
      const back = join(gateway.work, 'scp.back');
      const remote = 'carol@127.0.0.1:/uploads/scp';
      const scp = (from: string, to: string) =>
        runOk('scp', ['-q', '-s', ...user.sshOptions, '-P', String(gateway.sftpPort), from, to]);
      for (const source of [long, short]) {
        await scp(source, remote);
        await scp(remote, back);
        expect(readFileSync(back).equals(readFileSync(source))).toBe(true);
      }
    });

    it('the old scp protocol and a shell are refused with one line', async () => {
      const ssh = ['-p', String(gateway.sftpPort), ...user.sshOptions, 'carol@127.0.0.1'];
      const refused = await run('ssh', [...ssh, 'scp -t /uploads']);
      expect(refused.code).not.toBe(0);
      expect(refused.stderr).toMatch(/sftp/i);
    });

    it.skipIf(skipLftp !== null)(
      `lftp mirrors a directory up and down${skipLftp ? ` (${skipLftp})` : ''}`,
      async () => {
        const tree = makeTree(join(gateway.work, 'lftp'), 20);
        const connect = `ssh -a -x ${user.sshOptions.join(' ')}`;
        const script = [
          'set cmd:fail-exit yes',
          `set sftp:connect-program "${connect}"`,
          `open -u carol,x sftp://127.0.0.1:${gateway.sftpPort}`,
          `mirror -R ${tree} /uploads/lftp`,
          `mirror /uploads/lftp ${tree}.back`,
          'bye',
        ];
        await runOk('lftp', ['-c', script.join('; ')], { timeoutMs: 120_000 });
        expectSameTree(`${tree}.back`, tree);
      },
    );

    it.skipIf(skipRclone !== null)(
      `rclone copies and checks a tree of 200 files${skipRclone ? ` (${skipRclone})` : ''}`,
      async () => {
        const tree = makeTree(join(gateway.work, 'rclone'), 200);
        const remote = `:sftp,host=127.0.0.1,port=${gateway.sftpPort},user=carol,key_file=${user.identity},shell_type=none:uploads/rclone`;
        const rclone = (...args: string[]) =>
          runOk('rclone', [...args, '--config', '/dev/null', '--retries', '1'], { timeoutMs: 120_000 });
        await rclone('copy', tree, remote);
        await rclone('check', '--download', tree, remote);
        const again = await rclone('copy', '-v', tree, remote);
        expect(again.stderr, 'times are preserved, so rclone copies nothing twice').toMatch(
          /There was nothing to transfer/,
        );
        await rclone('copy', remote, `${tree}.back`);
        expectSameTree(`${tree}.back`, tree);
        await rclone('purge', remote);
      },
    );

    it.skipIf(paramikoPython === null)('paramiko puts, stats, lists, gets, renames and removes', async () => {
      const script = join(import.meta.dirname, 'paramiko_client.py');
      const args = [script, String(gateway.sftpPort), 'carol', user.identity, gateway.work];
      const { stdout } = await runOk(paramikoPython ?? '', args, { timeoutMs: 120_000 });
      expect(stdout).toContain('all steps passed');
    });
  });
}

/** Creates a tree of small files on three directory levels and returns its path. */
function makeTree(path: string, files: number): string {
  for (let index = 0; index < files; index += 1) {
    const directory = join(path, `d${index % 5}`, index % 2 === 0 ? 'even' : '.');
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, `file ${index}.txt`), randomBytes(index * 97));
  }
  return path;
}

function expectSameTree(actual: string, expected: string): void {
  const files = (path: string) => readdirSync(path, { recursive: true, encoding: 'utf8' }).sort();
  expect(files(actual)).toEqual(files(expected));
  for (const entry of readdirSync(expected, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    expect(readFileSync(path.replace(expected, actual)).equals(readFileSync(path)), path).toBe(true);
  }
}
