import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../support/command.js';
import { embeddedSkip } from '../support/s3-targets.js';
import { missing } from '../support/tools.js';
import { lacking, openSsh10 } from './client-programs.js';
import { clientPrograms, openSshOptions } from './client-table.js';
import { startTestGateway, type TestGateway } from './test-gateway.js';

const skip = embeddedSkip ?? missing('ssh-keygen', 'ssh-keyscan');

describe.skipIf(skip !== null)(`SSH clients of others (${skip ?? 'embedded S3'})`, () => {
  let server: TestGateway;

  beforeAll(async () => {
    server = await startTestGateway();
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
  });

  for (const [index, client] of clientPrograms.entries()) {
    const reason = lacking(...client.needs);
    it.skipIf(reason !== null)(
      `${client.name} lists, puts and gets${reason ? ` (${reason})` : ''}`,
      async () => {
        const directory = join(server.gateway.work, `client-${index}`);
        mkdirSync(directory);
        const upload = join(directory, 'upload');
        const download = join(directory, 'download');
        const sent = randomBytes(3_000_001);
        writeFileSync(upload, sent);
        const remote = `/uploads/from-client-${index}`;
        const finished = await client.transfer({ server, upload, remote, download });
        const output = `${finished.stdout}${finished.stderr}`;
        expect([finished.code, output]).toEqual([0, expect.stringContaining(`from-client-${index}`)]);
        expect(readFileSync(download).equals(sent)).toBe(true);
      },
    );
  }

  const noOpenSsh10 = lacking(openSsh10.ssh);
  it.skipIf(noOpenSsh10 !== null)(
    `OpenSSH 10 uses mlkem768x25519-sha256 and prints no warning${noOpenSsh10 ? ` (${noOpenSsh10})` : ''}`,
    async () => {
      const { gateway } = server;
      const args = [...openSshOptions(server), '-P', String(gateway.sftpPort), '-b', '-'];
      const quiet = await run(openSsh10.sftp, [...args, 'carol@127.0.0.1'], { input: 'ls\n' });
      expect([quiet.code, quiet.stderr]).toEqual([0, '']);
      const verbose = await run(openSsh10.sftp, [...args, '-v', 'carol@127.0.0.1'], { input: 'ls\n' });
      expect(verbose.stderr).toContain('kex: algorithm: mlkem768x25519-sha256');
    },
  );

  const noAudit = lacking('ssh-audit');
  it.skipIf(noAudit !== null)(
    `ssh-audit fails nothing but the NIST curves${noAudit ? ` (${noAudit})` : ''}`,
    async () => {
      const args = ['-n', '-b', '-l', 'fail', '-p', String(server.gateway.sftpPort), '127.0.0.1'];
      const { stdout } = await run('ssh-audit', args);
      const failed = stdout.split('\n').filter((line) => line.includes('[fail]'));
      expect(failed.length).toBeGreaterThan(0);
      expect(failed.filter((line) => !/\((?:kex|key)\) ec(?:dh|dsa)-sha2-nistp\d+/.test(line))).toEqual([]);
    },
  );

  const noPutty = lacking('psftp', 'pscp');
  it.skipIf(noPutty !== null)(
    `psftp and pscp show the sentence of a refusal${noPutty ? ` (${noPutty})` : ''}`,
    async () => {
      const login = ['-P', String(server.gateway.sftpPort), '-batch', '-pw', 'correct horse battery 9'];
      const key = ['-hostkey', server.fingerprints.get('ssh-ed25519') ?? ''];
      const commands = join(server.gateway.work, 'commands');
      writeFileSync(commands, 'mkdir /elsewhere\n');
      const psftp = await run('psftp', [...login, ...key, '-b', commands, 'carol@127.0.0.1']);
      expect(psftp.stderr).toMatch(/^sftpgw: .*under \/uploads/m);
      const source = join(server.gateway.work, 'known_hosts');
      const pscp = await run('pscp', [...login, ...key, source, 'carol@127.0.0.1:/elsewhere']);
      expect(pscp.code).not.toBe(0);
      expect(pscp.stderr).toMatch(/^sftpgw: /m);
    },
  );
});
