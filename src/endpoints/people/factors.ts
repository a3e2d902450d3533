import Type from 'typebox';
import { wrongField } from '../../api/refusal.js';
import { Fault, isFault } from '../../model/fault.js';
import { operation } from '../context.js';
import { isoTime, strict, time } from '../schemas.js';
import { requireLocal } from './acting.js';
import {
  code,
  credential,
  exampleCredential,
  exampleOpaque,
  exampleOptions,
  examplePasskey,
  id,
  label,
  opaque,
  passkeySchema,
  passkeyView,
  webAuthnOptions,
} from './views.js';

const group = 'me';
const needs = 'viewer';
const parameters = Type.Object({ id });
const ofExample = { parameters: { id: examplePasskey.id } };

export const getFactors = operation({
  id: 'getFactors',
  group,
  summary: 'Get your passkeys, and whether you have TOTP and a passphrase.',
  method: 'GET',
  path: '/api/me/factors',
  needs,
  answer: Type.Object({
    totp: Type.Union([Type.Object({ created: time }), Type.Null()]),
    passkeys: Type.Array(passkeySchema),
    hasPassphrase: Type.Boolean(),
  }),
  example: {
    answer: { totp: { created: examplePasskey.created }, passkeys: [examplePasskey], hasPassphrase: true },
  },
  handle: async (context, { person }) => {
    const admin = await requireLocal(context, person);
    const passkeys = await context.people.services.passkeys.of(admin.id);
    return {
      totp: admin.totpCreatedMs === null ? null : { created: isoTime(admin.totpCreatedMs) },
      passkeys: passkeys.map(passkeyView),
      hasPassphrase: admin.hasPassphrase,
    };
  },
});

export const beginPasskey = operation({
  id: 'beginPasskey',
  group,
  summary: 'Begin to add a passkey.',
  method: 'POST',
  path: '/api/me/passkeys/begin',
  needs,
  isIdempotent: true,
  answer: Type.Object({ ticket: Type.String(), passkey: webAuthnOptions }),
  example: { answer: { ticket: exampleOpaque, passkey: exampleOptions } },
  handle: async (context, { person }) =>
    await context.people.factors.beginPasskey(await requireLocal(context, person), person.client),
});

export const addPasskey = operation({
  id: 'addPasskey',
  group,
  summary: 'Add a passkey that the browser has created.',
  method: 'POST',
  path: '/api/me/passkeys',
  needs,
  body: Type.Object({ ticket: opaque, label, response: credential }, strict),
  status: 201,
  answer: passkeySchema,
  example: {
    body: { ticket: exampleOpaque, label: 'laptop', response: exampleCredential },
    answer: examplePasskey,
  },
  handle: async (context, { body, person }) => {
    const admin = await requireLocal(context, person);
    const details = { factor: 'passkey', added: body.label };
    return await context.root.scribe.change(
      { action: 'admin.factor', target: admin.name, details },
      async () => passkeyView(await context.people.factors.addPasskey(admin, person.client, body)),
    );
  },
});

function noPasskey(passkeyId: string): Fault {
  return new Fault('not-found', `you have no passkey ${passkeyId}`);
}

export const renamePasskey = operation({
  id: 'renamePasskey',
  group,
  summary: 'Rename one of your passkeys.',
  method: 'PATCH',
  path: '/api/me/passkeys/{id}',
  needs,
  parameters,
  body: Type.Object({ label }, strict),
  answer: passkeySchema,
  example: { ...ofExample, body: { label: 'laptop' }, answer: examplePasskey },
  handle: async (context, { body, parameters: { id: passkeyId }, person }) => {
    const admin = await requireLocal(context, person);
    const details = { factor: 'passkey', renamed: passkeyId, now: body.label };
    return await context.root.scribe.change(
      { action: 'admin.factor', target: admin.name, details },
      async () => {
        const renamed = await context.people.services.passkeys.rename(admin.id, passkeyId, body.label);
        if (renamed === null) throw noPasskey(passkeyId);
        return passkeyView(renamed);
      },
    );
  },
});

export const removePasskey = operation({
  id: 'removePasskey',
  group,
  summary: 'Remove one of your passkeys. The last second factor stays.',
  method: 'DELETE',
  path: '/api/me/passkeys/{id}',
  needs,
  parameters,
  example: ofExample,
  handle: async (context, { parameters: { id: passkeyId }, person }) => {
    const admin = await requireLocal(context, person);
    await context.root.scribe.change(
      { action: 'admin.factor', target: admin.name, details: { factor: 'passkey', removed: passkeyId } },
      async () => {
        const removed = await context.people.services.passkeys.remove(admin.id, passkeyId);
        if (removed === null) throw noPasskey(passkeyId);
      },
    );
  },
});

export const beginTotp = operation({
  id: 'beginTotp',
  group,
  summary: 'Get a new TOTP secret. It counts once a code of it was given.',
  method: 'POST',
  path: '/api/me/totp/begin',
  needs,
  isIdempotent: true,
  answer: Type.Object({ ticket: Type.String(), secret: Type.String(), uri: Type.String() }),
  example: {
    answer: {
      ticket: exampleOpaque,
      secret: 'EXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAM',
      uri: 'otpauth://totp/sftpgw:alice?secret=EXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAM&issuer=sftpgw',
    },
  },
  handle: async (context, { person }) =>
    await context.people.factors.beginTotp(await requireLocal(context, person), person.client),
});

export const setTotp = operation({
  id: 'setTotp',
  group,
  summary: 'Use the new TOTP secret from now on. An earlier one does not count any more.',
  method: 'PUT',
  path: '/api/me/totp',
  needs,
  body: Type.Object({ ticket: opaque, code }, strict),
  example: { body: { ticket: exampleOpaque, code: '123456' } },
  handle: async (context, { body, person }) => {
    const admin = await requireLocal(context, person);
    await context.root.scribe.change(
      { action: 'admin.factor', target: admin.name, details: { factor: 'totp', added: 'totp' } },
      async () => {
        try {
          await context.people.factors.setTotp(admin, body.ticket, body.code);
        } catch (error) {
          throw isFault(error, 'invalid') ? wrongField('/code', error.hint) : error;
        }
      },
    );
  },
});

export const removeTotp = operation({
  id: 'removeTotp',
  group,
  summary: 'Remove TOTP. The last second factor stays.',
  method: 'DELETE',
  path: '/api/me/totp',
  needs,
  example: {},
  handle: async (context, { person }) => {
    const admin = await requireLocal(context, person);
    await context.root.scribe.change(
      { action: 'admin.factor', target: admin.name, details: { factor: 'totp', removed: 'totp' } },
      () => context.people.services.admins.removeTotp(admin.id),
    );
  },
});
