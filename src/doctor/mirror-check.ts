import type { MirrorPrefixStatus, MirrorProblem, MirrorState } from '../model/mirror.js';
import type { LiveMirrorStatus } from '../model/mirror-runs.js';
import type { Check } from './check.js';
import type { DoctorFinding } from './finding.js';

/**
 * Reports why objects are missing from the users' downloads or the shared directory, as the last pass
 * recorded it, and directories that a running gateway compares too rarely. `live` returns nothing without a
 * running gateway.
 */
export function mirrorCheck(
  state: Pick<MirrorState, 'names' | 'record'>,
  live: () => Promise<readonly LiveMirrorStatus[]>,
): Check {
  return {
    name: 'downloads and the shared directory',
    run: async () => {
      const findings: DoctorFinding[] = [];
      for (const name of await state.names()) {
        const record = await state.record(name);
        if (record?.status) findings.push(...problemsOf(record.status));
      }
      const behind = (await live()).filter(({ isBehind }) => isBehind);
      return behind.length === 0 ? findings : [...findings, behindFinding(behind)];
    },
  };
}

function behindFinding(behind: readonly LiveMirrorStatus[]): DoctorFinding {
  return {
    code: 'mirror-behind',
    severity: 'warning',
    subject: 'gateway',
    what: `${behind.length} mirrored directories were not compared with S3 within mirror.idle.interval, ${behind[0]?.status.name} among them.`,
    why: 'Users see new objects later than the settings promise.',
    whatToDo: 'Raise s3.idle.requests, or let S3 send events. Read the log for failed listings.',
  };
}

function problemsOf(status: MirrorPrefixStatus): readonly DoctorFinding[] {
  const subject = status.name === 'shared' ? 'shared directory' : `downloads of ${status.name.split('/')[1]}`;
  const kinds = new Set(status.problems.map(({ kind }) => kind));
  return [...kinds].map((kind): DoctorFinding => {
    const [first, ...others] = status.problems.filter((problem) => problem.kind === kind);
    const more = others.length > 0 ? ` (and ${others.length} more of this kind)` : '';
    return {
      code: kind === 'no-key' ? 'download-key-unknown' : `mirror-${kind}`,
      severity: kind === 'no-key' || kind === 'corrupt' ? 'error' : 'warning',
      subject,
      what: `${status.prefix}${first?.path ?? ''}: ${first?.text ?? ''}${more}.`,
      why: 'Users do not see the file, or see an older version.',
      whatToDo: advice[kind],
    };
  });
}

const advice: Readonly<Record<MirrorProblem['kind'], string>> = {
  name: 'Give the object a name that a file system can hold.',
  'file-and-directory':
    'Rename one of the two: in a file system one name cannot be both a file and a directory.',
  case: 'Rename one of the two: this file system ignores case.',
  'no-key': 'Add its key to sse-sync.key or the keyring; the gateway then retries at once.',
  'no-room': 'Free disk space, or lower mirror.reserve.',
  corrupt: 'Upload the object again from its source: the data that S3 sends does not match its checksum.',
  'in-the-way': 'Move the local file or directory: the gateway did not create it and does not touch it.',
  failed: 'Read the reason in the log. The gateway retries in every pass.',
};
