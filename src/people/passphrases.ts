import { Fault } from '../model/fault.js';

/** NIST SP 800-63B section 3.1.1.2 asks for 15 characters without a second factor, and 8 with one. */
export const minPassphraseCharacters = 12;
export const maxPassphraseCharacters = 256;

/** Throws `invalid` for a passphrase that is short, long, or consists of few characters or of the name. */
export function checkPassphrase(passphrase: string, name: string): void {
  const { length } = [...passphrase];
  if (length < minPassphraseCharacters || length > maxPassphraseCharacters) {
    throw new Fault(
      'invalid',
      `the passphrase must have ${minPassphraseCharacters} to ${maxPassphraseCharacters} characters`,
    );
  }
  const isName = name.length >= 4 && passphrase.toLowerCase().replaceAll(name.toLowerCase(), '').length < 4;
  if (new Set(passphrase).size < 5 || isName) {
    throw new Fault('invalid', 'the passphrase is easy to guess: use several words');
  }
}
