import type { FaultKind } from '../model/fault.js';

/** Exit codes of the commands. Scripts may rely on these numbers. */
export const exitCodes = {
  success: 0,
  failure: 1,
  usage: 2,
  notFound: 3,
  exists: 4,
  denied: 5,
  conflict: 6,
  key: 7,
  corrupt: 8,
  limit: 9,
  unsupported: 10,
  tryAgain: 11,
  /** Only commands that check something end with it. */
  findings: 12,
  /** 128 + SIGINT, as in shells. */
  cancelled: 130,
} as const;

export type ExitName = keyof typeof exitCodes;
export type ExitCode = (typeof exitCodes)[ExitName];

/** Exit code of each kind of fault. A new kind does not compile until it has a number here. */
export const exitCodeOf: Readonly<Record<FaultKind, ExitCode>> = {
  invalid: exitCodes.usage,
  unauthenticated: exitCodes.denied,
  denied: exitCodes.denied,
  'not-found': exitCodes.notFound,
  exists: exitCodes.exists,
  'not-empty': exitCodes.conflict,
  'not-directory': exitCodes.conflict,
  'is-directory': exitCodes.conflict,
  conflict: exitCodes.conflict,
  unsupported: exitCodes.unsupported,
  'too-large': exitCodes.limit,
  'over-quota': exitCodes.limit,
  'key-missing': exitCodes.key,
  'key-mismatch': exitCodes.key,
  'sse-c-blocked': exitCodes.key,
  corrupt: exitCodes.corrupt,
  throttled: exitCodes.tryAgain,
  unavailable: exitCodes.tryAgain,
  'timed-out': exitCodes.tryAgain,
  cancelled: exitCodes.cancelled,
  bug: exitCodes.failure,
};

const meanings: Readonly<Record<ExitCode, string>> = {
  [exitCodes.success]: 'done',
  [exitCodes.failure]: 'internal error, or failures of several kinds',
  [exitCodes.usage]: 'invalid argument, setting or key file; nothing was changed',
  [exitCodes.notFound]: 'not found: user, key, bucket, object or file',
  [exitCodes.exists]: 'already exists',
  [exitCodes.denied]: 'permission denied, here or at S3',
  [exitCodes.conflict]: 'in use, or changed by another client',
  [exitCodes.key]: 'encryption key missing or wrong, or SSE-C blocked by the bucket',
  [exitCodes.corrupt]: 'stored data is damaged',
  [exitCodes.limit]: 'too large, or no space left',
  [exitCodes.unsupported]: 'not supported',
  [exitCodes.tryAgain]: 'S3 unavailable or slow; try again later',
  [exitCodes.findings]: 'something needs attention; see the output',
  [exitCodes.cancelled]: 'interrupted; nothing incomplete was left',
};

/** Codes of a command that only lists the commands below it. */
export const groupExits: readonly ExitName[] = ['success', 'usage'];

/** Codes of every command that reads or writes files of the root. */
export const localExits: readonly ExitName[] = ['success', 'failure', 'usage', 'denied', 'tryAgain'];

/** Codes of every command that opens the keyring. */
export const keyringExits: readonly ExitName[] = [...localExits, 'key', 'corrupt'];

/** Codes of every command that opens the database and S3, and can be interrupted. */
export const rootExits: readonly ExitName[] = [
  ...localExits,
  'notFound',
  'corrupt',
  'unsupported',
  'cancelled',
];

/**
 * Returns the codes in order, with their meanings, as the end of a help text. Without `names`,
 * returns all codes.
 */
export function exitCodeHelp(names = Object.keys(exitCodes) as readonly ExitName[]): string {
  const listed = new Set<number>(names.map((name) => exitCodes[name]));
  const lines = Object.entries(meanings)
    .filter(([code]) => listed.has(Number(code)))
    .map(([code, meaning]) => `  ${code.padStart(3)}  ${meaning}`);
  return ['Exit codes:', ...lines].join('\n');
}
