import { beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { NodeProcess } from '../../model/nodes.js';
import type { UploadName } from '../../model/parked-uploads.js';
import { call } from '../../vault/testing/vault-world.js';
import { nodeUploads } from './upload-release.js';

const name: UploadName = {
  shown: { bucket: 'b', key: 'k.part' },
  stored: { bucket: 'b', key: 'k' },
  actor: 'bob',
};
const holder: NodeProcess = { node: 'a', epoch: 1 };

let nowMs: number;
/** When the holder is declared dead. */
let deadMs: number;
let asked: { readonly node: string; readonly kind: string; readonly content: unknown }[];
let answers: boolean;
const clock: Clock = { nowMs: () => nowMs, monotonicMs: () => nowMs, sleep: async () => undefined };

const release = (fault: Fault | null = null) =>
  nodeUploads(
    {
      find: async () => ({ parked: null, isElsewhere: true }),
      holders: async () => (nowMs < deadMs ? [holder] : []),
      parkedBelow: async () => [],
      stillParked: async () => new Set(),
    },
    {
      ask: async ({ node }, kind, content, timeoutMs) => {
        asked.push({ node, kind, content });
        if (fault !== null) throw fault;
        if (answers) return true;
        nowMs += timeoutMs;
        throw new Fault('timed-out', 'the node did not answer');
      },
    },
    clock,
  ).release(call(), name);

beforeEach(() => {
  [nowMs, deadMs, asked, answers] = [0, Number.POSITIVE_INFINITY, [], true];
});

describe('a request to release an upload', () => {
  it('goes to the node that has it, with the name that clients see', async () => {
    await release();
    expect(asked).toEqual([{ node: 'a', kind: 'release', content: { shown: name.shown, actor: 'bob' } }]);
  });

  it('waits until a node that does not answer is dead', async () => {
    [answers, deadMs] = [false, 9_000];
    await release();
    expect([nowMs, asked.length]).toEqual([10_000, 2]);
  });

  it('ends after 15 seconds in any case', async () => {
    answers = false;
    await release();
    expect(nowMs).toBe(15_000);
  });

  it('passes on the faults of the database', async () => {
    await expect(release(new Fault('unavailable', 'no database'))).rejects.toMatchObject({
      kind: 'unavailable',
    });
  });
});
