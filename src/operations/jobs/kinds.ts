import { createAuditReader } from '../../database/audit/reader.js';
import type { DoctorFinding } from '../../doctor/finding.js';
import type { AuditFinding } from '../../ledger-audit/findings.js';
import { rebuildLedger } from '../../ledger-audit/rebuild.js';
import { type VerifyState, verifyLedger } from '../../ledger-audit/verify.js';
import type { Job, JobKind, Jobs } from '../../model/api/jobs.js';
import { Fault, isFault } from '../../model/fault.js';
import type { ObjectRef } from '../../model/object-store.js';
import { copyTree } from '../../objects/copy-tree.js';
import { EncryptionChoice } from '../../objects/encryption-choice.js';
import { removeTree } from '../../objects/remove.js';
import type { TreeOutcome, TreeWatcher } from '../../objects/tree-outcome.js';
import { verifyHeads } from '../audit.js';
import { destroyKey, findKeyNeeds } from '../destroy-key.js';
import { runDoctor } from '../doctor.js';
import { findKey, refuseDestruction } from '../key-administration.js';
import { openLedger } from '../ledger-audit.js';
import { openObjectServices } from '../object-services.js';
import type { JobWork, RunningJob } from './runner.js';

/** Requests of jobs, as the API has checked them. */
export interface TreeRequest {
  readonly from: ObjectRef;
  /** Null for a removal. */
  readonly to: ObjectRef | null;
  readonly keepEncryption: boolean;
  readonly allowDowngrade: boolean;
}
export interface DestroyRequest {
  /** The id of the key. */
  readonly key: string;
}
export interface VerifyAuditRequest {
  /** Compares the heads in the bucket too. */
  readonly heads: boolean;
}
export interface VerifyJobRequest {
  readonly sample: number | null;
  readonly reads: boolean;
}

/** Names and findings in the result of one job; more are only counted. */
const maxListed = 1000;

/** Returns the work of every kind of job. `jobs` finds the doctor's last findings. */
export function jobWork(jobs: Jobs): Readonly<Record<JobKind, JobWork>> {
  return {
    'copy-tree': (running) => workOnTree(running, false),
    'move-tree': (running) => workOnTree(running, true),
    'remove-tree': (running) => workOnTree(running, false),
    'prove-key': prove,
    'destroy-key': destroy,
    'verify-ledger': verify,
    'rebuild-ledger': rebuild,
    'verify-audit': verifyTrail,
    doctor: (running) => checkAll(running, jobs),
  };
}

/** Copies that exist already are skipped, so an interrupted job can begin at the first object again. */
async function workOnTree({ job, root, report }: RunningJob, move: boolean): Promise<unknown> {
  const { from, to, keepEncryption, allowDowngrade } = job.request as TreeRequest;
  const { services } = await openObjectServices(root, root.settings, root.log);
  const counter = new TreeCounter(report);
  if (to === null) await removeTree(services, root.call, from, false, counter);
  else {
    const choice = new EncryptionChoice(services.owners, {
      given: null,
      keep: keepEncryption,
      allowDowngrade,
      gatewayFiles: false,
    });
    await copyTree(services, root.call, from, to, { choice, move, gatewayFiles: false }, counter);
  }
  return { ...counter.counts, failures: counter.failures };
}

class TreeCounter implements TreeWatcher {
  readonly counts = { objects: 0, unchanged: 0, failed: 0, bytes: 0 };
  readonly failures: { readonly name: string; readonly text: string }[] = [];
  readonly #report: RunningJob['report'];

  constructor(report: RunningJob['report']) {
    this.#report = report;
  }

  took(bytes: number): void {
    this.counts.bytes += bytes;
    this.#report({ ...this.counts });
  }

  settled(outcome: TreeOutcome): void {
    if (outcome.kind === 'failed') {
      this.counts.failed += 1;
      const text = Fault.from(outcome.error).hint;
      if (this.failures.length < maxListed) this.failures.push({ name: outcome.name, text });
    } else if (outcome.kind === 'done') this.counts.objects += 1;
    else this.counts.unchanged += 1;
    this.#report({ ...this.counts });
  }
}

/** The proof of a destruction is found again: only the destruction itself bars the key. */
async function prove({ job, root, report }: RunningJob): Promise<unknown> {
  const { key } = job.request as DestroyRequest;
  const found = await findKey(root.keyring, key);
  const needs = await findKeyNeeds(root, found.id, ({ versions, bytes }) => report({ versions, bytes }));
  return {
    unused: needs.length === 0,
    needs: needs.map(({ ref, versionId, state }) => ({ ...ref, versionId, state })),
  };
}

/** The proof is found again from the beginning after an interruption, because it must hold at the end. */
async function destroy({ job, root, report }: RunningJob): Promise<unknown> {
  const { key } = job.request as DestroyRequest;
  const found = await findKey(root.keyring, key);
  // An earlier process may have destroyed it just before it ended.
  if (found.state === 'destroyed') return { destroyed: true, needs: [], rawFiles: [] };
  await refuseDestruction(root, found);
  const outcome = await destroyKey(root, found.id, ({ versions, bytes }) => report({ versions, bytes }));
  if (outcome.kind === 'destroyed') return { destroyed: true, needs: [], rawFiles: outcome.rawFiles };
  return {
    destroyed: false,
    needs: outcome.needs.map(({ ref, versionId, state }) => ({ ...ref, versionId, state })),
    rawFiles: [],
  };
}

interface VerifyPosition {
  readonly state: VerifyState;
  readonly findings: readonly AuditFinding[];
}

async function verify({ job, root, report }: RunningJob): Promise<unknown> {
  const { sample, reads } = job.request as VerifyJobRequest;
  const ledger = await openLedger(root, root.settings, root.log);
  const position = job.position as VerifyPosition | null;
  const findings: AuditFinding[] = [...(position?.findings ?? [])];
  let seen = { versions: 0, bytes: 0 };
  const counts = await verifyLedger(ledger.audit, root.call, {
    buckets: await ledger.buckets(),
    sample,
    reads,
    from: position?.state ?? null,
    actor: 'ledger verify',
    progress: (progress) => {
      seen = { ...progress };
      report(seen);
    },
    found: (finding) => {
      if (findings.length < maxListed) findings.push(finding);
    },
    checkpoint: async (state) => report(seen, { state, findings: [...findings] }),
  });
  root.scribe.note({ action: 'ledger.verify', details: { ...counts } });
  return { ...counts, found: findings.map(findingView) };
}

async function rebuild({ root, report }: RunningJob): Promise<unknown> {
  const ledger = await openLedger(root, root.settings, root.log);
  const buckets = await ledger.buckets();
  const unopened: AuditFinding[] = [];
  const counts = await rebuildLedger(ledger.audit, root.call, {
    buckets,
    actor: 'ledger rebuild',
    progress: ({ versions, bytes }) => report({ versions, bytes }),
    found: (finding) => {
      if (unopened.length < maxListed) unopened.push(finding);
    },
  });
  root.scribe.note({
    action: 'ledger.rebuild',
    target: buckets.join(' '),
    details: { ...counts },
  });
  return { ...counts, found: unopened.map(findingView) };
}

/** Begins at the first row again after an interruption, because an earlier row may have changed meanwhile. */
async function verifyTrail({ job, root, report }: RunningJob): Promise<unknown> {
  const { heads: withHeads } = job.request as VerifyAuditRequest;
  const trail = createAuditReader(root.database);
  const chain = await trail.verify((rows) => {
    root.call.signal.throwIfAborted();
    report({ rows });
  });
  if (!withHeads || chain.problem !== null) return { ...chain, heads: null };
  return { ...chain, ...(await verifyHeads(root, trail, chain)) };
}

function findingView({ kind, ref, versionId, keyId, text }: AuditFinding) {
  return { kind, bucket: ref.bucket, key: ref.key, versionId, keyId, text };
}

/** A finding of the doctor, with the time of the first check in a row that found it. */
export interface DatedFinding extends DoctorFinding {
  readonly sinceMs: number;
}

/** Returns the findings of the last complete check; null if there was none. */
export function doctorResult(job: Job | null): readonly DatedFinding[] | null {
  return job === null ? null : (job.result as { readonly findings: readonly DatedFinding[] }).findings;
}

async function checkAll({ root, report, job }: RunningJob, jobs: Jobs): Promise<unknown> {
  const before = doctorResult(await jobs.lastDone('doctor')) ?? [];
  const since = new Map(before.map((finding) => [nameOf(finding), finding.sinceMs]));
  let checks = 0;
  const found = await runDoctor(root, {
    users: null,
    scope: 'auto',
    onCheck: () => {
      checks += 1;
      report({ checks });
    },
  }).catch((error: unknown) => {
    if (isFault(error)) throw error;
    throw Fault.from(error);
  });
  const findings = found.map((finding) => ({
    ...finding,
    sinceMs: since.get(nameOf(finding)) ?? job.updatedMs,
  }));
  return { findings };
}

function nameOf({ code, subject }: DoctorFinding): string {
  return `${code} ${subject}`;
}
