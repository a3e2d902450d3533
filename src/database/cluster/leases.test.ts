import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTestDatabase } from '../../../test/support/test-database.js';
import { eventually } from '../../../test/support/wait.js';
import { systemClock } from '../../assembly/system.js';
import { untilAborted } from '../../concurrency/abort.js';
import type { Clock } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import { type LogLine, recordingLogger } from '../../sftp/testing/test-logger.js';
import type { GatewayDatabase, RowOwner } from '../database.js';
import { ownedBy, silence, startNode } from '../testing/nodes.js';
import { LeaseRows } from './lease-rows.js';
import { Leases } from './leases.js';
import { declareDead } from './nodes.js';

let directory: string;
let db: GatewayDatabase;
let a: RowOwner;
let b: RowOwner;
let stop: AbortController;
let lines: LogLine[];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sftpgw-leases-'));
  db = await openTestDatabase(join(directory, 'db'));
  a = await startNode(db, 'a', 1);
  b = await startNode(db, 'b', 1);
  stop = new AbortController();
  lines = [];
});
afterEach(async () => {
  stop.abort();
  await db.close();
  rmSync(directory, { recursive: true });
});

/** Pauses are a hundred times shorter. */
const fastClock: Clock = {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(ms / 100, signal),
};
const leasesOf = (owner: RowOwner) => new Leases(ownedBy(db, owner), fastClock, recordingLogger(lines));
const expire = (name: string) =>
  db.write((trx) => trx.updateTable('lease').set({ expires_ms: 1 }).where('name', '=', name).execute());

describe('a lease in the database', () => {
  it('has one holder, until it is released', async () => {
    const [one, other] = [new LeaseRows(db, a), new LeaseRows(db, b)];
    expect(await one.claim('work')).toBe(1);
    expect(await other.claim('work')).toBeNull();
    expect(await one.claim('other work')).toBe(1);
    expect(await one.renew('work', 1)).toBe(true);
    await one.release('work', 1);
    expect(await other.claim('work')).toBe(2);
    expect(await one.renew('work', 1)).toBe(false);
    await one.release('work', 1);
    expect(await one.claim('work')).toBeNull();
  });

  it('is given to one of several that ask at the same time', async () => {
    const owners = [a, b, await startNode(db, 'c', 1), await startNode(db, 'd', 1)];
    const claims = await Promise.all(owners.map((owner) => new LeaseRows(db, owner).claim('work')));
    expect(claims.filter((epoch) => epoch !== null)).toEqual([1]);
  });

  it('goes to another process when it expires', async () => {
    await new LeaseRows(db, a).claim('work');
    await expire('work');
    expect(await new LeaseRows(db, b).claim('work')).toBe(2);
  });

  it('goes to another process at once when its holder was declared dead', async () => {
    await new LeaseRows(db, a).claim('work');
    await silence(db, a);
    await db.write((trx) => declareDead(trx, b));
    expect(await new LeaseRows(db, b).claim('work')).toBe(2);
  });

  it('ends the writes of a silent holder before it goes to another process', async () => {
    await new LeaseRows(db, a).claim('work');
    await expire('work');
    await silence(db, a);
    // A process that has just started cannot tell a dead holder from an outage of the database.
    await db.write((trx) =>
      trx
        .updateTable('database_writer')
        .set((eb) => ({ steady_ms: eb.ref('seen_ms') }))
        .where('id', '=', 'b')
        .execute(),
    );
    expect(await new LeaseRows(db, b).claim('work')).toBeNull();
    await startNode(db, 'b', 1);
    expect(await new LeaseRows(db, b).claim('work')).toBe(2);
    const holder = await db.read((k) =>
      k.selectFrom('database_writer').select(['state', 'epoch']).where('id', '=', 'a').executeTakeFirst(),
    );
    expect(holder).toEqual({ state: 'dead', epoch: 2 });
  });
});

describe('leased work', () => {
  /** Runs work that lasts as long as its lease, and records who runs it. */
  function start(owner: RowOwner, running: Set<string>, signal = stop.signal): Promise<void> {
    return leasesOf(owner).run('work', signal, async (held) => {
      running.add(owner.node);
      await untilAborted(held);
      running.delete(owner.node);
    });
  }

  it('runs on one node, and on another one when that one stops', async () => {
    const running = new Set<string>();
    const stopA = new AbortController();
    const ofA = start(a, running, stopA.signal);
    await eventually('the first one runs', () => running.has('a'));
    const ofB = start(b, running);
    await systemClock.sleep(100);
    expect([...running]).toEqual(['a']);
    stopA.abort();
    await ofA;
    await eventually('the other one runs', () => running.has('b'));
    expect([...running]).toEqual(['b']);
    stop.abort();
    await ofB;
  });

  it('stops when its lease is lost, and begins again when it is free', async () => {
    const running = new Set<string>();
    const ofA = start(a, running);
    await eventually('it runs', () => running.has('a'));
    await db.write((trx) => trx.updateTable('lease').set({ node: 'b', epoch: 2 }).execute());
    await eventually('it stops', () => !running.has('a'));
    expect(lines.some(({ message }) => message === 'lease lost')).toBe(true);
    await new LeaseRows(db, b).release('work', 2);
    await eventually('it runs again', () => running.has('a'));
    stop.abort();
    await ofA;
  });

  it('begins again after an error, which is logged once', async () => {
    let runs = 0;
    const running = leasesOf(a).run('work', stop.signal, async () => {
      runs += 1;
      throw new Fault('unavailable', 'no S3');
    });
    await eventually('three runs', () => runs >= 3);
    stop.abort();
    await running;
    expect(lines.filter(({ message }) => message === 'leased work failed')).toHaveLength(1);
  });

  it('is not attempted while another process has the lease', async () => {
    const epoch = await new LeaseRows(db, b).claim('work');
    expect(await leasesOf(a).attempt('work', stop.signal, async () => 'done')).toBeNull();
    await new LeaseRows(db, b).release('work', epoch ?? 0);
    expect(await leasesOf(a).attempt('work', stop.signal, async () => 'done')).toBe('done');
    expect(await new LeaseRows(db, b).claim('work')).toBe(3);
  });

  it('needs no lease in a database of one gateway', async () => {
    const leases = new Leases({ ...ownedBy(db, a), owner: null }, fastClock, recordingLogger(lines));
    expect(await leases.attempt('work', stop.signal, async (held) => held === stop.signal)).toBe(true);
    await expect(leases.run('work', stop.signal, () => Promise.reject(new Error('mine')))).rejects.toThrow(
      'mine',
    );
    expect(await db.read((k) => k.selectFrom('lease').selectAll().execute())).toEqual([]);
  });
});
