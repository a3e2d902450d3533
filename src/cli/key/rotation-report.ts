import type { RotationJob, RotationProblem } from '../../model/rotation.js';
import { printable } from '../../objects/s3-url.js';
import { renderBytes, renderFields } from '../terminal/render.js';

/** Maximum problems printed. `--json` prints all. */
const maxProblems = 20;

/** Returns a rotation as lines of text. */
export function rotationReport(job: RotationJob, problems: readonly RotationProblem[]): string {
  const { counts } = job;
  const fields: [string, string][] = [
    ['user', job.username],
    ['objects', `s3://${job.bucket}/${job.prefix}`],
    ['new key', job.newKey],
    ['older keys', job.oldKeys.map((key) => `${key} (${oldKeyState(job, key)})`).join(', ')],
    ['state', stateOf(job)],
    ['re-encrypted', `${counts.rekeyed} (${renderBytes(counts.bytes)})`],
    ['already encrypted', String(counts.already)],
    ['without a customer key', String(counts.withoutKey)],
    ['removed', String(counts.gone)],
    ['older versions', `${counts.versionsKept} kept with older keys, ${counts.versionsRewritten} rewritten`],
    ['failed', String(counts.failed)],
  ];
  const named = problems.slice(0, maxProblems).map(problemLine);
  const more = problems.length - named.length;
  return [renderFields(fields), ...named, ...(more > 0 ? [`... and ${more} more; see --json`] : [])].join(
    '\n',
  );
}

function oldKeyState(job: RotationJob, key: RotationJob['newKey']): string {
  if (job.state !== 'done') return 'needed until the rotation ends';
  return job.retiredKeys.includes(key) ? 'retired' : 'still needed';
}

function stateOf({ state, obstacle, cursor, pausedBy }: RotationJob): string {
  if (state === 'done') return 'done';
  if (pausedBy !== null) return `paused by ${pausedBy}`;
  if (obstacle !== null) return `paused: ${obstacle}`;
  return cursor === null ? 'started' : `in progress, after ${printable(cursor)}`;
}

function problemLine({ key, versionId, text }: RotationProblem): string {
  return `${printable(key)}${versionId === null ? '' : ` (version ${printable(versionId)})`}: ${printable(text)}`;
}
