import { Fault } from '../model/fault.js';

/** Names are lower-case, so that two cannot differ in case only. E-mail addresses are names. */
export const adminNamePattern = '^[a-z0-9][a-z0-9._@+-]{0,99}$';

/** Returns the name in lower case. Throws `invalid`. */
export function parseAdminName(text: string): string {
  const name = text.trim().toLowerCase();
  if (new RegExp(adminNamePattern).test(name)) return name;
  throw new Fault(
    'invalid',
    `invalid name ${JSON.stringify(text.slice(0, 120))}: use up to 100 letters, digits and . _ @ + -, beginning with a letter or digit`,
  );
}
