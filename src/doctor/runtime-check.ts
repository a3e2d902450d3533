import type { Check } from './check.js';
import type { DoctorFinding } from './finding.js';

/** A release line of Node.js that still gets security fixes. */
interface ReleaseLine {
  readonly major: number;
  /** The lowest release with every security fix known to this version of the gateway. */
  readonly lowestSafe: string;
  /** Last day with security fixes, as an ISO date. */
  readonly endOfLife: string;
}

/**
 * Release lines with security fixes, from the change logs of Node.js ("This is a security release") and its
 * release schedule, as of 2026-11-30. Update the list, and the supplied runtime, with every security release.
 */
export const releaseLines: readonly ReleaseLine[] = [
  { major: 24, lowestSafe: '24.22.3', endOfLife: '2028-04-30' },
  { major: 26, lowestSafe: '26.12.1', endOfLife: '2029-04-30' },
];

/** Checks that this Node.js gets security fixes and has all known ones. */
export function runtimeCheck(version: string, nowMs: () => number): Check {
  return {
    name: 'Node.js runtime',
    run: async () => {
      const what = findProblem(version, nowMs());
      return what === null ? [] : [outdated(what)];
    },
  };
}

function findProblem(version: string, nowMs: number): string | null {
  const [major = 0] = version.split('.').map(Number);
  const newest = Math.max(...releaseLines.map((line) => line.major));
  const line = releaseLines.find((candidate) => candidate.major === major);
  // A newer line than the newest of the table is unknown, not a problem.
  if (line === undefined)
    return major > newest ? null : `Node.js ${version} belongs to a line without security fixes.`;
  if (nowMs > Date.parse(`${line.endOfLife}T23:59:59Z`))
    return `Node.js ${version} belongs to a line without security fixes since ${line.endOfLife}.`;
  return isOlder(version, line.lowestSafe)
    ? `Node.js ${version} lacks security fixes that ${line.lowestSafe} has.`
    : null;
}

function isOlder(version: string, than: string): boolean {
  return version.localeCompare(than, 'en', { numeric: true }) < 0;
}

function outdated(what: string): DoctorFinding {
  const best = releaseLines.map((line) => line.lowestSafe).join(' or ');
  return {
    code: 'runtime-outdated',
    severity: 'warning',
    subject: 'gateway',
    what,
    why: 'Customer keys pass through its TLS and its memory.',
    whatToDo: `Run the gateway on Node.js ${best} or later. The installation supplies one: run \`npm ci\` and start with \`npm start\` or \`npx sftpgw\`.`,
  };
}
