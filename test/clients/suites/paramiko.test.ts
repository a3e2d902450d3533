import { cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../support/command.js';
import { embeddedSkip } from '../../support/s3-targets.js';
import { missing } from '../../support/tools.js';
import { areas } from '../matrix/cells.js';
import { type MatrixGateway, startMatrixGateway } from '../matrix/matrix-gateway.js';
import { paramikoFailures, paramikoPasses } from './paramiko-failures.js';

/** Limit of one run of the suite, in milliseconds. It takes 20 s on two idle cores. */
const suiteLimitMs = 280_000;

// The suite is paramiko's and not a part of this project.
const source = process.env['PARAMIKO_SOURCE'] ?? '';
const noSource = existsSync(join(source, 'tests/test_sftp_big.py'))
  ? null
  : 'PARAMIKO_SOURCE does not name a checkout of paramiko';
const skip = embeddedSkip ?? noSource ?? missing('ssh', 'ssh-keygen', 'ssh-keyscan');

describe.skipIf(skip !== null)(`the tests of paramiko for SFTP (${skip ?? 'embedded S3'})`, () => {
  let server: MatrixGateway;

  beforeAll(async () => {
    server = await startMatrixGateway();
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
  });

  it.each(areas)('pass in /%s except for the ones that are listed with a reason', async (area) => {
    const { gateway, user } = server.peer;
    const copy = join(gateway.work, `paramiko-${area}`);
    cpSync(join(source, 'tests'), join(copy, 'tests'), { recursive: true });
    // Its own fixtures start a server in the process.
    cpSync(join(import.meta.dirname, 'paramiko_conftest.py'), join(copy, 'tests/conftest.py'));
    const options = ['-q', '-p', 'no:cacheprovider', '-o', 'addopts=', '--tb=short', '-rA'];
    const files = ['tests/test_sftp.py', 'tests/test_sftp_big.py'];
    const { stdout } = await run('/usr/bin/python3', ['-W', 'ignore', '-m', 'pytest', ...options, ...files], {
      cwd: copy,
      timeoutMs: suiteLimitMs,
      env: {
        ...process.env,
        PYTHONPATH: source,
        LC_ALL: 'C.UTF-8',
        SFTPGW_AREA: area,
        SFTPGW_PORT: String(gateway.sftpPort),
        SFTPGW_USER: user.name,
        SFTPGW_IDENTITY: user.identity,
      },
    });
    const named = (kind: string) => [...stdout.matchAll(new RegExp(`^${kind} .*::(\\w+)`, 'gm'))];
    const failed = [...named('FAILED'), ...named('ERROR')].map(([, name]) => name);
    expect(failed.sort(), stdout).toEqual(Object.keys(paramikoFailures[area]).sort());
    expect(named('PASSED').length).toBe(paramikoPasses[area]);
  });
});
