import { createActivityReader } from '../../database/activity.js';
import type { ReadinessReport } from '../../health/readiness.js';
import { type ActivityCounts, addActivity, noActivity } from '../../model/api/activity.js';
import type { RootServices } from '../open-root.js';
import { recoveryStatus } from '../recovery-status.js';
import { bucketStates } from './bucket-state.js';
import { countUsers } from './overview.js';

/** A step from an empty gateway to a file that was uploaded and read back. */
export interface ChecklistItem {
  readonly code: 'bucket' | 'sse-c' | 'recovery' | 'bucket-copy' | 'user' | 'upload' | 'download';
  readonly title: string;
  /** `open`: it is not done yet. `failed`: it was tried, or something prevents it. */
  readonly state: 'done' | 'open' | 'failed';
  /** Why it is not done; null if it is. */
  readonly detail: string | null;
  readonly command: string | null;
}

/** Returns the steps in order. Asks S3 about the bucket and its settings. Throws faults of the keyring and the database. */
export async function checklist(
  root: RootServices,
  readiness: ReadinessReport,
  nowMs: number,
): Promise<readonly ChecklistItem[]> {
  const users = await countUsers(root);
  const activity = await allActivity(root, nowMs);
  return [
    bucketItem(readiness),
    await sseCItem(root),
    ...(await recoveryItems(root)),
    item('user', 'The first user exists', users.all > 0, {
      detail: 'There are no users yet.',
      command: 'addsftpuser bob',
    }),
    item('upload', 'The first file was uploaded', activity.uploads > 0, {
      detail: 'No user has uploaded a file yet. `sftpgw user sheet` prints the commands for a partner.',
      command: 'sftpgw user sheet bob',
    }),
    item('download', 'A file was read back', activity.downloads > 0, {
      detail: 'No user has downloaded a file yet.',
      command: null,
    }),
  ];
}

function item(
  code: ChecklistItem['code'],
  title: string,
  isDone: boolean,
  rest: Pick<ChecklistItem, 'detail' | 'command'>,
): ChecklistItem {
  const ofState = isDone ? { detail: null, command: null } : rest;
  return { code, title, state: isDone ? 'done' : 'open', ...ofState };
}

function bucketItem({ checks }: ReadinessReport): ChecklistItem {
  const s3 = checks.find(({ name }) => name === 's3');
  const title = 'The bucket can be reached';
  if (s3?.isOk === true) return item('bucket', title, true, { detail: null, command: null });
  return { code: 'bucket', title, state: 'failed', detail: s3?.reason ?? null, command: 'sftpgw doctor' };
}

async function sseCItem(root: RootServices): Promise<ChecklistItem> {
  const title = 'The bucket accepts customer keys (SSE-C)';
  const states = await bucketStates(root, { gateway: null, others: [] });
  const blocked = states.filter(({ sseC }) => sseC === 'blocked').map(({ bucket }) => bucket);
  const command = 'sftpgw setup --allow-sse-c';
  if (blocked.length > 0) {
    return { code: 'sse-c', title, state: 'failed', detail: `Blocked in: ${blocked.join(', ')}.`, command };
  }
  const [unknown] = states.filter(({ sseC }) => sseC === 'unknown');
  const detail = unknown === undefined ? null : (unknown.problems[0] ?? 'The setting cannot be read.');
  return item('sse-c', title, unknown === undefined, { detail, command: 'sftpgw doctor' });
}

async function recoveryItems(root: RootServices): Promise<readonly ChecklistItem[]> {
  const { recipients, copy } = await recoveryStatus(root, async () => []);
  const isCopied = copy.none === 'off' || (copy.none === null && copy.isCurrent);
  const copied = item('bucket-copy', 'A sealed copy of keys and users is in the bucket', isCopied, {
    detail: copy.failure?.text ?? 'The gateway copies them once a recovery identity exists.',
    command: 'sftpgw recovery copy',
  });
  return [
    item('recovery', 'A recovery identity exists', recipients.length > 0, {
      detail: 'Without it, a lost machine means lost keys.',
      command: 'sftpgw recovery init',
    }),
    copy.failure !== null && !isCopied ? { ...copied, state: 'failed' } : copied,
  ];
}

/** Returns the sum of all recorded steps. */
async function allActivity({ database }: RootServices, nowMs: number): Promise<ActivityCounts> {
  const steps = await createActivityReader(database).since(0);
  return steps
    .filter(({ startMs }) => startMs <= nowMs)
    .reduce<ActivityCounts>((sum, { startMs: _startMs, ...step }) => addActivity(sum, step), noActivity);
}
