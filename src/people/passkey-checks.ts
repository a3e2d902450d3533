import { isIP } from 'node:net';
import type {
  AuthenticationResponseJSON,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
  RegistrationResponseJSON,
} from '@simplewebauthn/server';
import type { NewPasskey, Passkey } from '../model/api/people.js';
import type { Entropy } from '../model/call.js';
import { Fault } from '../model/fault.js';

/** Loads the library at the first use: few requests need it. */
const library = () => import('@simplewebauthn/server');

/** WebAuthn level 3, section 13.4.3: at least 16 bytes. */
const challengeBytes = 32;
const timeoutMs = 5 * 60_000;

/** The site that passkeys belong to (WebAuthn level 3, section 4). */
export interface RelyingParty {
  /** A host name. */
  readonly id: string;
  readonly origin: string;
}

type Transports = NonNullable<
  NonNullable<PublicKeyCredentialRequestOptionsJSON['allowCredentials']>[number]['transports']
>;

/**
 * Returns the site of these pages; null if browsers offer no passkeys there: at an IP address, and with plain HTTP
 * except for localhost.
 */
export function relyingPartyOf(origin: string): RelyingParty | null {
  const { protocol, hostname: id } = new URL(origin);
  if (isIP(id.replace(/^\[|\]$/g, '')) !== 0) return null;
  return protocol === 'https:' || id === 'localhost' ? { id, origin } : null;
}

/** Returns a new challenge in base64url. */
export function newChallenge(entropy: Entropy): string {
  return Buffer.from(entropy.bytes(challengeBytes)).toString('base64url');
}

/** Returns the options for `navigator.credentials.create`. */
export async function creationOptions(
  party: RelyingParty,
  person: { readonly id: string; readonly name: string },
  challenge: string,
  known: readonly Passkey[],
): Promise<PublicKeyCredentialCreationOptionsJSON> {
  const { generateRegistrationOptions } = await library();
  return await generateRegistrationOptions({
    rpName: 'sftpgw',
    rpID: party.id,
    userID: new TextEncoder().encode(person.id),
    userName: person.name,
    userDisplayName: person.name,
    challenge: Buffer.from(challenge, 'base64url'),
    timeout: timeoutMs,
    attestationType: 'none',
    excludeCredentials: known.map(credentialOf),
    authenticatorSelection: { residentKey: 'preferred', userVerification: 'preferred' },
  });
}

/** Returns the options for `navigator.credentials.get`; with `known` null for every passkey of the site. */
export async function requestOptions(
  party: RelyingParty,
  challenge: string,
  known: readonly Passkey[] | null,
): Promise<PublicKeyCredentialRequestOptionsJSON> {
  const { generateAuthenticationOptions } = await library();
  return await generateAuthenticationOptions({
    rpID: party.id,
    challenge: Buffer.from(challenge, 'base64url'),
    timeout: timeoutMs,
    // Without a passphrase the passkey is the only factor, so its device must verify the person.
    userVerification: known === null ? 'required' : 'preferred',
    ...(known === null ? {} : { allowCredentials: known.map(credentialOf) }),
  });
}

function credentialOf({ credentialId, transports }: Passkey) {
  return { id: credentialId, transports: [...transports] as Transports };
}

/** Returns the new passkey of a response. Throws `invalid` for a response that is not valid. */
export async function checkRegistration(
  party: RelyingParty,
  challenge: string,
  label: string,
  response: unknown,
): Promise<NewPasskey> {
  const { verifyRegistrationResponse } = await library();
  try {
    const { verified, registrationInfo } = await verifyRegistrationResponse({
      response: response as RegistrationResponseJSON,
      expectedChallenge: challenge,
      expectedOrigin: party.origin,
      expectedRPID: party.id,
      requireUserVerification: false,
    });
    if (!verified) throw new Error('not verified');
    const { id, publicKey, counter, transports = [] } = registrationInfo.credential;
    return {
      label,
      credentialId: id,
      publicKey: Buffer.from(publicKey).toString('base64url'),
      counter,
      transports: transports.filter((transport) => /^[a-z-]{1,20}$/.test(transport)).slice(0, 10),
    };
  } catch (error) {
    throw new Fault('invalid', 'the passkey was not created for this site and this request: try again', {
      cause: error,
    });
  }
}

/** Returns the id of the credential in a response; null if it has none. */
export function credentialIdOf(response: unknown): string | null {
  const id = (response as { readonly id?: unknown } | null)?.id;
  return typeof id === 'string' && id.length <= 2048 ? id : null;
}

/**
 * Returns the new counter of a passkey; null if the response is not a valid one of this passkey, for this site and
 * challenge, or if its counter shows that the authenticator was copied.
 */
export async function checkAuthentication(
  party: RelyingParty,
  challenge: string,
  passkey: Passkey,
  response: unknown,
  requireUserVerification: boolean,
): Promise<number | null> {
  const { verifyAuthenticationResponse } = await library();
  try {
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response: response as AuthenticationResponseJSON,
      expectedChallenge: challenge,
      expectedOrigin: party.origin,
      expectedRPID: party.id,
      credential: {
        id: passkey.credentialId,
        publicKey: new Uint8Array(Buffer.from(passkey.publicKey, 'base64url')),
        counter: passkey.counter,
      },
      requireUserVerification,
    });
    return verified ? authenticationInfo.newCounter : null;
  } catch {
    // The library throws for every wrong response.
    return null;
  }
}
