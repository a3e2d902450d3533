import Type from 'typebox';
import { wrongField } from '../../api/refusal.js';
import { isFault } from '../../model/fault.js';
import { partyOf } from '../../people/logins.js';
import { maxPassphraseCharacters } from '../../people/passphrases.js';
import { operation } from '../context.js';
import { isoTime, strict, time } from '../schemas.js';
import { loggedIn, loginStep, whoOf } from './login-steps.js';
import {
  code,
  credential,
  exampleCredential,
  exampleMe,
  exampleOpaque,
  exampleOptions,
  label,
  meSchema,
  opaque,
  webAuthnOptions,
} from './views.js';

const group = 'login';
const name = Type.String({ minLength: 1, maxLength: 100 });
// Longer ones are refused with the reason by the check of new passphrases.
const passphrase = Type.String({ minLength: 1, maxLength: 4 * maxPassphraseCharacters });
const exampleTicket = { ticket: exampleOpaque };
/** A login is not idempotent, but a stored answer of one person must never answer another. */
const login = { group, method: 'POST', needs: 'viewer', isIdempotent: true } as const;

export const getLogin = operation({
  id: 'getLogin',
  group,
  summary: 'Get the ways to log in at the console.',
  method: 'GET',
  path: '/api/login',
  needs: 'viewer',
  answer: Type.Object({
    hasAdmins: Type.Boolean({ description: 'False: run `sftpgw admin init` on the gateway’s machine.' }),
    passkeys: Type.Boolean({ description: 'Whether browsers offer passkeys at this address.' }),
    oidc: Type.Union([Type.Object({ label: Type.String() }), Type.Null()]),
  }),
  example: { answer: { hasAdmins: true, passkeys: true, oidc: { label: 'Example SSO' } } },
  handle: async ({ root, people }, { person }) => {
    const { consoleOidcIssuer: issuer, consoleOidcLabel: text } = root.settings.current;
    return {
      hasAdmins: (await people.services.admins.list()).length > 0,
      passkeys: partyOf(person) !== null,
      oidc: issuer === null ? null : { label: text ?? new URL(issuer).hostname },
    };
  },
});

export const loginWithPassphrase = operation({
  ...login,
  id: 'loginWithPassphrase',
  summary: 'Check name and passphrase. The answer has the ticket for the second factor.',
  path: '/api/login',
  body: Type.Object({ name, passphrase }, strict),
  answer: Type.Object({
    ticket: Type.String(),
    methods: Type.Array(Type.Enum(['totp', 'passkey'])),
    passkey: webAuthnOptions,
  }),
  example: {
    body: { name: 'alice', passphrase: 'correct horse battery staple' },
    answer: { ...exampleTicket, methods: ['totp', 'passkey'], passkey: exampleOptions },
  },
  handle: async (context, { body, person: { client }, call: { signal } }) => {
    const given = body.name.trim().toLowerCase();
    return await loginStep(context, given, () =>
      context.people.logins.passphrase(given, body.passphrase, { client, signal }),
    );
  },
});

export const loginWithCode = operation({
  ...login,
  id: 'loginWithCode',
  summary: 'Log in with a code of an authenticator app as the second factor.',
  path: '/api/login/totp',
  body: Type.Object({ ticket: opaque, code }, strict),
  answer: meSchema,
  example: { body: { ...exampleTicket, code: '123456' }, answer: exampleMe },
  handle: async (context, { body, person: { client }, call: { signal } }) =>
    loggedIn(
      context,
      await loginStep(context, await whoOf(context, body.ticket), () =>
        context.people.logins.totp(body.ticket, body.code, { client, signal }),
      ),
    ),
});

export const beginPasskeyLogin = operation({
  ...login,
  id: 'beginPasskeyLogin',
  summary: 'Begin a login with a passkey alone, without a name.',
  path: '/api/login/passkey/begin',
  answer: Type.Object({ ticket: Type.String(), passkey: webAuthnOptions }),
  example: { answer: { ...exampleTicket, passkey: exampleOptions } },
  handle: async ({ people }, { person: { client }, call: { signal } }) =>
    await people.logins.beginPasskey({ client, signal }),
});

export const loginWithPasskey = operation({
  ...login,
  id: 'loginWithPasskey',
  summary: 'Log in with a passkey, alone or as the second factor.',
  path: '/api/login/passkey',
  body: Type.Object({ ticket: opaque, response: credential }, strict),
  answer: meSchema,
  example: { body: { ...exampleTicket, response: exampleCredential }, answer: exampleMe },
  handle: async (context, { body, person: { client }, call: { signal } }) =>
    loggedIn(
      context,
      await loginStep(context, await whoOf(context, body.ticket), () =>
        context.people.logins.passkey(body.ticket, body.response, { client, signal }),
      ),
    ),
});

export const loginWithLink = operation({
  ...login,
  id: 'loginWithLink',
  summary: 'Log in with the link that a demo has printed. It works once, from the same machine.',
  path: '/api/login/link',
  body: Type.Object({ token: opaque }, strict),
  answer: meSchema,
  example: { body: { token: exampleOpaque }, answer: exampleMe },
  handle: async (context, { body, person: { client }, call: { signal } }) =>
    loggedIn(
      context,
      await loginStep(context, 'unknown', () => context.people.logins.demo(body.token, { client, signal })),
    ),
});

const enrolment = Type.Object({
  kind: Type.Literal('enrol'),
  name: Type.String(),
  role: Type.String(),
  expires: time,
  ticket: Type.String(),
  totp: Type.Object({ secret: Type.String(), uri: Type.String() }),
  passkey: webAuthnOptions,
});
const demo = Type.Object({
  kind: Type.Literal('demo'),
  name: Type.String(),
  role: Type.String(),
  expires: time,
});

export const openLink = operation({
  ...login,
  id: 'openLink',
  summary: 'Get what a link of `sftpgw admin init`, `add` or `reset` leads to. The link stays valid.',
  path: '/api/welcome',
  body: Type.Object({ token: opaque }, strict),
  answer: Type.Union([enrolment, demo]),
  example: {
    body: { token: exampleOpaque },
    answer: {
      kind: 'enrol',
      name: 'alice',
      role: 'custodian',
      expires: '2026-05-01T12:15:00.000Z',
      ...exampleTicket,
      totp: {
        secret: 'EXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAM',
        uri: 'otpauth://totp/sftpgw:alice?secret=EXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAM&issuer=sftpgw',
      },
      passkey: exampleOptions,
    },
  },
  handle: async (context, { body, person: { client }, call: { signal } }) => {
    const found = await loginStep(context, 'unknown', () =>
      context.people.logins.welcome(body.token, { client, signal }),
    );
    const { admin, expiresMs } = found;
    const shown = { name: admin.name, role: admin.role, expires: isoTime(expiresMs) };
    if (found.kind === 'demo') return { kind: 'demo' as const, ...shown };
    const { ticket, totp, passkey } = found;
    return { kind: 'enrol' as const, ...shown, ticket, totp, passkey };
  },
});

export const enrol = operation({
  ...login,
  id: 'enrol',
  summary: 'Set the first passphrase and second factor, and log in. This uses up the link.',
  details: 'Exactly one of `code` and `passkey` is given.',
  path: '/api/welcome/finish',
  body: Type.Object(
    {
      token: opaque,
      ticket: opaque,
      passphrase,
      code: Type.Optional(code),
      passkey: Type.Optional(Type.Object({ label, response: credential }, strict)),
    },
    strict,
  ),
  answer: meSchema,
  example: {
    body: {
      token: exampleOpaque,
      ticket: exampleOpaque,
      passphrase: 'correct horse battery staple',
      code: '123456',
    },
    answer: exampleMe,
  },
  handle: async (context, { body, person: { client }, call: { signal } }) => {
    const { token, ticket, passphrase: text, code: given, passkey } = body;
    if ((given === undefined) === (passkey === undefined)) {
      throw wrongField('/code', 'give either code or passkey');
    }
    const factor =
      given === undefined
        ? { kind: 'passkey' as const, label: passkey?.label ?? '', response: passkey?.response }
        : { kind: 'totp' as const, code: given };
    const done = await loginStep(context, 'unknown', () =>
      named(factor.kind, () =>
        context.people.logins.enrol({ token, ticket, passphrase: text, factor }, { client, signal }),
      ),
    );
    context.root.scribe.as(done.admin.name).record({
      action: 'admin.enrol',
      target: done.admin.name,
      details: { factor: factor.kind },
    });
    return loggedIn(context, done);
  },
});

/** Names the field of a wrong passphrase or factor. */
async function named<T>(factor: 'totp' | 'passkey', work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isFault(error, 'invalid')) throw error;
    const isPassphrase = error.hint.includes('passphrase');
    throw wrongField(isPassphrase ? '/passphrase' : factor === 'totp' ? '/code' : '/passkey', error.hint);
  }
}
