import { expect, it } from 'vitest';
import type { Call, Logger } from '../model/call.js';
import { loginKeysCheck } from './login-keys-check.js';

const quiet = () => undefined;
const log: Logger = { debug: quiet, info: quiet, warn: quiet, error: quiet, child: () => log };
const call: Call = { id: 'doctor', signal: new AbortController().signal, log };

it('has a finding for each problem of the files of login keys', async () => {
  const problems = [{ path: '/etc/revoked', text: '/etc/revoked does not exist' }];
  expect(await loginKeysCheck(async () => []).run(call)).toEqual([]);
  expect(await loginKeysCheck(async () => problems).run(call)).toMatchObject([
    { code: 'login-keys', severity: 'error', subject: '/etc/revoked', what: '/etc/revoked does not exist.' },
  ]);
});
