import type { MirrorPrefixStatus, MirrorProblem, MirrorState } from '../model/mirror.js';
import type { Check } from './check.js';
import type { DoctorFinding } from './finding.js';

/** What kept objects from the users' downloads and the shared directory, as the last pass wrote it down. */
export function mirrorCheck(state: Pick<MirrorState, 'names' | 'record'>): Check {
  return {
    name: 'downloads and the shared directory',
    run: async () => {
      const findings: DoctorFinding[] = [];
      for (const name of await state.names()) {
        const record = await state.record(name);
        if (record?.status) findings.push(...problemsOf(record.status));
      }
      return findings;
    },
  };
}

function problemsOf(status: MirrorPrefixStatus): readonly DoctorFinding[] {
  const subject = status.name === 'shared' ? 'shared directory' : `downloads of ${status.name.split('/')[1]}`;
  const kinds = new Set(status.problems.map(({ kind }) => kind));
  return [...kinds].map((kind): DoctorFinding => {
    const those = status.problems.filter((problem) => problem.kind === kind);
    const more = those.length > 1 ? ` (and ${those.length - 1} more of this kind)` : '';
    return {
      code: kind === 'no-key' ? 'download-key-unknown' : `mirror-${kind}`,
      severity: kind === 'no-key' || kind === 'corrupt' ? 'error' : 'warning',
      subject,
      what: `${status.prefix}${those[0]?.path ?? ''}: ${those[0]?.text ?? ''}${more}.`,
      why: 'Users do not see the file, or see an older one.',
      whatToDo: advice[kind],
    };
  });
}

const advice: Readonly<Record<MirrorProblem['kind'], string>> = {
  name: 'Give the object a name that a file system can hold.',
  'file-and-directory': 'Rename one of the two: a file system has no name that is a file and a directory.',
  case: 'Rename one of the two: this file system does not tell them apart.',
  'no-key': 'Put its key into sse-sync.key or the keyring; it is tried again at once.',
  'no-room': 'Make room on the disk, or lower mirror.reserve.',
  corrupt: 'Put the object again from its source: what S3 sends is not what it keeps the checksum of.',
  'in-the-way': 'Move what lies there: the gateway did not put it there and leaves it alone.',
  failed: 'The log has the reason; it is tried again with every pass.',
};
