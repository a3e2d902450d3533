import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Ban } from '../../model/bans.js';
import type { AddedPoints, LoginReport } from '../../model/nodes.js';
import type { GatewayDatabase } from '../database.js';
import { openTwoNodes, type TwoNodes } from '../testing/nodes.js';
import { DatabaseSharedLogins } from './shared-logins.js';

let nodes: TwoNodes;
let db: GatewayDatabase;
let shared: DatabaseSharedLogins;

beforeEach(async () => {
  nodes = await openTwoNodes();
  ({ db } = nodes);
  shared = new DatabaseSharedLogins(db);
});
afterEach(() => nodes[Symbol.asyncDispose]());

const source = '192.0.2.7';
const start = { bans: 0, logins: 0 };
const report = (part: Partial<LoginReport>) =>
  shared.report({ points: [], resets: [], bans: [], cleared: [], logins: [], ...part });
const points = (subject: string, added: number, windowMs = 60_000): AddedPoints => ({
  ...{ kind: 'penalties', subject, points: added, windowMs },
});
const ban = (of: string, untilMs = Date.now() + 60_000): Ban => ({
  ...{ source: of, scope: 'everyone', cause: 'logins', sinceMs: 1, untilMs },
});
const expire = () => db.write((trx) => trx.updateTable('login_count').set({ ends_ms: 1 }).execute());

describe('counts of failed logins', () => {
  it('are summed over reports, in the order of a report', async () => {
    expect(await report({ points: [points(source, 5), points('x', 1)] })).toEqual([5, 1]);
    expect(await report({ points: [points('x', 2), points(source, 5)] })).toEqual([3, 10]);
    expect(await report({ points: [{ ...points(source, 1), kind: 'sources' }] })).toEqual([1]);
  });

  it('begin again when their window is over', async () => {
    await report({ points: [points(source, 5)] });
    await expire();
    expect(await report({ points: [points(source, 2)] })).toEqual([2]);
  });

  it('begin again after a reset, and after the address was cleared', async () => {
    await report({ points: [points(source, 5)] });
    expect(
      await report({ resets: [{ kind: 'penalties', subject: source }], points: [points(source, 1)] }),
    ).toEqual([1]);
    await report({ cleared: [source] });
    expect(await report({ points: [points(source, 3)] })).toEqual([3]);
  });

  it('accept any name that a client sends', async () => {
    for (const name of ['', '\0', '\n', 'é'.repeat(100_000), "'; --"]) {
      expect(await report({ points: [{ ...points(name, 1), kind: 'users' }] })).toEqual([1]);
      expect(await report({ points: [{ ...points(name, 1), kind: 'users' }] })).toEqual([2]);
    }
  });

  it('are removed when their window is over', async () => {
    await report({ points: [points('old', 5)] });
    await expire();
    await report({ points: [points(source, 5)] });
    await shared.clean();
    const rows = await db.read((k) => k.selectFrom('login_count').select('subject').execute());
    expect(rows).toEqual([{ subject: source }]);
  });
});

describe('bans and known logins', () => {
  it('are read once by each node, in the order of the changes', async () => {
    await report({ bans: [ban(source), ban('192.0.2.8')] });
    await report({ logins: [{ source, username: 'bob', atMs: 7 }] });
    const first = await shared.changesSince(start);
    expect(first.bans.map((one) => one.source)).toEqual([source, '192.0.2.8']);
    expect(first.logins).toEqual([{ source, username: 'bob', atMs: 7 }]);
    expect(await shared.changesSince(first.revisions)).toEqual({
      revisions: first.revisions,
      bans: [],
      cleared: [],
      logins: [],
    });
    await report({ bans: [{ ...ban(source), scope: 'new-users' }] });
    await report({ logins: [{ source, username: 'bob', atMs: 9 }] });
    const second = await shared.changesSince(first.revisions);
    expect(second.bans).toMatchObject([{ source, scope: 'new-users' }]);
    expect(second.logins).toEqual([{ source, username: 'bob', atMs: 9 }]);
  });

  it('end on all nodes', async () => {
    await report({ bans: [ban(source)] });
    const { revisions } = await shared.changesSince(start);
    await report({ cleared: [source, '192.0.2.9'] });
    expect(await shared.changesSince(revisions)).toMatchObject({ bans: [], cleared: [source, '192.0.2.9'] });
    // A node that starts later may have the ban in its file.
    await shared.clean();
    expect(await shared.changesSince(start)).toMatchObject({ bans: [], cleared: [source, '192.0.2.9'] });
    await report({ bans: [ban(source)] });
    expect(await shared.changesSince(start)).toMatchObject({ bans: [{ source }] });
  });

  it('are removed when they have expired, and no revision is used twice', async () => {
    await report({ bans: [ban('192.0.2.1', 1), ban('192.0.2.2', 1)] });
    await report({ logins: [{ source, username: 'old', atMs: 1 }] });
    await report({ logins: [{ source, username: 'bob', atMs: Date.now() }] });
    const before = await shared.changesSince(start);
    await shared.clean();
    const after = await shared.changesSince(start);
    expect([after.bans.map((one) => one.source), after.logins.map(({ username }) => username)]).toEqual([
      ['192.0.2.2'],
      ['bob'],
    ]);
    await report({ bans: [ban(source)] });
    expect((await shared.changesSince(before.revisions)).bans).toMatchObject([{ source }]);
  });
});
