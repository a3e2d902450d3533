/**
 * Returns every secret in a request (RFC 6750 section 2.1, RFC 7617 section 2): `Authorization: Bearer
 * SECRET`; the password of `Authorization: Basic`, which a sender derives from `http://user:SECRET@host/`;
 * and `?secret=SECRET`, for senders that are configured only with a URL.
 */
export function presentedSecrets(
  authorization: string | undefined,
  query: URLSearchParams,
): readonly string[] {
  const presented: string[] = [];
  const [, scheme = '', credentials = ''] = /^([A-Za-z]+) +(\S+)\s*$/.exec(authorization ?? '') ?? [];
  if (scheme.toLowerCase() === 'bearer') presented.push(credentials);
  if (scheme.toLowerCase() === 'basic') {
    const pair = Buffer.from(credentials, 'base64').toString('utf8');
    const colon = pair.indexOf(':');
    if (colon >= 0) presented.push(pair.slice(colon + 1));
  }
  const secret = query.get('secret');
  if (secret !== null) presented.push(secret);
  return presented;
}
