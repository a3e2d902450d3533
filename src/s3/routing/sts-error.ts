import { Fault, type HidingCause } from '../../model/fault.js';

/** A refusal of STS. Users may not see the names of roles and accounts in it. */
class StsError extends Error implements HidingCause {
  override readonly name: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = code;
  }

  hideNames(text: string): string {
    return text.replace(/arn:[^\s"';,]+/g, 'the role');
  }
}

/** Codes of STS for a request that may succeed later. */
const transientCodes: ReadonlySet<string> = new Set([
  'IDPCommunicationError',
  'InternalFailure',
  'RequestLimitExceeded',
  'ServiceUnavailable',
  'Throttling',
  'ThrottlingException',
]);

/**
 * Returns the fault for a refusal of AssumeRole.
 * https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html#API_AssumeRole_Errors
 */
export function refusedRole(roleArn: string, status: number, code: string, message: string): Fault {
  const cause = new StsError(code, message);
  const what = `cannot assume the role ${roleArn}: ${message}`;
  if (status >= 500 || status === 429 || transientCodes.has(code))
    return new Fault('unavailable', what, { cause });
  const remedy =
    'allow sts:AssumeRole on the role to the gateway, and the gateway in the trust policy of the role (with the external id, if the policy asks for one)';
  return new Fault('denied', `${what}; ${remedy}`, { cause });
}

/** Returns the fault for an STS that does not answer as STS does. */
export function unusableSts(host: string, roleArn: string, problem: string, error?: unknown): Fault {
  const cause = new StsError('StsUnavailable', error instanceof Error ? error.message : problem);
  return new Fault('unavailable', `cannot assume the role ${roleArn}: ${problem} (${host})`, { cause });
}
