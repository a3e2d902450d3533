import { call } from '../../api/client.js';
import type { AnswerOf, BodyOf } from '../../api/endpoints.js';

/** The second step of a login by passphrase. */
export type LoginTicket = AnswerOf<'loginWithPassphrase'>;

/** The page behind the link of an invitation, a reset or the demo. */
export type Invitation = AnswerOf<'openLink'>;

/** Options of WebAuthn as the API describes them; null if the browser offers no passkeys at this address. */
type WebAuthnOptions = LoginTicket['passkey'];

/** The operations of logins. */
export const loginApi = {
  options: () => call('getLogin'),
  passphrase: (name: string, passphrase: string) =>
    call('loginWithPassphrase', { body: { name, passphrase } }),
  totp: (ticket: string, code: string) => call('loginWithCode', { body: { ticket, code } }),
  beginPasskey: () => call('beginPasskeyLogin'),
  passkey: (ticket: string, response: unknown) => call('loginWithPasskey', { body: { ticket, response } }),
  invitation: (token: string) => call('openLink', { body: { token } }),
  finish: (body: BodyOf<'enrol'>) => call('enrol', { body }),
  link: (token: string) => call('loginWithLink', { body: { token } }),
};

/** Asks the browser for a passkey and returns its answer as JSON. */
export async function getPasskey(options: WebAuthnOptions): Promise<PasskeyJson> {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(
    options as PublicKeyCredentialRequestOptionsJSON,
  );
  return jsonOf(await navigator.credentials.get({ publicKey }));
}

/** Asks the browser to create a passkey and returns it as JSON. */
export async function createPasskey(options: WebAuthnOptions): Promise<PasskeyJson> {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(
    options as PublicKeyCredentialCreationOptionsJSON,
  );
  return jsonOf(await navigator.credentials.create({ publicKey }));
}

/** A credential of WebAuthn. */
type PasskeyJson = { readonly id: string };

function jsonOf(credential: Credential | null): PasskeyJson {
  if (!(credential instanceof PublicKeyCredential)) throw new Error('the browser did not give a passkey');
  return credential.toJSON() as PasskeyJson;
}
