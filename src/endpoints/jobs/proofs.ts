import Type from 'typebox';
import { Reply } from '../../api/description/operation.js';
import { Fault } from '../../model/fault.js';
import type { VerifyAuditRequest, VerifyJobRequest } from '../../operations/jobs/kinds.js';
import { findKey, refuseDestruction } from '../../operations/key-administration.js';
import { operation } from '../context.js';
import { keyParameters, strict } from '../schemas.js';
import { exampleJob, jobSchema, viewJob } from './view.js';

export const destroyKeyJob = operation({
  id: 'destroyKey',
  group: 'keys',
  summary: 'Begin a job that destroys a key if no version in any bucket needs it. This cannot be undone.',
  method: 'POST',
  path: '/api/keys/{key}/destroy',
  needs: 'custodian',
  fourEyes: {
    requests: 'every request',
    summary: ({ parameters: { key } }) => `destroy the key ${key}`,
  },
  parameters: keyParameters,
  status: 202,
  answer: jobSchema,
  command: 'sftpgw key destroy 3f9a41c0',
  example: { parameters: { key: '3f9a41c0' }, answer: { ...exampleJob, kind: 'destroy-key' } },
  handle: async ({ root, runner }, { parameters, person }) => {
    const found = await findKey(root.keyring, parameters.key);
    await refuseDestruction(root, found);
    return new Reply(viewJob(await runner.begin('destroy-key', { key: found.id }, person.name)));
  },
});

export const proveKeyJob = operation({
  id: 'proveKey',
  group: 'keys',
  summary: 'Begin a job that checks whether any version in any bucket needs a key. It destroys nothing.',
  details: 'The result has `unused`, and otherwise the first hundred versions that need the key.',
  method: 'POST',
  path: '/api/keys/{key}/prove',
  needs: 'custodian',
  parameters: keyParameters,
  status: 202,
  answer: jobSchema,
  example: { parameters: { key: '3f9a41c0' }, answer: { ...exampleJob, kind: 'prove-key' } },
  handle: async ({ root, runner }, { parameters, person }) => {
    const found = await findKey(root.keyring, parameters.key);
    if (found.state === 'destroyed') throw new Fault('conflict', `the key ${found.id} is destroyed`);
    return new Reply(viewJob(await runner.begin('prove-key', { key: found.id }, person.name)));
  },
});

export const verifyLedgerJob = operation({
  id: 'verifyLedger',
  group: 'ledger',
  summary: 'Begin a job that compares the ledger with the buckets.',
  method: 'POST',
  path: '/api/ledger/verify',
  needs: 'custodian',
  body: Type.Object(
    {
      sample: Type.Optional(
        Type.Integer({ minimum: 1, description: 'Versions to request with their key; all if left out.' }),
      ),
      reads: Type.Optional(Type.Boolean({ description: 'Reads the content and compares its checksum.' })),
    },
    strict,
  ),
  status: 202,
  answer: jobSchema,
  command: 'sftpgw ledger verify --sample 1000',
  example: { body: { sample: 1000 }, answer: { ...exampleJob, kind: 'verify-ledger' } },
  handle: async ({ runner }, { body, person }) => {
    const request: VerifyJobRequest = { sample: body.sample ?? null, reads: body.reads ?? false };
    return new Reply(viewJob(await runner.begin('verify-ledger', request, person.name)));
  },
});

export const rebuildLedgerJob = operation({
  id: 'rebuildLedger',
  group: 'ledger',
  summary: 'Begin a job that records versions in the ledger that it does not know.',
  method: 'POST',
  path: '/api/ledger/rebuild',
  needs: 'custodian',
  status: 202,
  answer: jobSchema,
  command: 'sftpgw ledger rebuild',
  example: { answer: { ...exampleJob, kind: 'rebuild-ledger' } },
  handle: async ({ runner }, { person }) =>
    new Reply(viewJob(await runner.begin('rebuild-ledger', {}, person.name))),
});

export const verifyAuditJob = operation({
  id: 'verifyAudit',
  group: 'audit',
  summary: 'Begin a job that verifies that no event of the audit trail was changed, removed or inserted.',
  details:
    'It recomputes the hash of every row. The result has `rows`, `firstSeq`, `lastSeq`, `heads`, and `problem`: null, or the first wrong row with `kind` (`changed`, `removed`, `inserted`, `rewritten`), `seq` and `text`. If such a job is not finished, the answer is that job.',
  method: 'POST',
  path: '/api/audit/verify',
  needs: 'viewer',
  body: Type.Object(
    {
      heads: Type.Optional(
        Type.Boolean({
          description:
            'Also compares the daily heads in the default bucket, which show that the whole database was rewritten.',
        }),
      ),
    },
    strict,
  ),
  status: 202,
  answer: jobSchema,
  command: 'sftpgw audit verify --bucket',
  example: { body: { heads: true }, answer: { ...exampleJob, kind: 'verify-audit' } },
  handle: async ({ runner, jobs }, { body, person }) => {
    const request: VerifyAuditRequest = { heads: body.heads ?? false };
    // Viewers begin it, and must not fill the queue.
    const open = await jobs.findOpen('verify-audit', request);
    return new Reply(viewJob(open ?? (await runner.begin('verify-audit', request, person.name))));
  },
});
