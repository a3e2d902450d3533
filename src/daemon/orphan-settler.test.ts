import { describe, expect, it } from 'vitest';
import type { IntentId, LedgerRow } from '../model/ledger.js';
import type { ParkedUpload } from '../model/parked-uploads.js';
import { call } from '../vault/testing/vault-world.js';
import type { SettleReport } from '../vault/vault.js';
import { OrphanSettler } from './orphan-settler.js';

const row = (id: string) => ({ id: id as IntentId, requestId: 'r' }) as LedgerRow;
const upload = (id: string) => ({ id: id as IntentId }) as ParkedUpload;

function setUp() {
  const state = {
    nowMs: 0,
    claims: [] as { pending: readonly LedgerRow[]; parked: readonly ParkedUpload[] }[],
    settled: [] as string[],
    failing: new Set<string>(),
    shown: [] as string[],
  };
  const report: SettleReport = { confirmed: 0, abandoned: 0, abortedUploads: 0, problems: [] };
  const settler = new OrphanSettler({
    orphans: {
      claim: async () => state.claims.shift() ?? { pending: [], parked: [] },
      stillPending: async (rows) => rows.filter(({ id }) => state.failing.has(id)),
    },
    vault: {
      settlePending: async (_call, { claimed = [] }) => {
        state.settled.push(...claimed.map(({ id }) => id));
        return report;
      },
    },
    allKeys: async () => [],
    runningCommandsDirectory: '/nowhere',
    clock: {
      nowMs: () => state.nowMs,
      monotonicMs: () => state.nowMs,
      sleep: async () => undefined,
    },
  });
  return { state, settler };
}

describe('the settler of ended nodes', () => {
  it('settles each claimed row once', async () => {
    const { state, settler } = setUp();
    state.claims.push({ pending: [row('a')], parked: [] }, { pending: [row('b')], parked: [] });
    await settler.run(call());
    await settler.run(call());
    expect(state.settled).toEqual(['a', 'b']);
  });

  it('tries rows that fail again, after a growing pause', async () => {
    const { state, settler } = setUp();
    state.claims.push({ pending: [row('a'), row('b')], parked: [] });
    state.failing.add('a');
    const tries: number[] = [];
    for (state.nowMs = 0; state.nowMs <= 200_000; state.nowMs += 1_000) {
      const before = state.settled.length;
      await settler.run(call());
      if (state.settled.length > before) tries.push(state.nowMs / 1_000);
    }
    expect(tries).toEqual([0, 5, 15, 35, 75, 135, 195]);
    expect(state.settled.filter((id) => id === 'b')).toHaveLength(1);
  });

  it('settles rows of another node at once, although earlier ones wait', async () => {
    const { state, settler } = setUp();
    state.claims.push({ pending: [row('a')], parked: [] });
    state.failing.add('a');
    await settler.run(call());
    state.nowMs = 1_000;
    state.claims.push({ pending: [row('b')], parked: [] });
    await settler.run(call());
    expect(state.settled).toEqual(['a', 'a', 'b']);
  });

  it('shows parked uploads that it claims after the start', async () => {
    const { state, settler } = setUp();
    state.claims.push({ pending: [], parked: [upload('restored')] });
    await settler.claim();
    settler.showParked(async (_call, { id }) => void state.shown.push(id));
    state.claims.push({ pending: [], parked: [upload('adopted')] });
    await settler.run(call());
    await settler.run(call());
    expect(state.shown).toEqual(['adopted']);
  });

  it('continues after an error, and ends with its call', async () => {
    const { state, settler } = setUp();
    const stop = new AbortController();
    let runs = 0;
    settler.showParked(async () => {
      runs += 1;
      if (runs === 1) throw new Error('no S3');
      stop.abort();
    });
    state.claims.push({ pending: [], parked: [upload('a')] });
    await settler.run(call());
    state.claims.push({ pending: [], parked: [upload('b')] });
    await settler.run({ ...call(), signal: stop.signal });
    expect(runs).toBe(2);
  });
});
