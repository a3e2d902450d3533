import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Session, World } from '../testing/world.js';

let world: World;
let bob: Session;
beforeEach(async () => {
  world = await World.make();
});
afterEach(() => world[Symbol.asyncDispose]());

const segment = fc.oneof(
  fc.constantFrom(
    '',
    '.',
    '..',
    'a',
    'b',
    'a.b',
    'é',
    'e\u0301',
    '\ud800',
    'x\u0007',
    'n\nl',
    ' ',
    'c'.repeat(300),
  ),
  fc.string({ maxLength: 4 }),
);
const key = fc
  .array(segment, { minLength: 1, maxLength: 4 })
  .map((segments) => segments.join('/'))
  .filter((text) => Buffer.byteLength(`bob/uploads/${text}`) <= 1024);
const bucket = fc.uniqueArray(fc.tuple(key, fc.nat({ max: 3 })), {
  maxLength: 12,
  selector: ([text]) => text,
});

/** Adds the paths below a directory that listings show, and checks that STAT, LSTAT and OPEN agree with each. */
async function walk(directory: string, found: Set<string>): Promise<void> {
  for (const [name, { type, size }] of await bob.entries(directory)) {
    const path = `${directory}/${name}`;
    found.add(path);
    expect(await bob.stat(path)).toMatchObject({ type, size });
    expect(await bob.lstat(path)).toMatchObject({ type, size });
    if (type === 'directory') await walk(path, found);
    else expect(Buffer.byteLength(await bob.read(path))).toBe(size);
  }
}

it('a listing of uploads shows no name that STAT, LSTAT and OPEN do not know, and reports the objects that it omits', async () => {
  await fc.assert(
    fc.asyncProperty(bucket, async (objects) => {
      world.s3.objects.clear();
      world.logged.length = 0;
      // A new process, which has reported nothing.
      bob = await world.restart();
      for (const [text, bytes] of objects) world.s3.put(`bob/uploads/${text}`, Buffer.alloc(bytes));
      const found = new Set<string>();
      await walk('/uploads', found);
      const isVisible = (text: string) => found.has(`/uploads/${text.replace(/\/$/, '')}`) || text === '';
      const areAllVisible = objects.every(([text]) => isVisible(text));
      const isReported = world.logged.some(({ message }) => message.startsWith('listing omits names'));
      expect(isReported).toBe(!areAllVisible);
    }),
    { numRuns: 300 },
  );
});

it('a listing of direct downloads shows no name that STAT, LSTAT and OPEN do not know', async () => {
  world.change({ downloads: true, downloadsMode: 'direct' });
  bob = await world.restart();
  await fc.assert(
    fc.asyncProperty(bucket, async (objects) => {
      world.s3.objects.clear();
      for (const [text, bytes] of objects) world.s3.put(`bob/downloads/${text}`, Buffer.alloc(bytes));
      const found = new Set<string>();
      await walk('/downloads', found);
      // Every object with a name that clients can request is found.
      for (const [text] of objects) {
        const path = `/downloads/${text.replace(/\/$/, '')}`;
        if (!found.has(path)) expect(text === '' || text.split('/').some(isUnusable)).toBe(true);
      }
    }),
    { numRuns: 150 },
  );
});

/** Returns whether clients cannot request this segment of a key. */
function isUnusable(text: string): boolean {
  return ['', '.', '..'].includes(text) || /\p{Cc}|\p{Surrogate}/u.test(text);
}
