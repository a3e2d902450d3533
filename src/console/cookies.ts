/** Attributes of a cookie. */
interface CookieOptions {
  readonly isSecure: boolean;
  /** `Lax` lets the browser send it when an identity provider leads back here. */
  readonly sameSite: 'Strict' | 'Lax';
  /** Left out for a cookie that ends with the browser. */
  readonly maxAgeSeconds?: number;
}

/**
 * Returns the name of a cookie. With the prefix `__Host-`, browsers accept it only from this host over TLS
 * (draft-ietf-httpbis-rfc6265bis section 4.1.3.2), so that no other host of the domain can set it.
 */
export function cookieName(name: string, isSecure: boolean): string {
  return isSecure ? `__Host-${name}` : name;
}

/** Returns the value of a cookie in a request; null if it is missing, or there are two of the name. */
export function readCookie(header: string | undefined, name: string): string | null {
  const values = (header ?? '')
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part.startsWith(`${name}=`))
    .map((part) => part.slice(name.length + 1));
  const [value, other] = values;
  return value === undefined || other !== undefined || value === '' ? null : value;
}

/** Returns a header Set-Cookie for a value of base64url. An empty value removes the cookie. */
export function setCookie(
  name: string,
  value: string,
  { isSecure, sameSite, maxAgeSeconds }: CookieOptions,
): string {
  const age = value === '' ? 0 : maxAgeSeconds;
  return [
    `${name}=${value}`,
    'Path=/',
    'HttpOnly',
    `SameSite=${sameSite}`,
    ...(isSecure ? ['Secure'] : []),
    ...(age === undefined ? [] : [`Max-Age=${age}`]),
  ].join('; ');
}
