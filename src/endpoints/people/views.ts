import Type from 'typebox';
import { roles } from '../../api/description/roles.js';
import type { Admin, AdminSession, Passkey } from '../../model/api/people.js';
import { count, isoTime, isoTimeOrNull, textOrNull, time, timeOrNull } from '../schemas.js';

/** A random text of the server, such as a ticket or the token of a link. */
export const opaque = Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' });
export const id = Type.String({ pattern: '^[0-9a-f]{16}$' });
export const code = Type.String({ minLength: 1, maxLength: 20, description: 'The six digits of the app.' });
export const label = Type.String({ minLength: 1, maxLength: 100 });
export const role = Type.Enum([...roles]);
/** An object of WebAuthn, which the library checks. */
export const credential = Type.Object(
  { id: Type.String({ minLength: 1, maxLength: 2048 }) },
  { description: 'The JSON form of a credential (WebAuthn level 3, `toJSON`).' },
);
export const webAuthnOptions = Type.Union([Type.Object({ challenge: Type.String() }), Type.Null()], {
  description: 'The options for the browser (WebAuthn level 3); null if it offers no passkeys here.',
});

export const exampleOpaque = 'EXAMPLE-EXAMPLE-EXAMPLE-EXAMPLE-EXAMPLE-123';
export const exampleCredential = { id: 'c2Z0cGd3' };
export const exampleOptions = { challenge: 'EXAMPLE-EXAMPLE-EXAMPLE-EXAMPLE-EXAMPLE-123' };
const created = '2026-05-01T12:00:00.000Z';

export const adminSchema = Type.Object({
  name: Type.String(),
  role: Type.String(),
  kind: Type.Enum(['local', 'oidc', 'demo']),
  state: Type.Enum(['active', 'invited'], { description: 'Invited: has not used the link.' }),
  created: time,
  createdBy: Type.String(),
  lastLogin: timeOrNull,
  hasTotp: Type.Boolean(),
  passkeys: count,
  link: Type.Union([Type.Object({ expires: time }), Type.Null()]),
});

export const exampleAdmin = {
  name: 'alice',
  role: 'custodian',
  kind: 'local',
  state: 'active',
  created,
  createdBy: 'uid 0',
  lastLogin: '2026-05-02T08:00:00.000Z',
  hasTotp: true,
  passkeys: 1,
  link: null,
} as const;

export function adminView(admin: Admin) {
  const { name, kind, createdBy, passkeys } = admin;
  const isActive = kind !== 'local' || admin.hasPassphrase;
  return {
    name,
    role: admin.role,
    kind,
    state: isActive ? ('active' as const) : ('invited' as const),
    created: isoTime(admin.createdMs),
    createdBy,
    lastLogin: isoTimeOrNull(admin.lastLoginMs),
    hasTotp: admin.totpCreatedMs !== null,
    passkeys,
    link: admin.linkExpiresMs === null ? null : { expires: isoTime(admin.linkExpiresMs) },
  };
}

export const sessionSchema = Type.Object({
  id: Type.String(),
  admin: Type.String(),
  created: time,
  lastUsed: time,
  expires: time,
  address: textOrNull,
  userAgent: textOrNull,
  method: Type.Enum(['totp', 'passkey', 'oidc', 'demo', 'link']),
  isCurrent: Type.Boolean(),
});

export const exampleSession = {
  id: '5f3a0c1e2b4d6f78',
  admin: 'alice',
  created,
  lastUsed: '2026-05-01T12:30:00.000Z',
  expires: '2026-05-02T00:00:00.000Z',
  address: '192.0.2.7',
  userAgent: 'Mozilla/5.0',
  method: 'passkey',
  isCurrent: true,
} as const;

export function sessionView(admin: Admin, session: AdminSession, current: string | null) {
  return {
    id: session.id,
    admin: admin.name,
    created: isoTime(session.createdMs),
    lastUsed: isoTime(session.lastUsedMs),
    expires: isoTime(session.expiresMs),
    address: session.address,
    userAgent: session.userAgent,
    method: session.method,
    isCurrent: session.id === current,
  };
}

export const passkeySchema = Type.Object({
  id: Type.String(),
  label: Type.String(),
  created: time,
  lastUsed: timeOrNull,
});

export const examplePasskey = { id: '5f3a0c1e2b4d6f78', label: 'laptop', created, lastUsed: null };

export function passkeyView({ id: passkeyId, label: text, createdMs, lastUsedMs }: Passkey) {
  return { id: passkeyId, label: text, created: isoTime(createdMs), lastUsed: isoTimeOrNull(lastUsedMs) };
}

/** The person of a request, with the login of a session. */
export const meSchema = Type.Object({
  name: Type.String(),
  role: Type.String(),
  scope: Type.Union([Type.Array(Type.String()), Type.Null()], {
    description: 'The groups of operations that the person may call; null for all of the role.',
  }),
  kind: Type.Enum(['person', 'token', 'command']),
  login: Type.Union([
    Type.Object({
      kind: Type.Enum(['local', 'oidc', 'demo']),
      session: Type.String(),
      created: time,
      expires: time,
      idleSeconds: count,
    }),
    Type.Null(),
  ]),
  fourEyes: Type.Boolean({ description: 'Whether a second person must approve some requests.' }),
});

export const exampleMe = {
  name: 'alice',
  role: 'custodian',
  scope: null,
  kind: 'person',
  login: {
    kind: 'local',
    session: exampleSession.id,
    created,
    expires: exampleSession.expires,
    idleSeconds: 3600,
  },
  fourEyes: false,
} as const;
