import { lookup as resolve } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { isIP } from 'node:net';
import { Fault } from '../model/fault.js';
import { bareHost } from '../network/local-hosts.js';
import { AddressPatterns } from '../users/address-patterns.js';
import { isPublicAddress } from './public-addresses.js';

/** Which targets an endpoint may have. */
export interface TargetRules {
  /** Addresses and networks that are allowed although they are not public; null for none. */
  readonly allowPrivate: string | null;
  /** Whether plain HTTP is allowed. */
  readonly allowHttp: boolean;
}

const maxUrlLength = 2048;

/**
 * Parses the URL of an endpoint. Throws `invalid` for one that is not HTTPS, has a user name or a fragment, or
 * names an address that is not allowed. The URL parser turns every spelling of an IPv4 address, such as
 * `0x7f.1`, into its usual form.
 */
export function parseTarget(text: string, rules: TargetRules): URL {
  const url = URL.canParse(text) && text.length <= maxUrlLength ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.hostname === '') {
    throw new Fault('invalid', 'the URL of a webhook must be such as https://example.com/hooks/sftp');
  }
  if (url.protocol === 'http:' && !rules.allowHttp) {
    throw new Fault(
      'invalid',
      'the URL of a webhook must begin with https://, or set webhooks.allow.http=yes',
    );
  }
  if (url.username !== '' || url.password !== '') {
    throw new Fault(
      'invalid',
      'the URL of a webhook must not have a user name or a password: the receiver verifies the signature',
    );
  }
  if (url.hash !== '') throw new Fault('invalid', 'the URL of a webhook must not have a fragment');
  const host = bareHost(url.hostname);
  if (isIP(host) !== 0) requireAllowed(host, rules);
  return url;
}

/** Throws `denied` if the address is not public and not allowed. */
export function requireAllowed(address: string, { allowPrivate }: TargetRules): void {
  if (isPublicAddress(address)) return;
  if (allowPrivate !== null && AddressPatterns.parse(allowPrivate)?.match(address) === true) return;
  throw new Fault(
    'denied',
    `the address ${address} is not public: add it to webhooks.allow.private if it is the right one`,
  );
}

/**
 * Returns a function that resolves names for a connection and fails if any address is not allowed. The connection
 * uses exactly these addresses, so a name that changes afterwards has no effect.
 */
export function allowedLookup(rules: TargetRules): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, '', 0);
      try {
        for (const { address } of addresses) requireAllowed(address, rules);
      } catch (refused) {
        return callback(Fault.from(refused), '', 0);
      }
      const [first] = addresses;
      if (first === undefined) return callback(new Fault('unavailable', `${hostname} has no address`), '', 0);
      if (options.all === true) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}
