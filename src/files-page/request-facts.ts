import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { filesAddressHeader, filesCsrfHeader, filesSecureHeader } from '../api/files-headers.js';
import { Fault } from '../model/fault.js';
import { canonicalAddress } from '../users/addresses.js';

/** The facts that the console's process states about the browser of a request. */
export interface RequestFacts {
  readonly address: string;
  /** True if the browser reaches the console over TLS, or should: the cookie is then sent over TLS only. */
  readonly isSecure: boolean;
  /** The secret of the session; null without a cookie. */
  readonly secret: string | null;
}

/** Browsers accept a name with this beginning only with the attribute Secure, so no plain connection can set it. */
const secureCookie = '__Secure-sftpgw-files';
const plainCookie = 'sftpgw-files';
const cookiePath = '/files';
const secretPattern = /^[\w-]{43}$/;

/**
 * Returns the facts of a request. Everyone who can open the socket is trusted to state them, but must do so.
 * Throws `unauthenticated`.
 */
export function factsOf(headers: IncomingHttpHeaders): RequestFacts {
  const address = headers[filesAddressHeader];
  if (typeof address !== 'string' || address === '') {
    throw new Fault('unauthenticated', `a request on the socket needs the header ${filesAddressHeader}`);
  }
  const isSecure = headers[filesSecureHeader] !== 'no';
  return { address: canonicalAddress(address), isSecure, secret: secretOf(headers.cookie, isSecure) };
}

function secretOf(cookies: string | undefined, isSecure: boolean): string | null {
  const name = isSecure ? secureCookie : plainCookie;
  for (const cookie of (cookies ?? '').split(';')) {
    const [key = '', value = ''] = cookie.trim().split('=', 2);
    if (key === name && secretPattern.test(value)) return value;
  }
  return null;
}

/** Returns the Set-Cookie header that gives the browser the secret of a session; null removes it. */
export function cookieOf(secret: string | null, isSecure: boolean): string {
  const name = isSecure ? secureCookie : plainCookie;
  const attributes = `Path=${cookiePath}; HttpOnly; SameSite=Strict${isSecure ? '; Secure' : ''}`;
  return secret === null ? `${name}=; Max-Age=0; ${attributes}` : `${name}=${secret}; ${attributes}`;
}

/** Returns the token that every change of a session needs in a header, which other sites cannot send. */
export function csrfTokenOf(secret: string): string {
  return createHash('sha256').update(`csrf\0${secret}`).digest('base64url');
}

/** Throws `denied` for a change that may come from another site. */
export function requireSameSite(headers: IncomingHttpHeaders, secret: string | null): void {
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    throw new Fault('denied', 'the request comes from another site');
  }
  if (secret === null) return;
  const expected = Buffer.from(csrfTokenOf(secret));
  const given = headers[filesCsrfHeader];
  const found = Buffer.from(typeof given === 'string' ? given : '');
  if (found.length !== expected.length || !timingSafeEqual(found, expected)) {
    throw new Fault('denied', `the header ${filesCsrfHeader} is missing or wrong: load the page again`);
  }
}
