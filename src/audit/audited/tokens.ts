import type { ApiTokens } from '../../model/api/tokens.js';
import type { AuditScribe } from '../scribe.js';

/** Returns the tokens of the API with each change recorded, without the token itself. */
export function auditedTokens(tokens: ApiTokens, scribe: AuditScribe): ApiTokens {
  return {
    check: (secret) => tokens.check(secret),
    list: () => tokens.list(),
    create: (token) => {
      const { label, role, scope, expiresMs } = token;
      const details = { role, scope, expires: new Date(expiresMs).toISOString() };
      return scribe.change(
        { action: 'token.create', target: label, details },
        () => tokens.create(token),
        (made) => ({ action: 'token.create', target: label, details: { id: made.token.id, ...details } }),
      );
    },
    revoke: (id) =>
      scribe.change(
        { action: 'token.revoke', target: id },
        () => tokens.revoke(id),
        (revoked) =>
          revoked === null
            ? null
            : { action: 'token.revoke', target: revoked.label, details: { id, role: revoked.role } },
      ),
  };
}
