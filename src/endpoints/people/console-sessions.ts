import Type from 'typebox';
import { operation } from '../context.js';
import { strict, textOrNull } from '../schemas.js';
import { loggedIn, loginStep } from './login-steps.js';
import { exampleOpaque } from './views.js';

/** For the console's process, which forwards no request to it. */
export const checkSession = operation({
  id: 'checkSession',
  group: 'console',
  summary: 'Check a session on behalf of the console’s process.',
  method: 'POST',
  path: '/internal/sessions/check',
  needs: 'admin',
  isIdempotent: true,
  body: Type.Object({ secret: Type.String({ maxLength: 200 }) }, strict),
  answer: Type.Union([
    Type.Object({
      name: Type.String(),
      role: Type.String(),
      identity: Type.String(),
      session: Type.String(),
    }),
    Type.Null(),
  ]),
  example: {
    body: { secret: exampleOpaque },
    answer: { name: 'alice', role: 'custodian', identity: '3f9a41c02b4d6f78', session: '5f3a0c1e2b4d6f78' },
  },
  handle: async ({ people }, { body }) => {
    const { sessions, admins, sessionLimits, isDemo } = people.services;
    const session = await sessions.check(body.secret, sessionLimits().idleMs);
    const admin = session === null ? null : await admins.findById(session.adminId);
    if (session === null || admin === null || (admin.kind === 'demo' && !isDemo)) return null;
    return { name: admin.name, role: admin.role, identity: admin.id, session: session.id };
  },
});

export const loginFromProvider = operation({
  id: 'loginFromProvider',
  group: 'console',
  summary: 'Begin a session of a person whom an OpenID provider has authenticated.',
  method: 'POST',
  path: '/internal/sessions/oidc',
  needs: 'admin',
  isIdempotent: true,
  body: Type.Object(
    {
      issuer: Type.String({ minLength: 1, maxLength: 500 }),
      subject: Type.String({ minLength: 1, maxLength: 255 }),
      name: Type.String({ minLength: 1, maxLength: 200 }),
      groups: Type.Array(Type.String({ maxLength: 1000 }), { maxItems: 1000 }),
      address: textOrNull,
      userAgent: textOrNull,
      origin: Type.String({ maxLength: 300 }),
    },
    strict,
  ),
  answer: Type.Object({ secret: Type.String() }),
  example: {
    body: {
      issuer: 'https://sso.example.com',
      subject: '248289761001',
      name: 'alice@example.com',
      groups: ['sftp-admins'],
      address: '192.0.2.7',
      userAgent: 'Mozilla/5.0',
      origin: 'https://sftpgw.example.com',
    },
    answer: { secret: exampleOpaque },
  },
  handle: async (context, { body, call: { signal } }) => {
    const { issuer, subject, name: given, groups, address, userAgent, origin } = body;
    const client = address === null ? null : { address, origin, userAgent };
    const rolesByGroup = context.root.settings.current.consoleOidcRoles;
    const done = await loginStep(context, given, () =>
      context.people.providerLogins.login(
        { issuer, subject, name: given, groups },
        rolesByGroup,
        context.root.scribe,
        { client, signal },
      ),
    );
    loggedIn(context, done);
    return { secret: done.secret };
  },
});
