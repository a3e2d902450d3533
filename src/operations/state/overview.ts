import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { mapBounded } from '../../concurrency/bounded.js';
import { activityStepMs, createActivityReader } from '../../database/activity.js';
import { type ActivityCounts, addActivity, noActivity } from '../../model/api/activity.js';
import type { AccountBar } from '../../model/users.js';
import { homesOf } from '../../users/homes.js';
import type { RootServices } from '../open-root.js';

const dayMs = 24 * 60 * 60 * 1000;
const hourMs = 60 * 60 * 1000;
/** Users whose files are read in parallel. */
const parallelReads = 16;
/** Charts of more hours have one step per hour. */
const maxFineHours = 48;

/** Returns the sum of the last 24 hours. */
export async function lastDay(
  { database }: Pick<RootServices, 'database'>,
  nowMs: number,
): Promise<ActivityCounts> {
  const steps = await createActivityReader(database).since(nowMs - dayMs);
  return steps.reduce<ActivityCounts>(
    (sum, { startMs: _startMs, ...step }) => addActivity(sum, step),
    noActivity,
  );
}

/** A chart of the activity: every step, also those without events. */
export interface ActivityChart {
  readonly stepSeconds: number;
  readonly items: readonly (ActivityCounts & { readonly startMs: number })[];
}

/** Returns the chart of the last hours, the oldest step first. Up to 48 hours have steps of five minutes. */
export async function activityChart(
  { database }: Pick<RootServices, 'database'>,
  hours: number,
  nowMs: number,
): Promise<ActivityChart> {
  const stepMs = hours <= maxFineHours ? activityStepMs : hourMs;
  const lastMs = nowMs - (nowMs % stepMs);
  const count = Math.ceil((hours * hourMs) / stepMs);
  const firstMs = lastMs - (count - 1) * stepMs;
  const sums = new Map<number, ActivityCounts>();
  for (const { startMs, ...step } of await createActivityReader(database).since(firstMs)) {
    const at = startMs - (startMs % stepMs);
    sums.set(at, addActivity(sums.get(at) ?? noActivity, step));
  }
  const items = Array.from({ length: count }, (_, index) => {
    const startMs = firstMs + index * stepMs;
    return { startMs, ...(sums.get(startMs) ?? noActivity) };
  });
  return { stepSeconds: stepMs / 1000, items };
}

/** Returns how many users there are, and how many are barred. Files that have not changed are not read again. */
export async function countUsers({
  accounts,
  call,
  userServices,
}: Pick<RootServices, 'accounts' | 'call' | 'userServices'>) {
  const names = await homesOf(userServices.directories.homes);
  const bars = await mapBounded(names, parallelReads, (name) => accounts.barOf(call, name));
  const count = (bar: AccountBar) => bars.filter((one) => one === bar).length;
  return {
    all: names.length - count('removed'),
    disabled: count('disabled'),
    expired: count('expired'),
  };
}

/** Returns the disk of the database, in bytes. Throws the system's error. */
export async function diskOf({ settings }: Pick<RootServices, 'settings'>) {
  const { bavail, blocks, bsize } = await statfs(dirname(settings.paths.databaseFile));
  return { freeBytes: bavail * bsize, sizeBytes: blocks * bsize };
}
