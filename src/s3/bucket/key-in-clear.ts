import { Fault } from '../../model/fault.js';

const keyHeaders = [
  'x-amz-server-side-encryption-customer-key',
  'x-amz-copy-source-server-side-encryption-customer-key',
];

/** True for 127.0.0.0/8, ::1 and the names that RFC 6761, section 6.3, reserves for the loopback. */
export function isLoopbackHost(hostname: string): boolean {
  const host = hostname.toLowerCase().replace(/^\[|\]$/g, '');
  return (
    host === '::1' ||
    host === 'localhost' ||
    host.endsWith('.localhost') ||
    /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host)
  );
}

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
