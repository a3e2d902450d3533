import { Fault } from '../../model/fault.js';
import { isLoopbackHost } from '../../network/local-hosts.js';

const keyHeaders = [
  'x-amz-server-side-encryption-customer-key',
  'x-amz-copy-source-server-side-encryption-customer-key',
];

interface Destination {
  readonly protocol: string;
  readonly hostname: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Throws `denied` for a request that would send a customer key over plain http to another machine. AWS
 * refuses such requests, and advises to treat their keys as compromised
 * (https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerSideEncryptionCustomerKeys.html).
 */
export function refuseKeyInClear(destination: Destination): void {
  if (destination.protocol === 'https:' || isLoopbackHost(destination.hostname)) return;
  for (const name of Object.keys(destination.headers)) {
    if (keyHeaders.includes(name.toLowerCase())) {
      throw new Fault(
        'denied',
        `a customer key is never sent over http:// to ${destination.hostname}; set the S3 endpoint to an https:// address`,
      );
    }
  }
}
