import type { Decrypter, Encrypter } from 'age-encryption';
import { Fault } from '../model/fault.js';

/** Loaded at the first use: it takes a tenth of a second, and most commands open no key. */
const age = () => import('age-encryption');

/** A native age identity (`AGE-SECRET-KEY-1...`) and what is sealed to it (`age1...`). */
export interface AgeIdentity {
  readonly secret: string;
  readonly recipient: string;
}

/** What came of opening a sealed file. */
export type Unsealed =
  | { readonly kind: 'opened'; readonly bytes: Uint8Array }
  /** An age file, sealed to others. */
  | { readonly kind: 'not-ours' }
  | { readonly kind: 'damaged'; readonly cause: unknown };

export async function newAgeIdentity(): Promise<AgeIdentity> {
  const { generateX25519Identity, identityToRecipient } = await age();
  const secret = await generateX25519Identity();
  return { secret, recipient: await identityToRecipient(secret) };
}

/**
 * The identity in an identity file as `age-keygen` writes it: comments, and one line `AGE-SECRET-KEY-1...`. Throws `invalid`, which says
 * nothing of the content.
 */
export async function parseAgeIdentity(text: string): Promise<AgeIdentity> {
  const lines = contentLines(text).map(({ content }) => content);
  const [secret = ''] = lines;
  if (lines.length !== 1 || !/^AGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}$/.test(secret)) {
    throw new Fault('invalid', 'an age identity is one line AGE-SECRET-KEY-1..., as `age-keygen` writes it');
  }
  const { identityToRecipient } = await age();
  try {
    return { secret, recipient: await identityToRecipient(secret) };
  } catch {
    // Without the cause: it may quote the line.
    throw new Fault(
      'invalid',
      'the age identity is mistyped: its last characters are a checksum of the others, and do not fit',
    );
  }
}

/**
 * A recipient that keys may be sealed to. Only the native kind (X25519): every version of `age` opens what is sealed to it. Throws
 * `invalid`.
 */
export async function parseAgeRecipient(text: string): Promise<string> {
  const recipient = text.trim();
  if (/AGE-SECRET-KEY/i.test(recipient)) {
    throw new Fault(
      'invalid',
      'this is an age identity, which is secret; the recipient that goes with it begins with age1',
    );
  }
  if (!/^age1[02-9ac-hj-np-z]{58}$/.test(recipient)) {
    throw new Fault(
      'invalid',
      'a recovery recipient is a native age recipient: age1 and 58 more characters, as `age-keygen -y` prints it',
    );
  }
  try {
    (await newEncrypter()).addRecipient(recipient);
  } catch (error) {
    throw new Fault('invalid', `the recipient ${recipient} is mistyped: its checksum does not fit`, {
      cause: error,
    });
  }
  return recipient;
}

/** An age file (https://age-encryption.org/v1) with this content, which any one of the recipients opens. */
export async function sealTo(recipients: readonly string[], content: Uint8Array): Promise<Uint8Array> {
  const encrypter = await newEncrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  return await encrypter.encrypt(content);
}

export async function unseal(sealed: Uint8Array, identity: AgeIdentity): Promise<Unsealed> {
  const decrypter: Decrypter = new (await age()).Decrypter();
  decrypter.addIdentity(identity.secret);
  // Identities are asked in turn until one answers: this one is asked only when the file is whole so far, and not for ours.
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

/** The lines of an identity or recipients file that are neither blank nor comments (age(1), RECIPIENTS AND IDENTITIES). */
export function contentLines(text: string): readonly { readonly content: string; readonly line: number }[] {
  return text
    .split('\n')
    .map((content, at) => ({ content: content.trim(), line: at + 1 }))
    .filter(({ content }) => content !== '' && !content.startsWith('#'));
}

async function newEncrypter(): Promise<Encrypter> {
  return new (await age()).Encrypter();
}
