import type { FaultKind } from '../model/fault.js';

/** What the process answers its shell with. A script may rely on these numbers. */
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
  /** Of commands that look for trouble. */
  findings: 12,
  /** 128 + SIGINT, as shells count. */
  cancelled: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** The door's one table of faults; a new kind does not compile until it has a number here. */
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
  [exitCodes.failure]: 'an internal error, or failures of several kinds',
  [exitCodes.usage]: 'a wrong argument, setting or key file; nothing was changed',
  [exitCodes.notFound]: 'no such user, bucket or file',
  [exitCodes.exists]: 'exists already',
  [exitCodes.denied]: 'permission denied, here or at S3',
  [exitCodes.conflict]: 'in use, or changed meanwhile',
  [exitCodes.key]: 'an encryption key is missing or wrong, or the bucket blocks SSE-C',
  [exitCodes.corrupt]: 'stored data is damaged',
  [exitCodes.limit]: 'too large, or no space left',
  [exitCodes.unsupported]: 'not supported',
  [exitCodes.tryAgain]: 'S3 is away or slow; the same command may work later',
  [exitCodes.findings]: 'something needs attention; the output says what',
  [exitCodes.cancelled]: 'interrupted; what was under way left nothing',
};

/** The table as the end of a help text. */
export function exitCodeHelp(): string {
  const lines = Object.entries(meanings).map(([code, meaning]) => `  ${code.padStart(3)}  ${meaning}`);
  return ['Exit codes:', ...lines].join('\n');
}
