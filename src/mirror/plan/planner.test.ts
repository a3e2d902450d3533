import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareUtf8 } from '../../bytes/utf8-order.js';
import type { ListedFile, MirrorAction, MirrorEntry } from '../../model/mirror.js';
import { keyNamed } from '../../vault/testing/vault-world.js';
import { nameProblem } from './mirror-paths.js';
import { plan } from './plan.js';
import { type CheckedEntry, type ListedPath, Planner, type PlanOptions } from './planner.js';

const alice = keyNamed('alice').fingerprint;
const options: PlanOptions = { maxPathBytes: 4000, foldsCase: false, keys: new Set([alice]) };

function listed(version: number): ListedFile {
  return { etag: `etag-${version}`, size: version, lastModifiedMs: version * 1000 };
}

function fileEntry(path: string, version: number): MirrorEntry {
  return {
    path,
    object: { ...listed(version), fingerprint: alice },
    stamp: { inode: version, size: version, mtimeMs: version },
    refusal: null,
  };
}

function directoryEntry(path: string, marker: number | null = null): MirrorEntry {
  const object = marker === null ? null : { ...listed(marker), fingerprint: null };
  return { path, object, stamp: null, refusal: null };
}

async function* pages<T>(items: readonly T[], pageItems: number): AsyncGenerator<readonly T[]> {
  for (let at = 0; at < items.length; at += pageItems) yield items.slice(at, at + pageItems);
}

/** Returns the plan. `s3` has versions by path; the state has entries and whether each is intact. */
async function planned(
  s3: ReadonlyMap<string, number>,
  state: readonly CheckedEntry[],
  change: Partial<PlanOptions> = {},
): Promise<readonly MirrorAction[]> {
  const listing: ListedPath[] = [...s3].map(([path, version]) => ({ path, file: listed(version) }));
  listing.sort((one, other) => Buffer.compare(Buffer.from(one.path), Buffer.from(other.path)));
  const sorted = [...state].sort((one, other) =>
    Buffer.compare(Buffer.from(one.entry.path), Buffer.from(other.entry.path)),
  );
  const actions: MirrorAction[] = [];
  for await (const batch of plan(pages(listing, 3), pages(sorted, 4), { ...options, ...change })) {
    actions.push(...batch);
  }
  return actions;
}

function brief(actions: readonly MirrorAction[]): readonly string[] {
  return actions.map((action) =>
    action.kind === 'report'
      ? `report ${action.problem.kind} ${action.problem.path}`
      : `${action.kind} ${action.path}`,
  );
}

const intact = (entry: MirrorEntry): CheckedEntry => ({ entry, isIntact: true });
const damaged = (entry: MirrorEntry): CheckedEntry => ({ entry, isIntact: false });
const s3 = (...paths: readonly string[]) => new Map(paths.map((path) => [path, 1]));

describe('the plan', () => {
  it('fetches new, changed and damaged files, and leaves the rest', async () => {
    const actions = await planned(s3('new', 'changed', 'damaged', 'same'), [
      intact(fileEntry('changed', 2)),
      damaged(fileEntry('damaged', 1)),
      intact(fileEntry('same', 1)),
    ]);
    expect(actions.map((action) => [action.kind, 'reason' in action ? action.reason : null])).toEqual([
      ['fetch', 'changed'],
      ['fetch', 'damaged'],
      ['fetch', 'new'],
      ['leave', null],
    ]);
  });

  it('creates directories before their files and removes them afterwards', async () => {
    const removed = ['old/', 'old/deep/'].map((path) => intact(directoryEntry(path)));
    expect(brief(await planned(s3('new/deep/f'), [...removed, intact(fileEntry('old/deep/f', 1))]))).toEqual([
      'make-directory new/',
      'make-directory new/deep/',
      'fetch new/deep/f',
      'delete old/deep/f',
      'remove-directory old/deep/',
      'remove-directory old/',
    ]);
  });

  it('prefers a directory to a file of the same name, whatever sorts between them', async () => {
    expect(
      brief(await planned(s3('a', 'a!', 'a-x', 'a.x/y', 'a/b', 'a0'), [intact(fileEntry('a', 1))])),
    ).toEqual([
      'fetch a!',
      'fetch a-x',
      'make-directory a.x/',
      'fetch a.x/y',
      'report file-and-directory a',
      'delete a',
      'make-directory a/',
      'fetch a/b',
      'fetch a0',
    ]);
  });

  it('removes a directory before a file takes its name', async () => {
    const state = [intact(directoryEntry('a/')), intact(fileEntry('a/b', 1))];
    expect(brief(await planned(s3('a', 'a-'), state))).toEqual([
      'fetch a-',
      'delete a/b',
      'remove-directory a/',
      'fetch a',
    ]);
  });

  it('does not count a name that cannot be on disk as a directory', async () => {
    expect(brief(await planned(s3('a', 'a/../b', 'a//c'), []))).toEqual([
      'report name a/../b',
      'report name a//c',
      'fetch a',
    ]);
  });

  it('keeps a directory that has only a marker, and reports a marker with content', async () => {
    const state = [intact(directoryEntry('d/', 0)), intact(fileEntry('d/f', 1))];
    expect(brief(await planned(new Map([['d/', 0]]), state))).toEqual(['delete d/f']);
    expect(brief(await planned(new Map([['e/', 5]]), []))).toEqual([
      'make-directory e/',
      'report file-and-directory e/',
    ]);
  });

  it('does not try failed keys again until another key is available', async () => {
    const refused: MirrorEntry = {
      path: 'a',
      object: null,
      stamp: null,
      refusal: { etag: 'etag-1', size: 1, lastModifiedMs: 1000, tried: [alice] },
    };
    expect(brief(await planned(s3('a'), [intact(refused)]))).toEqual(['report no-key a']);
    const keys = new Set([alice, keyNamed('bob').fingerprint]);
    expect(brief(await planned(s3('a'), [intact(refused)], { keys }))).toEqual(['fetch a']);
    expect(brief(await planned(new Map([['a', 2]]), [intact(refused)]))).toEqual(['fetch a']);
    expect(brief(await planned(new Map(), [intact(refused)]))).toEqual(['forget a']);
  });

  it('retries an object that was written again with the same ETag, as with ETags made from the content', async () => {
    const refused: MirrorEntry = {
      path: 'a',
      object: null,
      stamp: null,
      refusal: { etag: 'etag-1', size: 1, lastModifiedMs: -4000, tried: [alice] },
    };
    expect(brief(await planned(s3('a'), [intact(refused)]))).toEqual(['fetch a']);
  });

  it('reports names that differ only in case if the file system folds case', async () => {
    const names = s3('A', 'a', 'D/x', 'd/y');
    expect(brief(await planned(names, [])).filter((line) => line.startsWith('fetch'))).toHaveLength(4);
    const state = [intact(fileEntry('a', 1)), intact(directoryEntry('d/')), intact(fileEntry('d/y', 1))];
    expect(brief(await planned(names, state, { foldsCase: true }))).toEqual([
      'fetch A',
      'make-directory D/',
      'fetch D/x',
      'report case a',
      'forget a',
      'report case d/y',
      'forget d/y',
      'forget d/',
    ]);
  });

  it('refuses streams that are out of order, because removals could not be detected', () => {
    const planner = new Planner(options);
    planner.next('b', listed(1), null);
    expect(() => planner.next('a', listed(1), null)).toThrow(/order/);
    expect(() => planner.next('b', listed(1), null)).toThrow(/order/);
  });
});

/** A tree on disk that carries out actions. Throws for an action that is impossible. */
class Tree {
  readonly files = new Map<string, number>();
  readonly directories = new Set<string>();

  #checkParent(path: string): void {
    const parent = path.replace(/\/$/, '').split('/').slice(0, -1).join('/');
    if (parent !== '' && !this.directories.has(`${parent}/`)) throw new Error(`${path} has no directory`);
  }

  carryOut(action: MirrorAction): void {
    switch (action.kind) {
      case 'fetch':
        this.#checkParent(action.path);
        if (this.directories.has(`${action.path}/`)) throw new Error(`${action.path} is a directory`);
        this.files.set(action.path, action.object.size);
        return;
      case 'delete':
        this.files.delete(action.path);
        return;
      case 'make-directory':
        this.#checkParent(action.path);
        if (this.files.has(action.path.slice(0, -1))) throw new Error(`${action.path} is a file`);
        this.directories.add(action.path);
        return;
      case 'remove-directory':
        for (const path of [...this.files.keys(), ...this.directories]) {
          if (path !== action.path && path.startsWith(action.path))
            throw new Error(`${action.path} holds ${path}`);
        }
        this.directories.delete(action.path);
        return;
      case 'leave':
        if (!this.files.has(action.path)) throw new Error(`${action.path} does not exist`);
        return;
      default:
        return;
    }
  }
}

/** Returns the files and directories for these objects, computed in a simple way. */
function wanted(objects: ReadonlyMap<string, number>): {
  files: Map<string, number>;
  directories: Set<string>;
} {
  const valid = [...objects].filter(([path]) => nameProblem(path, options.maxPathBytes) === null);
  const directories = new Set<string>();
  for (const [path] of valid) {
    for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
      directories.add(path.slice(0, slash + 1));
    }
  }
  const files = valid.filter(([path]) => !path.endsWith('/') && !directories.has(`${path}/`));
  return { files: new Map(files), directories };
}

describe('the plan compared with a simple one', () => {
  const piece = fc.constantFrom('a', 'b', 'a-', 'a.', 'a!', 'é', '\u{1f600}', '\ufb01', '..', '.', '', 'A');
  const path = fc
    .tuple(fc.array(piece, { minLength: 1, maxLength: 4 }), fc.boolean())
    .map(([pieces, isDirectory]) => pieces.join('/') + (isDirectory ? '/' : ''))
    .filter((text) => text !== '');
  const objects = fc
    .array(fc.tuple(path, fc.integer({ min: 1, max: 3 })), { maxLength: 25 })
    .map((pairs) => new Map(pairs));

  it('turns the tree of any objects into the tree of any others, with every action possible in its turn', async () => {
    await fc.assert(
      fc.asyncProperty(
        objects,
        objects,
        fc.array(fc.nat(30), { maxLength: 3 }),
        async (before, now, losses) => {
          const tree = new Tree();
          const old = wanted(before);
          for (const directory of old.directories) tree.directories.add(directory);
          for (const [name, version] of old.files) tree.files.set(name, version);
          const state: CheckedEntry[] = [
            ...[...old.files].map(([name, version]) => intact(fileEntry(name, version))),
            ...[...old.directories].map((name) => intact(directoryEntry(name, before.get(name) ?? null))),
          ].map((checked, index) => {
            const isLost = losses.includes(index) && !checked.entry.path.endsWith('/');
            if (isLost) tree.files.delete(checked.entry.path);
            return isLost ? damaged(checked.entry) : checked;
          });
          const actions = await planned(now, state);
          for (const action of actions) tree.carryOut(action);
          const goal = wanted(now);
          expect(new Map([...tree.files].sort())).toEqual(new Map([...goal.files].sort()));
          expect([...tree.directories].sort()).toEqual([...goal.directories].sort());
          const fetched = actions.flatMap((action) => (action.kind === 'fetch' ? [action.path] : []));
          const needed = [...goal.files].filter(([name, version]) => {
            const known = state.find(({ entry }) => entry.path === name);
            return known === undefined || !known.isIntact || known.entry.object?.size !== version;
          });
          expect(fetched.sort()).toEqual(needed.map(([name]) => name).sort());
          const reported = new Set(
            actions.flatMap((action) => (action.kind === 'report' ? [action.problem.path] : [])),
          );
          for (const [name] of now) {
            const isThere = goal.files.has(name) || goal.directories.has(name);
            if (!isThere) expect(reported).toContain(name);
          }
        },
      ),
      { numRuns: 600 },
    );
  });

  it('compares names by their bytes', () => {
    const text = fc.string({ unit: 'binary', maxLength: 6 });
    fc.assert(
      fc.property(text, text, (one, other) => {
        const order = Math.sign(Buffer.compare(Buffer.from(one), Buffer.from(other)));
        expect(Math.sign(compareUtf8(one, other))).toBe(order);
      }),
      { numRuns: 1000 },
    );
  });

  it('remembers only the directories of the current path, however many objects there are', () => {
    const planner = new Planner(options);
    for (let index = 0; index < 50_000; index += 1) {
      planner.next(`d${String(index).padStart(6, '0')}/f`, listed(1), null);
      // The file waits for one more path, because its name may turn out to be a directory.
      expect(planner.take().length).toBeLessThanOrEqual(2);
    }
  });
});
