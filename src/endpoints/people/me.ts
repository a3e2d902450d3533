import Type from 'typebox';
import { Reply } from '../../api/description/operation.js';
import { wrongField } from '../../api/refusal.js';
import { Fault, isFault } from '../../model/fault.js';
import { operation } from '../context.js';
import { strict } from '../schemas.js';
import { meOf, requireLocal, requireSession } from './acting.js';
import { exampleMe, exampleSession, id, meSchema, sessionSchema, sessionView } from './views.js';

const group = 'me';
const parameters = Type.Object({ id });

export const getMe = operation({
  id: 'getMe',
  group,
  summary: 'Get the person of this request, with role and scope.',
  method: 'GET',
  path: '/api/me',
  needs: 'viewer',
  answer: meSchema,
  example: { answer: exampleMe },
  handle: async (context, { person }) => {
    if (person.session !== null) {
      const { admin, session } = await requireSession(context, person);
      return meOf(context, admin, session);
    }
    const { name, role, scope, isCommand } = person;
    const fourEyes = context.root.settings.current.consoleFourEyes;
    const kind = isCommand ? ('command' as const) : ('token' as const);
    return { name, role, scope, kind, login: null, fourEyes };
  },
});

export const logout = operation({
  id: 'logout',
  group,
  summary: 'End the session of this request.',
  method: 'POST',
  path: '/api/logout',
  needs: 'viewer',
  isIdempotent: true,
  example: {},
  handle: async (context, { person }) => {
    const { admin, session } = await requireSession(context, person);
    await context.people.services.sessions.end(admin.id, session.id);
    context.root.scribe.note({ action: 'admin.logout', target: admin.name, session: session.id });
    return new Reply(undefined, null, '');
  },
});

export const listMySessions = operation({
  id: 'listMySessions',
  group,
  summary: 'List your sessions, the newest first.',
  method: 'GET',
  path: '/api/me/sessions',
  needs: 'viewer',
  answer: Type.Object({ items: Type.Array(sessionSchema) }),
  example: { answer: { items: [exampleSession] } },
  handle: async (context, { person }) => {
    const { admin, session } = await requireSession(context, person);
    const { sessions, sessionLimits } = context.people.services;
    const found = await sessions.of(admin.id, sessionLimits().idleMs);
    return { items: found.map((one) => sessionView(admin, one, session.id)) };
  },
});

export const endMySession = operation({
  id: 'endMySession',
  group,
  summary: 'End one of your sessions at once.',
  method: 'DELETE',
  path: '/api/me/sessions/{id}',
  needs: 'viewer',
  parameters,
  example: { parameters: { id: exampleSession.id } },
  handle: async (context, { parameters: { id: sessionId }, person }) => {
    const { admin } = await requireSession(context, person);
    await context.people.administration.endSession(admin, sessionId);
  },
});

const passphrase = Type.String({ minLength: 1, maxLength: 1024 });

export const changePassphrase = operation({
  id: 'changePassphrase',
  group,
  summary: 'Change your passphrase. This ends your other sessions.',
  method: 'PUT',
  path: '/api/me/passphrase',
  needs: 'viewer',
  body: Type.Object({ current: passphrase, passphrase }, strict),
  example: {
    body: { current: 'correct horse battery staple', passphrase: 'another horse with a long name' },
  },
  handle: async (context, { body, person, call }) => {
    const admin = await requireLocal(context, person);
    const { client } = person;
    await context.root.scribe.change({ action: 'admin.passphrase', target: admin.name }, async () => {
      try {
        await context.people.factors.changePassphrase(
          admin,
          { session: person.session, client, signal: call.signal },
          body,
        );
      } catch (error) {
        if (isFault(error, 'invalid')) throw wrongField('/passphrase', error.hint);
        if (isFault(error, 'unauthenticated')) throw new Fault('denied', error.hint);
        throw error;
      }
    });
  },
});
