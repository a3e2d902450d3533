import type { Decrypter, Encrypter } from 'age-encryption';
import { Fault } from '../model/fault.js';

/** Loads the library at the first use: loading takes 0.1 seconds, and most commands do not open a key. */
const age = () => import('age-encryption');

/** A native age identity (`AGE-SECRET-KEY-1...`) and its recipient (`age1...`), to which files are sealed. */
export interface AgeIdentity {
  readonly secret: string;
  readonly recipient: string;
}

/** The result of opening a sealed file. */
export type Unsealed =
  | { readonly kind: 'opened'; readonly bytes: Uint8Array }
  /** An age file that is sealed to other recipients. */
  | { readonly kind: 'not-ours' }
  | { readonly kind: 'damaged'; readonly cause: unknown };

/** Generates an X25519 identity. */
export async function newAgeIdentity(): Promise<AgeIdentity> {
  const { generateX25519Identity, identityToRecipient } = await age();
  const secret = await generateX25519Identity();
  return { secret, recipient: await identityToRecipient(secret) };
}

/**
 * Reads an identity file in the format of `age-keygen`: comments, and one line `AGE-SECRET-KEY-1...`. Throws
 * `invalid`, which does not reveal the content.
 */
export async function parseAgeIdentity(text: string): Promise<AgeIdentity> {
  const lines = contentLines(text).map(({ content }) => content);
  const [secret = ''] = lines;
  if (lines.length !== 1 || !/^AGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}$/.test(secret)) {
    throw new Fault(
      'invalid',
      'an age identity is one line AGE-SECRET-KEY-1..., in the format of `age-keygen`',
    );
  }
  const { identityToRecipient } = await age();
  try {
    return { secret, recipient: await identityToRecipient(secret) };
  } catch {
    // The fault has no cause, because the cause may quote the line.
    throw new Fault('invalid', 'the age identity is mistyped: its checksum does not match');
  }
}

/**
 * Checks a recipient and returns it without surrounding spaces. Accepts only native ones (X25519), because
 * every version of `age` supports them. Throws `invalid`.
 */
export async function parseAgeRecipient(text: string): Promise<string> {
  const recipient = text.trim();
  if (/AGE-SECRET-KEY/i.test(recipient)) {
    throw new Fault('invalid', 'this is an age identity, which is secret; its recipient begins with age1');
  }
  if (!/^age1[02-9ac-hj-np-z]{58}$/.test(recipient)) {
    throw new Fault(
      'invalid',
      'a recovery recipient is a native age recipient: age1 and 58 more characters, as printed by `age-keygen -y`',
    );
  }
  try {
    (await newEncrypter()).addRecipient(recipient);
  } catch (error) {
    throw new Fault('invalid', `the recipient ${recipient} is mistyped: its checksum does not match`, {
      cause: error,
    });
  }
  return recipient;
}

/** Returns an age file (https://age-encryption.org/v1) with this content, which each recipient can open. */
export async function sealTo(recipients: readonly string[], content: Uint8Array): Promise<Uint8Array> {
  const encrypter = await newEncrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  return await encrypter.encrypt(content);
}

/** Opens an age file with an identity. The caller should overwrite the bytes after use. */
export async function unseal(sealed: Uint8Array, identity: AgeIdentity): Promise<Unsealed> {
  const decrypter: Decrypter = new (await age()).Decrypter();
  decrypter.addIdentity(identity.secret);
  // The decrypter asks the identities in turn. It asks this one only if the header is intact and not
  // for ours.
  let isForOthers = false;
  decrypter.addIdentity({
    unwrapFileKey: () => {
      isForOthers = true;
      return null;
    },
  });
  try {
    return { kind: 'opened', bytes: await decrypter.decrypt(sealed) };
  } catch (cause) {
    return isForOthers ? { kind: 'not-ours' } : { kind: 'damaged', cause };
  }
}

/**
 * Returns the lines of an identity or recipients file that are not blank and not comments, numbered from 1
 * (age(1), RECIPIENTS AND IDENTITIES).
 */
export function contentLines(text: string): readonly { readonly content: string; readonly line: number }[] {
  return text
    .split('\n')
    .map((content, at) => ({ content: content.trim(), line: at + 1 }))
    .filter(({ content }) => content !== '' && !content.startsWith('#'));
}

async function newEncrypter(): Promise<Encrypter> {
  return new (await age()).Encrypter();
}
