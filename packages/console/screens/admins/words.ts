import type { AnswerOf, ItemOf } from '../../api/endpoints.js';
import type { Tone } from '../../parts/status.js';

export type Admin = ItemOf<'listAdmins'>;
export type Token = ItemOf<'listTokens'>;
export type AdminSession = ItemOf<'listAdminSessions'>;
export type Invitation = AnswerOf<'addAdmin'>;

/** The roles, with what each may do. */
export const roles = [
  ['viewer', 'reads everything except the content of files'],
  ['operator', 'manages users, objects, mirrors and bans'],
  ['custodian', 'manages keys, rotations and the recovery'],
  ['admin', 'does everything'],
] as const;

/** How a person logs in, in words. */
export const kinds: Readonly<Record<Admin['kind'], string>> = {
  local: 'passphrase',
  oidc: 'OIDC',
  demo: 'demo link',
};

/** Ways of logins of sessions, in words. */
export const methods: Readonly<Record<AdminSession['method'], string>> = {
  totp: 'passphrase and code',
  passkey: 'passkey',
  oidc: 'OIDC',
  demo: 'demo link',
  link: 'invitation link',
};

/** Returns the state of a person: invited without a valid link needs a new one. */
export function stateOf({ state, link }: Admin): readonly [Tone, string] {
  if (state === 'active') return ['good', 'active'];
  return link === null ? ['warn', 'invitation expired'] : ['busy', 'invited'];
}

/** Returns the second factors of a person in words; null without one. */
export function factorsText({ kind, passkeys, hasTotp }: Admin): string | null {
  if (kind === 'oidc') return 'by the provider';
  const parts = [
    ...(passkeys === 0 ? [] : [passkeys === 1 ? '1 passkey' : `${passkeys} passkeys`]),
    ...(hasTotp ? ['code'] : []),
  ];
  return parts.length === 0 ? null : parts.join(', ');
}

/** Returns the state of a token at this time. */
export function tokenState({ revoked, expires }: Token, now: Date): readonly [Tone, string] {
  if (revoked !== null) return ['plain', 'revoked'];
  return new Date(expires) <= now ? ['plain', 'expired'] : ['good', 'valid'];
}
