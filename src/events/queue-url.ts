import { Fault } from '../model/fault.js';

/** The parsed URL of an SQS queue. */
export interface QueueAddress {
  readonly url: string;
  /** The origin to which requests are sent. */
  readonly endpoint: string;
  /** Null if the host does not name it. */
  readonly region: string | null;
}

/**
 * Parses `https://sqs.REGION.amazonaws.com/ACCOUNT/NAME`, or the same path at another server. Throws `invalid`.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-message-identifiers.html
 */
export function parseQueueUrl(text: string): QueueAddress {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isQueue =
    url !== null && /^https?:$/.test(url.protocol) && url.username === '' && /^\/.+/.test(url.pathname);
  if (!isQueue) {
    throw new Fault(
      'invalid',
      'the queue must be a URL such as https://sqs.eu-west-1.amazonaws.com/123456789012/NAME',
    );
  }
  const [, region = null] = /^(?:sqs|queue)\.([a-z0-9-]+)\.(?:amazonaws|api\.aws)\b/.exec(url.hostname) ?? [];
  return { url: url.href, endpoint: url.origin, region };
}
