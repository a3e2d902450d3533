import { describe, expect, it } from 'vitest';
import { ManualClock } from '../mirror/testing/manual-clock.js';
import { Fault } from '../model/fault.js';
import { call } from '../vault/testing/vault-world.js';
import { Readiness } from './readiness.js';

describe('the readiness', () => {
  it('keeps results for five seconds, with their ages, and runs one check at a time', async () => {
    const clock = new ManualClock();
    let runs = 0;
    let fault: Fault | null = new Fault('unavailable', 'S3 refuses connections');
    const check = {
      name: 's3',
      run: async () => {
        runs += 1;
        if (fault !== null) throw fault;
      },
    };
    const readiness = new Readiness([check], clock, call().log);
    const [first] = await Promise.all([readiness.report(), readiness.report()]);
    expect(first).toEqual({
      isReady: false,
      checks: [{ name: 's3', isOk: false, kind: 'unavailable', reason: 'S3 refuses connections', ageMs: 0 }],
    });
    expect(runs).toBe(1);
    fault = null;
    await clock.advance(4000);
    expect(await readiness.report()).toMatchObject({ isReady: false, checks: [{ ageMs: 4000 }] });
    await clock.advance(1000);
    expect(await readiness.report()).toMatchObject({ isReady: true, checks: [{ ageMs: 0 }] });
    expect(runs).toBe(2);
  });

  it('fails once the gateway stops', async () => {
    const readiness = new Readiness([], new ManualClock(), call().log);
    expect(await readiness.report()).toEqual({ isReady: true, checks: [] });
    readiness.drain();
    expect(await readiness.report()).toMatchObject({ isReady: false, checks: [{ name: 'drain' }] });
  });
});
