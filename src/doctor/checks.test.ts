import { describe, expect, it } from 'vitest';
import type { Call, Logger } from '../model/call.js';
import { Fault } from '../model/fault.js';
import { type Check, runChecks } from './check.js';
import { bySeverity, type DoctorFinding } from './finding.js';
import { machineCheck } from './machine-check.js';

const log: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => log,
};
const call: Call = { id: 'doctor', signal: new AbortController().signal, log };

function finding(severity: DoctorFinding['severity'], what: string): DoctorFinding {
  return { code: 'x', severity, subject: 'gateway', what, why: 'Because.', whatToDo: 'That.' };
}

function check(name: string, run: Check['run']): Check {
  return { name, run };
}

describe('runChecks', () => {
  it('runs the other checks when one fails, and reports the failure as a finding', async () => {
    const seen: string[] = [];
    const findings = await runChecks(
      call,
      [
        check('the first', async () => {
          throw new Fault('denied', 'it may not be read');
        }),
        check('the second', async () => [finding('notice', 'Something.')]),
      ],
      (name) => seen.push(name),
    );
    expect(seen).toEqual(['the first', 'the second']);
    expect(findings).toMatchObject([
      { code: 'check-failed', what: 'The check of the first failed: it may not be read.' },
      { what: 'Something.' },
    ]);
  });

  it('stops when it is interrupted', async () => {
    const interrupted = check('the first', async () => {
      throw new Fault('cancelled', 'the request was cancelled');
    });
    await expect(runChecks(call, [interrupted], () => undefined)).rejects.toMatchObject({
      kind: 'cancelled',
    });
  });

  it('ends with one fault when it is interrupted, whatever the running checks throw', async () => {
    const interrupting = new AbortController();
    const seen: string[] = [];
    const checks = Array.from({ length: 20 }, (_, index) =>
      check(`uploads of user${index}`, async ({ signal }) => {
        if (index === 3) interrupting.abort();
        if (signal.aborted) throw new Fault('unavailable', 'the connection was closed');
        return [];
      }),
    );
    const run = runChecks({ ...call, signal: interrupting.signal }, checks, (name) => seen.push(name), 2);
    await expect(run).rejects.toMatchObject({ kind: 'cancelled' });
    expect(seen.length).toBeLessThan(7);
  });

  it('keeps the order of the checks if they run in parallel', async () => {
    const checks = [3, 1, 2].map((ms) =>
      check(`${ms}`, async () => {
        await new Promise((resume) => setTimeout(resume, ms));
        return [finding('notice', `${ms}`)];
      }),
    );
    const findings = await runChecks(call, checks, () => undefined, 3);
    expect(findings.map(({ what }) => what)).toEqual(['3', '1', '2']);
  });

  it('sorts the findings by severity', () => {
    const mixed = [
      finding('notice', 'a'),
      finding('error', 'b'),
      finding('warning', 'c'),
      finding('error', 'd'),
    ];
    expect(bySeverity(mixed).map(({ what }) => what)).toEqual(['b', 'd', 'c', 'a']);
  });
});

it('finds missing native ciphers, a missing native checksum and misspelt settings', async () => {
  const found = await machineCheck({
    hasNativeCrypto: false,
    hasNativeCrc32c: false,
    sendsCrc32c: true,
    secretPaths: [],
    secretDirectories: [],
    mirrorDirectory: '/nowhere',
    mirrorReserveBytes: 0,
    settingsProblems: ['line 3: unknown setting "buket"; did you mean bucket?'],
  }).run(call);
  expect(found.map(({ code }) => code)).toEqual(['no-native-crypto', 'no-native-checksum', 'settings']);
});
