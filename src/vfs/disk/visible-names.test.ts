import { execFileSync } from 'node:child_process';
import { link, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Session, World } from '../testing/world.js';

let world: World;
let bob: Session;
beforeEach(async () => {
  world = await World.make();
  world.change({ local: true, shared: true, downloads: true, downloadsMode: 'mirror' });
  bob = await world.login();
  execFileSync('mkfifo', [join(world.directory, 'pipe')]);
});
afterEach(() => world[Symbol.asyncDispose]());

const name = fc
  .oneof(
    fc.constantFrom('a', 'b', 'a.b', 'é', 'e\u0301', ' ', 'x\u0007', 'n\nl', '-', '~', '\\', '"'),
    fc.string({ maxLength: 4 }),
  )
  .filter((text) => !['', '.', '..'].includes(text) && !/[/\0]|\p{Surrogate}/u.test(text));
const kinds = ['file', 'file', 'directory', 'link', 'link out', 'dangling link', 'loop', 'pipe'] as const;
const entry = fc.record({
  path: fc.array(name, { minLength: 1, maxLength: 3 }).map((segments) => segments.join('/')),
  kind: fc.constantFrom(...kinds),
  bytes: fc.nat({ max: 3 }),
});

/** Makes an entry, unless its name is taken or a file is above it. */
async function make(
  root: string,
  { path, kind, bytes }: { path: string; kind: (typeof kinds)[number]; bytes: number },
): Promise<void> {
  const full = join(root, path);
  const targets = { link: '.', 'link out': '/etc/passwd', 'dangling link': 'nothing here', loop: full };
  try {
    await mkdir(dirname(full), { recursive: true });
    if (kind === 'file') await writeFile(full, Buffer.alloc(bytes), { flag: 'wx' });
    else if (kind === 'directory') await mkdir(full);
    else if (kind === 'pipe') await link(join(world.directory, 'pipe'), full);
    else await symlink(targets[kind], full);
  } catch {
    // The name is taken, or a file is above it.
  }
}

/** Adds the paths that listings show, and checks that the other operations agree with each. */
async function walk(directory: string, found: Set<string>): Promise<void> {
  for (const [listed, { type, size }] of await bob.entries(directory)) {
    const path = `${directory}/${listed}`;
    found.add(path);
    expect(await bob.lstat(path)).toMatchObject({ type, size });
    if (type === 'symlink') continue;
    expect(await bob.stat(path)).toMatchObject({ type, size });
    if (type === 'directory') await walk(path, found);
    else expect(Buffer.byteLength(await bob.read(path))).toBe(size);
  }
}

/** Returns the paths on disk that clients can request. */
async function usable(directory: string, shown: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const one of await readdir(directory, { withFileTypes: true })) {
    if (/\p{Cc}/u.test(one.name) || !(one.isFile() || one.isDirectory() || one.isSymbolicLink())) continue;
    const path = `${shown}/${one.name}`;
    found.push(path, ...(one.isDirectory() ? await usable(join(directory, one.name), path) : []));
  }
  return found;
}

describe.each(['local', 'shared', 'downloads'])('a listing of /%s', (point) => {
  it('shows the names that STAT, LSTAT and OPEN know, and no others', async () => {
    const root = join(world.directory, point);
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { maxLength: 10 }), async (entries) => {
        await rm(root, { recursive: true, force: true });
        await mkdir(root);
        for (const one of entries) await make(root, one);
        bob = await world.login();
        const found = new Set<string>();
        await walk(`/${point}`, found);
        expect([...found].toSorted()).toEqual((await usable(root, `/${point}`)).toSorted());
      }),
      { numRuns: 30 },
    );
  });
});
