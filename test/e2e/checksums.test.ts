import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Gateway } from '../support/gateway.js';
import { missing } from '../support/tools.js';

const programs = missing('sftp', 'ssh-keygen');
/** A missing file that napi-rs is to load instead of the package's own binary. */
const withoutBinary = { NAPI_RS_NATIVE_LIBRARY_PATH: '/nowhere/crc32.node' };

describe.skipIf(programs !== null)(`the checksum of uploads${programs ? ` (${programs})` : ''}`, () => {
  it.each([
    ['is CRC-32C', {}, 'crc32c'],
    ['is CRC-32 without a native CRC-32C, and the start warns of it', withoutBinary, 'crc32'],
  ] as const)('%s', async (_, env, expected) => {
    await using gateway = await Gateway.start({ s3: null, env });
    expect(gateway.output.includes('@node-rs/crc32 has no binary')).toBe(expected === 'crc32');
    const alice = await gateway.addUser('alice');
    const [source, back] = [join(gateway.work, 'source'), join(gateway.work, 'back')];
    writeFileSync(source, randomBytes(12 * 1024 * 1024));
    await alice.sftpOk(`put ${source} /uploads/large`);
    const url = 's3://sftpgw/alice/uploads/large';
    const status = await gateway.cli(['object', 'stat', url, '--json']);
    expect(status.code, status.stderr).toBe(0);
    const { crc32, crc32c } = JSON.parse(status.stdout);
    expect([crc32 !== null, crc32c !== null]).toEqual([expected === 'crc32', expected === 'crc32c']);
    const got = await gateway.cli(['object', 'get', url, back]);
    expect(got.code, got.stderr).toBe(0);
    expect(readFileSync(back).equals(readFileSync(source))).toBe(true);
  });
});
