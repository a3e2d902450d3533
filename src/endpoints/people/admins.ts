import Type from 'typebox';
import type { Person } from '../../api/description/roles.js';
import { Fault } from '../../model/fault.js';
import { consoleOrigin, welcomeLink } from '../../operations/people.js';
import type { Invitation } from '../../people/administration.js';
import { adminNamePattern } from '../../people/names.js';
import { type ApiContext, operation } from '../context.js';
import { isoTime, strict, time } from '../schemas.js';
import {
  adminSchema,
  adminView,
  exampleAdmin,
  exampleOpaque,
  exampleSession,
  id,
  role,
  sessionSchema,
  sessionView,
} from './views.js';

const group = 'admins';
const needs = 'admin';
const name = Type.String({ minLength: 1, maxLength: 100 });
const parameters = Type.Object({ name });
const ofExample = { parameters: { name: 'alice' } };

const invitation = Type.Object({
  admin: adminSchema,
  link: Type.String({ description: 'Works once, until it expires.' }),
  expires: time,
});
const exampleInvitation = {
  admin: { ...exampleAdmin, state: 'invited', lastLogin: null, hasTotp: false, passkeys: 0 },
  link: `https://sftpgw.example.com/welcome#${exampleOpaque}`,
  expires: '2026-05-01T12:15:00.000Z',
} as const;

/** Invites a person. Throws `conflict`, before the change, if there is no console that a link could lead to. */
async function invite({ root }: ApiContext, { client }: Person, work: () => Promise<Invitation>) {
  const origin = client?.origin ?? consoleOrigin(root.settings.current);
  if (origin === null) throw new Fault('conflict', 'the console is off: set console.listen or console.url');
  const made = await work();
  return {
    admin: adminView(made.admin),
    link: welcomeLink(origin, made.token),
    expires: isoTime(made.expiresMs),
  };
}

export const listAdmins = operation({
  id: 'listAdmins',
  group,
  summary: 'List the people who may use the console, by name.',
  method: 'GET',
  path: '/api/admins',
  needs,
  answer: Type.Object({ items: Type.Array(adminSchema) }),
  command: 'sftpgw admin list',
  example: { answer: { items: [exampleAdmin] } },
  handle: async ({ people }) => ({ items: (await people.services.admins.list()).map(adminView) }),
});

export const addAdmin = operation({
  id: 'addAdmin',
  group,
  summary: 'Add a person. The answer has the link with which they set their passphrase and second factor.',
  method: 'POST',
  path: '/api/admins',
  needs,
  hasSecretAnswer: true,
  fourEyes: {
    requests: 'every request',
    summary: ({ body }) => `add ${body.name} with the role ${body.role}`,
  },
  body: Type.Object({ name: Type.String({ pattern: adminNamePattern }), role }, strict),
  status: 201,
  answer: invitation,
  command: 'sftpgw admin add alice --role custodian',
  example: { body: { name: 'alice', role: 'custodian' }, answer: exampleInvitation },
  handle: async (context, { body, person }) =>
    await invite(context, person, () => context.people.administration.add(body.name, body.role, person.name)),
});

export const getAdmin = operation({
  id: 'getAdmin',
  group,
  summary: 'Get one person.',
  method: 'GET',
  path: '/api/admins/{name}',
  needs,
  parameters,
  answer: adminSchema,
  example: { ...ofExample, answer: exampleAdmin },
  handle: async ({ people }, { parameters: { name: of } }) => adminView(await people.administration.find(of)),
});

export const changeAdmin = operation({
  id: 'changeAdmin',
  group,
  summary: 'Change the role of a person. It counts at their next request.',
  method: 'PATCH',
  path: '/api/admins/{name}',
  needs,
  fourEyes: {
    requests: 'every request',
    summary: ({ parameters: { name: of }, body }) => `give ${of} the role ${body.role}`,
  },
  parameters,
  body: Type.Object({ role }, strict),
  answer: adminSchema,
  command: 'sftpgw admin role alice custodian',
  example: { ...ofExample, body: { role: 'custodian' }, answer: exampleAdmin },
  handle: async ({ people }, { body, parameters: { name: of } }) =>
    adminView(await people.administration.setRole(of, body.role)),
});

export const resetAdmin = operation({
  id: 'resetAdmin',
  group,
  summary: 'Remove passphrase, second factors and sessions of a person, and answer with a new link.',
  method: 'POST',
  path: '/api/admins/{name}/reset',
  needs,
  hasSecretAnswer: true,
  fourEyes: {
    requests: 'every request',
    summary: ({ parameters: { name: of } }) => `reset the credentials of ${of}`,
  },
  parameters,
  answer: invitation,
  command: 'sftpgw admin reset alice',
  example: { ...ofExample, answer: exampleInvitation },
  handle: async (context, { parameters: { name: of }, person }) =>
    await invite(context, person, () => context.people.administration.reset(of, person.name)),
});

export const removeAdmin = operation({
  id: 'removeAdmin',
  group,
  summary: 'Remove a person with their sessions, and revoke their tokens.',
  method: 'DELETE',
  path: '/api/admins/{name}',
  needs,
  fourEyes: { requests: 'every request', summary: ({ parameters: { name: of } }) => `remove ${of}` },
  parameters,
  command: 'sftpgw admin remove alice',
  example: ofExample,
  handle: async ({ people }, { parameters: { name: of } }) => {
    await people.administration.remove(of);
  },
});

export const listAdminSessions = operation({
  id: 'listAdminSessions',
  group,
  summary: 'List the sessions of a person, the newest first.',
  method: 'GET',
  path: '/api/admins/{name}/sessions',
  needs,
  parameters,
  answer: Type.Object({ items: Type.Array(sessionSchema) }),
  example: { ...ofExample, answer: { items: [exampleSession] } },
  handle: async ({ people }, { parameters: { name: of }, person }) => {
    const admin = await people.administration.find(of);
    const { sessions, sessionLimits } = people.services;
    const found = await sessions.of(admin.id, sessionLimits().idleMs);
    return { items: found.map((one) => sessionView(admin, one, person.session)) };
  },
});

export const endAdminSession = operation({
  id: 'endAdminSession',
  group,
  summary: 'End a session of a person at once.',
  method: 'DELETE',
  path: '/api/admins/{name}/sessions/{id}',
  needs,
  parameters: Type.Object({ name, id }),
  example: { parameters: { name: 'alice', id: exampleSession.id } },
  handle: async ({ people }, { parameters: { name: of, id: sessionId } }) => {
    await people.administration.endSession(await people.administration.find(of), sessionId);
  },
});
