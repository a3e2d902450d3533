import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTestDatabase } from '../../../test/support/test-database.js';
import type { GatewayDatabase } from '../database.js';
import { ClusterRoot } from './cluster-root.js';
import { DatabaseRootFiles } from './root-files.js';

let directory: string;
let db: GatewayDatabase;
let files: DatabaseRootFiles;
let cluster: ClusterRoot;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sftpgw-root-files-'));
  db = await openTestDatabase(join(directory, 'test.db'));
  files = new DatabaseRootFiles(db, 'a');
  cluster = new ClusterRoot(db);
});
afterEach(async () => {
  await db.close();
  rmSync(directory, { recursive: true });
});

const change = (path: string, replaces: number, version: number, isRemoved = false) => ({
  ...{ path, replaces, version, content: `${path} ${version}`, isRemoved },
});

describe('the files of a cluster', () => {
  it('are replaced only by a change that knows the version', async () => {
    expect(await files.store([change('one', 0, 10), change('two', 0, 10)])).toEqual(new Set());
    expect(await files.store([change('one', 0, 11), change('two', 10, 12)])).toEqual(new Set(['one']));
    expect(await files.store([change('one', 9, 11), change('gone', 3, 4)])).toEqual(new Set(['one', 'gone']));
    expect(await files.files(['one', 'two', 'none'])).toEqual([
      { path: 'one', version: 10, revision: 1, content: 'one 10' },
      { path: 'two', version: 12, revision: 4, content: 'two 12' },
    ]);
    expect(await files.versions()).toEqual(new Map([...([['one', 10]] as const), ['two', 12]]));
  });

  it('go to one of two nodes that store at once', async () => {
    const other = new DatabaseRootFiles(db, 'b');
    const refused = await Promise.all([files.store([change('p', 0, 5)]), other.store([change('p', 0, 6)])]);
    expect(refused.map((paths) => paths.size).sort()).toEqual([0, 1]);
  });

  it('are read behind a revision, in order', async () => {
    await files.store(['a', 'b', 'c'].map((path) => change(path, 0, 1)));
    await files.store([change('a', 1, 2)]);
    const seen = await files.changesSince(1, 2);
    expect(seen.map(({ path }) => path)).toEqual(['b', 'c']);
    expect((await files.changesSince(3, 2)).map(({ path }) => path)).toEqual(['a']);
    expect([await files.lastRevision(), await files.files([])]).toEqual([4, []]);
  });
});

describe('a cluster', () => {
  it('is created once, and shows what its nodes report', async () => {
    expect([await cluster.identity(), await files.identity(), await cluster.status()]).toEqual([
      null,
      null,
      null,
    ]);
    expect([await cluster.create('x'), await cluster.create('y')]).toEqual([true, false]);
    expect(await files.identity()).toBe('x');
    await files.store([change('kept', 0, 1), change('removed', 0, 1, true)]);
    await files.report({ revision: 1, conflicts: [], problems: [] });
    await files.report({ revision: 2, conflicts: ['p.conflict'], problems: ['it is wrong'] });
    expect(await cluster.status()).toEqual({
      files: 1,
      revision: 2,
      nodes: [
        {
          ...{ id: 'a', revision: 2, reportedMs: expect.any(Number) },
          ...{ conflicts: ['p.conflict'], problems: ['it is wrong'] },
        },
      ],
    });
    await cluster.clear();
    expect([await cluster.status(), await files.lastRevision()]).toEqual([null, 0]);
  });

  it('accepts a token once, and not after its time', async () => {
    await cluster.addToken('hash', 'sealed', 60_000);
    await cluster.addToken('late', 'sealed', 0);
    expect(await cluster.takeToken('other')).toBe(null);
    expect(await cluster.takeToken('late')).toBe(null);
    const taken = await Promise.all([cluster.takeToken('hash'), cluster.takeToken('hash')]);
    expect(taken.toSorted()).toEqual(['sealed', null].toSorted());
  });

  it('is removed with its last machine', async () => {
    const started = { kind: 'gateway', epoch: 1, last_commit: null, started_ms: 1, seen_ms: 1 } as const;
    await db.write((trx) =>
      trx
        .insertInto('database_writer')
        .values(['a', 'b'].map((id) => ({ id, host: `host-${id}`, version: null, root: null, ...started })))
        .execute(),
    );
    await cluster.create('x');
    expect(await cluster.removeMachine(['a', 'a2'])).toEqual(['host-b']);
    expect(await cluster.identity()).toBe('x');
    expect(await cluster.removeMachine(['b'])).toEqual([]);
    expect(await cluster.identity()).toBe(null);
  });
});
