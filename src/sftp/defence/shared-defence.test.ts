import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../assembly/system.js';
import { DatabaseSharedLogins } from '../../database/cluster/shared-logins.js';
import { openTwoNodes, type TwoNodes } from '../../database/testing/nodes.js';
import { Fault } from '../../model/fault.js';
import type { LoginReport, SharedLogins } from '../../model/nodes.js';
import { type LogLine, recordingLogger } from '../testing/test-logger.js';
import { LoginDefence } from './login-defence.js';

const attacker = '198.51.100.66';
const office = '192.0.2.1';

let directory: string;
let nodes: TwoNodes;
let reports: LoginReport[];
let isDown: boolean;
let lines: LogLine[];
let a: LoginDefence;
let b: LoginDefence;

async function start(name: string): Promise<LoginDefence> {
  const database = new DatabaseSharedLogins(nodes.db);
  const shared: SharedLogins = {
    report: async (report) => {
      if (isDown) throw new Fault('unavailable', 'the database does not answer');
      reports.push(report);
      return await database.report(report);
    },
    changesSince: (revisions) => database.changesSince(revisions),
  };
  const file = join(directory, name);
  const limits = { banAfterPenalty: 100, freeSourceFailures: 1_000, freeUserFailures: 1_000 };
  return await LoginDefence.open({ file, shared, limits, log: recordingLogger(lines), clock: systemClock });
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sftpgw-defence-'));
  nodes = await openTwoNodes();
  [reports, isDown, lines] = [[], false, []];
  [a, b] = [await start('a'), await start('b')];
});
afterEach(async () => {
  await a.close();
  await b.close();
  await nodes[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

/** Lets both nodes share, twice, so that each has what the other one reported. */
async function share(): Promise<void> {
  for (const one of [a, b, a, b]) await one.sync();
}

/** Fails logins on a node, which then reports them. */
async function fail(one: LoginDefence, times: number, username = 'alice', address = attacker): Promise<void> {
  const refusals = Array.from({ length: times }, () => one.refused(address, username));
  for (let turn = 0; turn < 3; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    await one.sync();
  }
  await Promise.all(refusals);
}

describe('the defence of several nodes', () => {
  it('bans an address for the failures on all nodes, on all nodes', async () => {
    await fail(a, 10);
    await fail(b, 9);
    await share();
    expect([a.admit(attacker), b.admit(attacker)]).toEqual([null, null]);
    await fail(a, 1);
    await share();
    for (const one of [a, b]) {
      expect(one.admit(attacker)).toMatch(/too many failed logins/);
      expect(await one.list()).toMatchObject([{ source: attacker, scope: 'everyone', cause: 'logins' }]);
    }
  });

  it('does not lock out a user who has logged in from the address on another node', async () => {
    a.loggedIn(attacker, 'carol');
    await share();
    await fail(b, 20);
    await share();
    for (const one of [a, b]) {
      expect(await one.list()).toMatchObject([{ scope: 'new-users' }]);
      expect([one.mayCheck(attacker, 'carol'), one.mayCheck(attacker, 'alice')]).toEqual([true, false]);
    }
  });

  it('bans and ends bans by command on all nodes', async () => {
    await a.add(office, 60_000);
    await share();
    expect(b.admit(office)).toMatch(/too many/);
    expect(await b.clear(office)).toBe(1);
    await share();
    expect([a.admit(office), b.admit(office)]).toEqual([null, null]);
    expect([await a.list(), await b.list()]).toEqual([[], []]);
  });

  it('ends all bans, and forgets the failures on all nodes', async () => {
    await fail(a, 15);
    await a.add(office, 60_000);
    await a.add(attacker, 60_000);
    await share();
    expect(await b.clear(null)).toBe(2);
    await share();
    await fail(b, 15);
    await share();
    expect([await a.list(), await b.list()]).toEqual([[], []]);
  });

  it('knows the bans of others when it starts, and that its own were ended meanwhile', async () => {
    await a.add(office, 60_000);
    await b.add(attacker, 60_000);
    await share();
    await a.close();
    await b.clear(office);
    a = await start('a');
    expect(a.admit(office)).toMatch(/too many/);
    await a.sync();
    expect([a.admit(office), a.admit(attacker)]).toEqual([null, expect.stringMatching(/too many/)]);
  });

  it('delays a refusal by the failures on all nodes', async () => {
    await fail(a, 2, 'alice', office);
    await share();
    const delayed = b.refused(office, 'alice');
    await new Promise((resolve) => setImmediate(resolve));
    await b.sync();
    expect(await delayed).toBe(300);
  });

  it('gives the database a bounded number of rows, and counts the others alone', async () => {
    const refusals = Array.from({ length: 1_000 }, (_, index) => a.refused(`2001:db8:0:${index}::1`, 'root'));
    await new Promise((resolve) => setImmediate(resolve));
    await a.sync();
    await a.sync();
    await Promise.all(refusals);
    for (const { points } of reports) expect(points.length).toBeLessThanOrEqual(256);
    await fail(a, 20, 'alice', office);
    expect(a.admit(office)).toMatch(/too many/);
  });

  it('counts alone while the database does not answer', async () => {
    isDown = true;
    const refusals = Array.from({ length: 20 }, () => a.refused(attacker, 'alice'));
    await new Promise((resolve) => setImmediate(resolve));
    await expect(a.sync()).rejects.toMatchObject({ kind: 'unavailable' });
    await expect(a.sync()).rejects.toMatchObject({ kind: 'unavailable' });
    await Promise.all(refusals);
    expect(a.admit(attacker)).toMatch(/too many/);
    expect(lines.filter(({ message }) => message === 'failed logins not shared')).toHaveLength(1);
    isDown = false;
    await share();
    expect(b.admit(attacker)).toMatch(/too many/);
  });
});
