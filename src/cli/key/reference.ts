import { Fault } from '../../model/fault.js';
import type { KeyDescription, Keyring } from '../../model/keyring.js';

/** Describes a key argument in help texts. */
export const keyArgument = 'the key: its id, at least 6 first digits of the id, or its label';

/**
 * Finds the key that `text` names. Throws `not-found`, and `invalid` for an ambiguous text or a key
 * itself.
 */
export async function findKey(keyring: Pick<Keyring, 'list'>, text: string): Promise<KeyDescription> {
  const wanted = text.trim();
  if (/^(?:[A-Za-z0-9+/_-]{43}=?|[0-9A-Fa-f]{64})$/.test(wanted)) {
    throw new Fault(
      'invalid',
      `this looks like a key itself, which is never an argument: give ${keyArgument}`,
    );
  }
  const all = await keyring.list();
  const byId = /^[0-9a-f]{6,32}$/i.test(wanted)
    ? all.filter(({ id }) => id.startsWith(wanted.toLowerCase()))
    : [];
  const found = byId.length > 0 ? byId : all.filter(({ label }) => label !== '' && label === wanted);
  const [key, ...others] = found;
  if (key === undefined) {
    throw new Fault('not-found', `there is no key ${JSON.stringify(wanted)}: see \`sftpgw key list\``);
  }
  if (others.length > 0) {
    const ids = found.map(({ id }) => id).join(', ');
    throw new Fault('invalid', `${JSON.stringify(wanted)} matches ${found.length} keys: ${ids}`);
  }
  return key;
}
