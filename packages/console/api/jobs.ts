import type { ItemOf } from './endpoints.js';
import { useRead } from './hooks.js';

export type Job = ItemOf<'listJobs'>;

const everyMs = 3_000;
/** The newest jobs, of all kinds, among which one is found. */
const searched = 200;

/** Returns the newest job of these kinds, also one that another person began; null if there is none. */
export function useNewestJob(
  kinds: readonly Job['kind'][],
  isMeant: (request: Readonly<Record<string, unknown>>) => boolean = () => true,
): Job | null {
  const { data } = useRead('listJobs', { query: { limit: searched } }, { everyMs });
  return data?.items.find(({ kind, request }) => kinds.includes(kind) && isMeant(fieldsOf(request))) ?? null;
}

/** Returns what a job works on, such as `s3://bucket/bob/ to s3://bucket/archive/`; an empty text for everything. */
export function requestText({ request }: Pick<Job, 'request'>): string {
  const { from, to, key } = fieldsOf(request);
  if (typeof key === 'string') return key;
  return [from, to].flatMap((ref) => locationOf(fieldsOf(ref))).join(' to ');
}

function locationOf({ bucket, key }: Readonly<Record<string, unknown>>): readonly string[] {
  return typeof bucket === 'string' && typeof key === 'string' ? [`s3://${bucket}/${key}`] : [];
}

/** Returns the fields of a job's request or result, whose form depends on its kind. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}
