import { describe, expect, it } from 'vitest';
import type { LiveMirrorStatus } from '../model/mirror-runs.js';
import { call } from '../vault/testing/vault-world.js';
import { mirrorCheck } from './mirror-check.js';

const state = { names: async () => [], record: async () => null };

function live(name: string, isBehind: boolean): LiveMirrorStatus {
  const status = {
    name,
    bucket: 'bucket',
    prefix: 'bob/downloads/',
    directory: '/downloads',
    objects: 0,
    bytes: 0,
    lastPass: null,
    completeMs: 0,
    problemCount: 0,
    problems: [],
  };
  return { status, progress: null, waitingEvents: 0, lagMs: 1, isBehind };
}

describe('the check of mirrored directories', () => {
  it('reports those that a running gateway compares too rarely', async () => {
    const check = mirrorCheck(state, async () => [live('downloads/amy', false), live('downloads/bob', true)]);
    expect(await check.run(call())).toMatchObject([
      { code: 'mirror-behind', severity: 'warning', what: expect.stringContaining('1 mirrored directories') },
    ]);
    expect(await mirrorCheck(state, async () => [live('shared', false)]).run(call())).toEqual([]);
  });
});
