import type { RotationJob, RotationProblem } from '../../model/rotation.js';
import { printable } from '../../objects/s3-url.js';
import { renderBytes, renderFields } from '../terminal/render.js';

/** So many problems are named; `--json` has all of them. */
const problemsShown = 20;

/** A rotation for a person, in lines. */
export function rotationReport(job: RotationJob, problems: readonly RotationProblem[]): string {
  const { counts } = job;
  const fields: [string, string][] = [
    ['user', job.username],
    ['objects', `s3://${job.bucket}/${job.prefix}`],
    ['new key', job.newKey],
    ['older keys', job.oldKeys.map((key) => `${key} (${oldKeyState(job, key)})`).join(', ')],
    ['state', stateOf(job)],
    ['given the new key', `${counts.rekeyed} (${renderBytes(counts.bytes)})`],
    ['had it already', String(counts.already)],
    ['without a customer key', String(counts.withoutKey)],
    ['removed meanwhile', String(counts.gone)],
    ['older versions', `${counts.versionsKept} under older keys, ${counts.versionsRewritten} rewritten`],
    ['could not be done', String(counts.failed)],
  ];
  const named = problems.slice(0, problemsShown).map(problemLine);
  const more = problems.length - named.length;
  return [renderFields(fields), ...named, ...(more > 0 ? [`... and ${more} more; see --json`] : [])].join(
    '\n',
  );
}

function oldKeyState(job: RotationJob, key: RotationJob['newKey']): string {
  if (job.state !== 'done') return 'needed until the end';
  return job.retiredKeys.includes(key) ? 'retired' : 'still needed';
}

function stateOf({ state, obstacle, cursor }: RotationJob): string {
  if (state === 'done') return 'done';
  if (obstacle !== null) return `stands still: ${obstacle}`;
  return cursor === null ? 'begun' : `under way, behind ${printable(cursor)}`;
}

function problemLine({ key, versionId, text }: RotationProblem): string {
  return `${printable(key)}${versionId === null ? '' : ` (version ${printable(versionId)})`}: ${printable(text)}`;
}
