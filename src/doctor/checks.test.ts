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

describe('the checks', () => {
  it('go on when one fails, whose failure is a finding', async () => {
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
      { code: 'check-failed', what: 'the first could not be looked at: it may not be read' },
      { what: 'Something.' },
    ]);
  });

  it('end when they are interrupted', async () => {
    const interrupted = check('the first', async () => {
      throw new Fault('cancelled', 'the request was cancelled');
    });
    await expect(runChecks(call, [interrupted], () => undefined)).rejects.toMatchObject({
      kind: 'cancelled',
    });
  });

  it('are told with the worst first', () => {
    const mixed = [
      finding('notice', 'a'),
      finding('error', 'b'),
      finding('warning', 'c'),
      finding('error', 'd'),
    ];
    expect(bySeverity(mixed).map(({ what }) => what)).toEqual(['b', 'd', 'c', 'a']);
  });
});

it('native ciphers that are not built, a native checksum that is missing, and settings that are not what was meant, are found', async () => {
  const found = await machineCheck({
    hasNativeCrypto: false,
    hasNativeCrc32c: false,
    sendsCrc32c: true,
    secretPaths: [],
    secretDirectories: [],
    mirrorDirectory: '/nowhere',
    mirrorReserveBytes: 0,
    settingsProblems: ['line 3: there is no setting "buket"; bucket was meant?'],
  }).run(call);
  expect(found.map(({ code }) => code)).toEqual(['no-native-crypto', 'no-native-checksum', 'settings']);
});
