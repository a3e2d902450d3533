import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseAuthorizedKeys } from './authorized-keys.js';
import { changePublicKeys } from './change-keys.js';
import { keyLine, offeredKey } from './testing/test-users.js';

const line = (seed: number, options = '') => keyLine(offeredKey(seed), options);
const fingerprint = (seed: number) => offeredKey(seed).fingerprint;

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sftpgw-change-keys-'));
  path = join(directory, 'authorized_keys');
});
afterEach(() => rm(directory, { recursive: true }));

async function changed(
  before: string | Buffer | null,
  change: Parameters<typeof changePublicKeys>[1],
): Promise<string | null> {
  if (before !== null) await writeFile(path, before);
  return (await changePublicKeys(path, change))?.toString('latin1') ?? null;
}

describe('public keys that are added', () => {
  it('make a new file, and follow the last line of an existing one', async () => {
    expect(await changed(null, { publicKeys: [line(1)] })).toBe(`${line(1)}\n`);
    expect(await changed('', { publicKeys: [line(1)] })).toBe(`${line(1)}\n`);
    expect(await changed('# mine', { publicKeys: [line(1)] })).toBe(`# mine\n${line(1)}\n`);
    expect(await changed('# mine\n', { publicKeys: [line(1)] })).toBe(`# mine\n${line(1)}\n`);
  });

  it('may be several lines in one text, with comments and blank lines, which are left out', async () => {
    const text = `# a comment\r\n${line(1)}\r\n\r\n  ${line(2)}  \r${line(3)}\n`;
    expect(await changed(null, { publicKeys: [text] })).toBe(`${line(1)}\n${line(2)}\n${line(3)}\n`);
  });

  it('change nothing if the file has them already, with any options', async () => {
    expect(await changed(line(1, 'restrict'), { publicKeys: [line(1)] })).toBeNull();
    expect(await changed(line(1), { publicKeys: [] })).toBeNull();
    expect(await changed(line(1), {})).toBeNull();
  });

  it('are refused if one of them is unusable', async () => {
    const refused = changed(line(1), { publicKeys: [line(2), 'ssh-ed25519 AAAA'] });
    await expect(refused).rejects.toMatchObject({
      kind: 'invalid',
      hint: expect.stringContaining('unusable'),
    });
  });
});

describe('public keys that are removed', () => {
  it('disappear with every line that has them, and all other bytes stay', async () => {
    // Latin 1 in a comment, which is not valid UTF-8.
    const comment = Buffer.from([0x23, 0x20, 0xe9, 0x0d, 0x0a]);
    const before = Buffer.concat([
      comment,
      Buffer.from(`${line(1)} one\r\n${line(2)}\nnot a key\n\n${line(1, 'restrict')}\r${line(3)}`),
    ]);
    const after = await changed(before, { removePublicKeys: [fingerprint(1)] });
    expect(after).toBe(`${comment.toString('latin1')}${line(2)}\nnot a key\n\n${line(3)}`);
  });

  it('are several at once, and may be replaced in the same change', async () => {
    const before = `${line(1)}\n${line(2)}\n${line(3)}\n`;
    const removePublicKeys = [fingerprint(3), fingerprint(1)];
    expect(await changed(before, { removePublicKeys })).toBe(`${line(2)}\n`);
    expect(await changed(before, { removePublicKeys, publicKeys: [line(4), line(2)] })).toBe(
      `${line(2)}\n${line(4)}\n`,
    );
    expect(await changed(line(1), { removePublicKeys: [fingerprint(1)] })).toBe('');
    expect(await changed(line(1), { removePublicKeys: [fingerprint(1)], publicKeys: [line(1)] })).toBe(
      `${line(1)}\n`,
    );
  });

  it('must be in the file', async () => {
    const removePublicKeys = [fingerprint(1), fingerprint(2)];
    const missing = { kind: 'not-found', hint: expect.stringContaining(fingerprint(2)) };
    await expect(changed(line(1), { removePublicKeys })).rejects.toMatchObject(missing);
    await rm(path);
    await expect(changed(null, { removePublicKeys })).rejects.toMatchObject({ kind: 'not-found' });
  });

  it('leave exactly the other keys, in any file', async () => {
    const ending = fc.constantFrom('\n', '\r\n', '\r');
    const content = fc.constantFrom('', '# c', 'junk', line(1), line(2), line(3), line(1, 'restrict'));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(content, ending), { minLength: 1, maxLength: 12 }),
        async (lines) => {
          const before = `${line(1)}\n${lines.map(([text, end]) => text + end).join('')}`;
          const after = (await changed(before, { removePublicKeys: [fingerprint(1)] })) ?? '';
          const keys = (text: string) => parseAuthorizedKeys(text).keys.map((key) => key.fingerprint);
          expect(keys(after)).toEqual(keys(before).filter((key) => key !== fingerprint(1)));
        },
      ),
      { numRuns: 50 },
    );
  });
});

it('a file of keys that cannot be read is reported, and is not taken for an empty one', async () => {
  await mkdir(path);
  await expect(changed(null, { publicKeys: [line(1)] })).rejects.toMatchObject({
    kind: 'unavailable',
    hint: expect.stringContaining(path),
  });
});
