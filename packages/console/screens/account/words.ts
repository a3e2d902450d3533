import type { ItemOf } from '../../api/endpoints.js';

/** How people log in, in words. */
export const methods: Readonly<Record<ItemOf<'listMySessions'>['method'], string>> = {
  totp: 'passphrase and code',
  passkey: 'a passkey',
  oidc: 'the identity provider',
  demo: 'the demo’s link',
  link: 'an invitation',
};

const browsers: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/Edg\//, 'Edge'],
  [/Firefox\//, 'Firefox'],
  [/Chrom(?:e|ium)\//, 'Chrome'],
  [/Safari\//, 'Safari'],
];
const systems: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/Android/, 'Android'],
  [/iPhone|iPad/, 'iOS'],
  [/Windows/, 'Windows'],
  [/Mac OS X/, 'macOS'],
  [/Linux/, 'Linux'],
];

/** Returns the browser and the system of a User-Agent, such as `Firefox on Linux`. */
export function browserOf(userAgent: string | null): string {
  const text = userAgent ?? '';
  const browser = browsers.find(([pattern]) => pattern.test(text))?.[1];
  const system = systems.find(([pattern]) => pattern.test(text))?.[1];
  if (browser === undefined) return text === '' ? 'unknown program' : (text.split(' ')[0] ?? text);
  return system === undefined ? browser : `${browser} on ${system}`;
}
