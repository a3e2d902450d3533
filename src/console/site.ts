import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';
import type { FastifyRequest } from 'fastify';
import type { Client } from '../api/description/roles.js';
import type { ConsoleOptions } from './options.js';

/** How browsers reach the console. */
export interface Site {
  /** True if cookies are Secure: with TLS here or in a proxy, and everywhere except on a loopback address. */
  readonly isSecure: boolean;
  /** The origin of the pages. `socket` is that of a request, whose port may have been chosen at the start. */
  originOf(socket: IncomingMessage['socket']): string;
}

const loopback = /^(?:127(?:\.\d{1,3}){3}|::1|localhost)$/;

/** Returns the site of these options. */
export function siteOf({ url, host, tlsCert }: ConsoleOptions): Site {
  const isHttps = url === null ? tlsCert !== null : new URL(url).protocol === 'https:';
  const isLocal = loopback.test(host);
  const isHere = isLocal || host === '0.0.0.0' || host === '::';
  // Browsers offer passkeys at localhost, but not at 127.0.0.1.
  const name = isHere ? 'localhost' : isIP(host) === 6 ? `[${host}]` : host;
  const urlIsLocal = url !== null && loopback.test(new URL(url).hostname);
  return {
    isSecure: isHttps || !(url === null ? isLocal : urlIsLocal),
    originOf: ({ localPort }) =>
      url === null ? `${isHttps ? 'https' : 'http'}://${name}:${localPort ?? 0}` : new URL(url).origin,
  };
}

/** Returns the sender of a request. */
export function clientOf(site: Site, { ip, raw, headers }: FastifyRequest): Client {
  return {
    address: ip.replace(/^::ffff:/, ''),
    origin: site.originOf(raw.socket),
    userAgent: headers['user-agent'] ?? null,
  };
}

/** Returns a function that tells whether an address is that of a proxy in this list; false for an empty list. */
export function trustedProxies(list: string | null): false | ((address: string) => boolean) {
  if (list === null) return false;
  const [trusted, excluded] = [new BlockList(), new BlockList()];
  for (const item of list.split(',').map((one) => one.trim())) {
    const target = item.startsWith('!') ? excluded : trusted;
    const [address = '', bits] = item.replace(/^!/, '').split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    target.addSubnet(address, bits === undefined ? (family === 'ipv6' ? 128 : 32) : Number(bits), family);
  }
  return (address) => {
    const bare = address.replace(/^::ffff:/, '');
    const family = isIP(bare) === 6 ? 'ipv6' : 'ipv4';
    return trusted.check(bare, family) && !excluded.check(bare, family);
  };
}
