import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { packTar, readTar, type TarFile } from './tar.js';

const file: fc.Arbitrary<TarFile> = fc.record({
  name: fc
    .stringMatching(/^[a-z.é]{1,20}(\/[a-z._-]{1,20}){0,2}$/)
    .filter((name) => Buffer.byteLength(name) <= 100),
  content: fc.uint8Array({ maxLength: 1500 }),
  mode: fc.constantFrom(0o600, 0o644, 0o700),
  mtimeMs: fc.integer({ min: 0, max: 2 ** 32 }).map((seconds) => seconds * 1000),
});
const plain = (files: readonly TarFile[]) =>
  files.map(({ content, ...file }) => ({ ...file, content: Buffer.from(content).toString('hex') }));

it('reads back what it has written', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(file, { maxLength: 8 }), async (files) => {
      expect(plain(readTar(await packTar(files)))).toEqual(plain(files));
    }),
  );
});

it.each([600, 2400])('lets other work run between groups of %i files', async (count) => {
  const content = Buffer.from('x');
  const files = Array.from({ length: count }, (_, at) => ({
    name: `f${at}`,
    content,
    mode: 0o600,
    mtimeMs: 0,
  }));
  let turns = 0;
  let isPacked = false;
  const other = () => {
    turns += 1;
    if (!isPacked) setImmediate(other);
  };
  setImmediate(other);
  const archive = await packTar(files);
  isPacked = true;
  expect(turns).toBeGreaterThanOrEqual(Math.floor(count / 256));
  expect(readTar(archive)).toHaveLength(count);
});

it('refuses an archive that was cut anywhere', async () => {
  const archive = await packTar([
    { name: 'a', content: Buffer.alloc(700, 1), mode: 0o600, mtimeMs: 0 },
    { name: 'b', content: Buffer.alloc(3), mode: 0o600, mtimeMs: 0 },
  ]);
  // Only the second of the two empty blocks at the end may be missing.
  for (let length = 0; length < archive.byteLength - 512; length += 1) {
    expect(() => readTar(archive.subarray(0, length))).toThrowError(/corrupt/);
  }
});

it('refuses a header in which a byte was changed', async () => {
  const archive = await packTar([{ name: 'home/bob', content: Buffer.from('x'), mode: 0o600, mtimeMs: 0 }]);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 264 }), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const damaged = Buffer.from(archive);
      damaged[at] = (damaged[at] ?? 0) ^ change;
      expect(() => readTar(damaged)).toThrowError(/corrupt/);
    }),
  );
});

it('refuses a header of another kind, even with a correct checksum', async () => {
  const archive = await packTar([{ name: 'home/bob', content: Buffer.from('x'), mode: 0o600, mtimeMs: 0 }]);
  const changed = (at: number, text: string): Buffer => {
    const header = Buffer.from(archive);
    header.write(text, at, 'latin1');
    header.write('        ', 148, 'latin1');
    const sum = header.subarray(0, 512).reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    return header;
  };
  expect(plain(readTar(changed(0, 'home/eve')))).toMatchObject([{ name: 'home/eve' }]);
  const wrong: readonly (readonly [number, string])[] = [
    [0, '\0'],
    [100, '00006x0'],
    [100, 'x000600'],
    [100, '000060 '],
    [124, '0000000000x'],
    [124, '           '],
    [136, '-0000000000'],
    [156, '5'],
    [257, 'ustaR'],
  ];
  for (const [at, text] of wrong)
    expect(() => readTar(changed(at, text)), `${at} ${text}`).toThrowError(/corrupt/);
});

it('writes archives that tar unpacks', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sftpgw-tar-'));
  try {
    const path = `${'d'.repeat(49)}/${'f'.repeat(50)}`;
    writeFileSync(
      join(directory, 'x.tar'),
      await packTar([{ name: path, content: Buffer.from('content'), mode: 0o600, mtimeMs: 0 }]),
    );
    execFileSync('tar', ['-xf', 'x.tar'], { cwd: directory });
    expect(readFileSync(join(directory, path), 'utf8')).toBe('content');
    expect(statSync(join(directory, path)).mode & 0o777).toBe(0o600);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

it('rejects for a path that does not fit', async () => {
  await expect(
    packTar([{ name: 'x'.repeat(101), content: Buffer.alloc(0), mode: 0o600, mtimeMs: 0 }]),
  ).rejects.toThrowError(/too long/);
});
