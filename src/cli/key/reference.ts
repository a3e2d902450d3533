import { Fault } from '../../model/fault.js';
import type { KeyDescription, Keyring } from '../../model/keyring.js';

/** What help texts say of a key argument. */
export const keyArgument = 'the key: its id, the first 6 or more digits of it, or its label';

/**
 * The key that a person means. Throws `not-found`, and `invalid` for what fits several keys or looks like a key itself.
 */
export async function findKey(keyring: Pick<Keyring, 'list'>, text: string): Promise<KeyDescription> {
  const wanted = text.trim();
  if (/^(?:[A-Za-z0-9+/_-]{43}=?|[0-9A-Fa-f]{64})$/.test(wanted)) {
    throw new Fault(
      'invalid',
      `this looks like a key itself, which never is an argument; say ${keyArgument}`,
    );
  }
  const all = await keyring.list();
  const byId = /^[0-9a-f]{6,32}$/i.test(wanted)
    ? all.filter(({ id }) => id.startsWith(wanted.toLowerCase()))
    : [];
  const found = byId.length > 0 ? byId : all.filter(({ label }) => label !== '' && label === wanted);
  const [key, ...others] = found;
  if (key === undefined) {
    throw new Fault(
      'not-found',
      `there is no key ${JSON.stringify(wanted)}; \`sftpgw key list\` shows those there are`,
    );
  }
  if (others.length > 0) {
    const ids = found.map(({ id }) => id).join(', ');
    throw new Fault('invalid', `${found.length} keys are meant by ${JSON.stringify(wanted)}: ${ids}`);
  }
  return key;
}
