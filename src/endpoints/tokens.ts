import Type from 'typebox';
import { roles } from '../api/description/roles.js';
import type { ApiToken } from '../model/api/tokens.js';
import { Fault } from '../model/fault.js';
import { operation } from './context.js';
import { identityOf } from './four-eyes.js';
import { isoTime, isoTimeOrNull, strict, textOrNull, time, timeOrNull } from './schemas.js';

const group = 'tokens';

const token = Type.Object({
  id: Type.String(),
  label: Type.String(),
  role: Type.String(),
  scope: Type.Union([Type.Array(Type.String()), Type.Null()], {
    description: 'The groups of operations that it may call; null for all of its role.',
  }),
  createdBy: Type.String(),
  created: time,
  expires: time,
  revoked: timeOrNull,
  lastUsed: timeOrNull,
});

const example = {
  id: '5f3a0c1e2b4d6f78',
  label: 'deploy',
  role: 'operator',
  scope: ['users'],
  createdBy: 'uid 0',
  created: '2026-05-01T12:00:00.000Z',
  expires: '2026-07-30T12:00:00.000Z',
  revoked: null,
  lastUsed: null,
};

function view({ identity: _identity, createdMs, expiresMs, revokedMs, lastUsedMs, ...rest }: ApiToken) {
  return {
    ...rest,
    created: isoTime(createdMs),
    expires: isoTime(expiresMs),
    revoked: isoTimeOrNull(revokedMs),
    lastUsed: isoTimeOrNull(lastUsedMs),
  };
}

const day = 24 * 3600;

export const listTokens = operation({
  id: 'listTokens',
  group,
  summary: 'List the tokens of the API, the newest first.',
  method: 'GET',
  path: '/api/tokens',
  needs: 'admin',
  answer: Type.Object({ items: Type.Array(token) }),
  command: 'sftpgw admin token list',
  example: { answer: { items: [example] } },
  handle: async ({ tokens }) => ({ items: (await tokens.list()).map(view) }),
});

export const createToken = operation({
  id: 'createToken',
  group,
  summary: 'Create a token of the API. The answer has the token, which cannot be read again.',
  method: 'POST',
  path: '/api/tokens',
  needs: 'admin',
  hasSecretAnswer: true,
  body: Type.Object(
    {
      label: Type.String({ minLength: 1, maxLength: 100 }),
      role: Type.Enum([...roles]),
      scope: Type.Optional(
        Type.Array(Type.String({ pattern: '^[a-z-]{1,40}$' }), { minItems: 1, maxItems: 40 }),
      ),
      expiresInSeconds: Type.Integer({ minimum: 60, maximum: 400 * day }),
    },
    strict,
  ),
  status: 201,
  answer: Type.Object({ token, secret: Type.String({ description: 'The token itself.' }) }),
  command: 'sftpgw admin token create --label deploy --role operator --expires 90d',
  example: {
    body: { label: 'deploy', role: 'operator', scope: ['users'], expiresInSeconds: 90 * day },
    answer: { token: example, secret: 'sftpgw_EXAMPLE-EXAMPLE-EXAMPLE-EXAMPLE-EXAMPLE-123' },
  },
  handle: async ({ tokens, clock }, { body, person }) => {
    const { label, role, scope = null, expiresInSeconds } = body;
    const expiresMs = clock.nowMs() + expiresInSeconds * 1000;
    const made = await tokens.create({
      label,
      role,
      scope,
      createdBy: person.name,
      identity: identityOf(person),
      expiresMs,
    });
    return { token: view(made.token), secret: made.secret };
  },
});

export const revokeToken = operation({
  id: 'revokeToken',
  group,
  summary: 'Revoke a token at once.',
  method: 'DELETE',
  path: '/api/tokens/{id}',
  needs: 'admin',
  parameters: Type.Object({ id: Type.String({ pattern: '^[0-9a-f]{16}$' }) }),
  answer: token,
  command: 'sftpgw admin token revoke 5f3a0c1e2b4d6f78',
  example: {
    parameters: { id: '5f3a0c1e2b4d6f78' },
    answer: { ...example, revoked: '2026-05-02T12:00:00.000Z' },
  },
  handle: async ({ tokens }, { parameters }) => {
    const revoked = await tokens.revoke(parameters.id);
    if (revoked === null) throw new Fault('not-found', `there is no token ${parameters.id}`);
    return view(revoked);
  },
});

const identity = Type.Object({
  name: Type.String(),
  role: Type.String(),
  scope: token.properties.scope,
  identity: textOrNull,
});

/** For the console's process, which forwards no request to it. */
export const checkToken = operation({
  id: 'checkToken',
  group: 'console',
  summary: 'Check a token on behalf of the console’s process.',
  method: 'POST',
  path: '/internal/tokens/check',
  needs: 'admin',
  isIdempotent: true,
  body: Type.Object({ secret: Type.String({ maxLength: 200 }) }, strict),
  answer: Type.Union([identity, Type.Null()]),
  example: {
    body: { secret: 'sftpgw_EXAMPLE-EXAMPLE-EXAMPLE-EXAMPLE-EXAMPLE-123' },
    answer: { name: 'token deploy', role: 'operator', scope: ['users'], identity: 'local' },
  },
  handle: async ({ tokens }, { body }) => {
    const found = await tokens.check(body.secret);
    if (found === null) return null;
    const { label, role, scope, identity: behind } = found;
    return { name: `token ${label}`, role, scope, identity: behind };
  },
});
