import type { SharedFilesStatus } from '../model/api/cluster.js';
import type { Check } from './check.js';
import type { DoctorFinding } from './finding.js';

/** Checks that the nodes of a cluster share their files. `status` is null if the gateway has no cluster. */
export function sharedFilesCheck(
  isClustered: boolean,
  status: () => Promise<SharedFilesStatus | null>,
): Check {
  return {
    name: 'shared files',
    run: async () => {
      if (!isClustered) return [];
      const found = await status();
      return found === null ? [notShared] : found.nodes.flatMap(findingsOf);
    },
  };
}

const notShared: DoctorFinding = {
  code: 'files-not-shared',
  severity: 'warning',
  subject: 'gateway',
  what: 'The gateways with cluster=yes do not share users, keys and settings.',
  why: 'A change on one machine is missing on the others.',
  whatToDo: 'Run `sftpgw cluster init` on the machine whose files are right.',
};

function findingsOf({
  id,
  conflicts,
  problems,
}: SharedFilesStatus['nodes'][number]): readonly DoctorFinding[] {
  const where = `on the node ${id} (\`sftpgw cluster status\` has its name)`;
  return [
    ...conflicts.map(
      (path): DoctorFinding => ({
        code: 'file-conflict',
        severity: 'warning',
        subject: 'gateway',
        what: `Two machines changed a file; the second change is kept as ${path} ${where}.`,
        why: 'The second change is not in force.',
        whatToDo: 'Compare it with the file beside it, repeat the change if it is needed, and remove it.',
      }),
    ),
    ...problems.map(
      (problem): DoctorFinding => ({
        code: 'file-not-shared',
        severity: 'error',
        subject: 'gateway',
        what: `A file is not shared ${where}: ${problem}.`,
        why: 'The machines have different files.',
        whatToDo: 'Correct the file there. The gateway tries again at once.',
      }),
    ),
  ];
}
