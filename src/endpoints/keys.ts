import Type from 'typebox';
import { Reply } from '../api/description/operation.js';
import { decodeCursor, defaultPageSize, encodeCursor, pageOf, pageQuery } from '../api/description/page.js';
import { wrongField } from '../api/refusal.js';
import { systemClock } from '../assembly/system.js';
import { createKeyUsage } from '../database/ledger/key-usage.js';
import { checkNewKey } from '../keyring/weak-keys.js';
import { Fault } from '../model/fault.js';
import type { KeyDescription } from '../model/keyring.js';
import type { IntentId } from '../model/ledger.js';
import { findKey, keyJson, ownerOf, retireKey, useKey } from '../operations/key-administration.js';
import { parseKeyMaterial } from '../operations/key-material.js';
import { keyWriters } from '../users/key-writers.js';
import { type ApiContext, operation } from './context.js';
import {
  count,
  keyParameters,
  keyReference,
  numberOrNull,
  strict,
  textOrNull,
  time,
  timeOrNull,
  username,
} from './schemas.js';

const group = 'keys';

const owner = Type.Union([
  Type.Object({ kind: Type.Literal('user'), username: Type.String() }),
  Type.Object({ kind: Type.Literal('shared') }),
  Type.Object({ kind: Type.Literal('none') }),
]);

const key = Type.Object({
  id: Type.String({ description: 'The fingerprint: 32 hexadecimal digits. It does not reveal the key.' }),
  md5: Type.String({ description: 'The MD5 that S3 shows for objects with the key, in base64.' }),
  label: Type.String(),
  owner,
  origin: Type.Enum(['generated', 'imported', 'found']),
  created: time,
  state: Type.Enum(['active', 'retired', 'destroyed']),
  stateChanged: timeOrNull,
  isRecoverable: Type.Boolean({ description: 'Whether the recovery identity opens the key.' }),
  writers: Type.Array(Type.String(), { description: 'Files that the key encrypts by the present settings.' }),
  objects: count,
  bytes: count,
});

const example = {
  id: '3f9a41c07e52d8b6a1f0c3e4d5b69788',
  md5: '3Ufc1XVFRYQlgdY1Ipkbbw==',
  label: 'bob 2026',
  owner: { kind: 'user', username: 'bob' },
  origin: 'generated',
  created: '2026-05-01T12:00:00.000Z',
  state: 'active',
  stateChanged: null,
  isRecoverable: true,
  writers: ['the uploads of bob'],
  objects: 5214,
  bytes: 73400320,
} as const;

/** The use of keys, by the settings and by the ledger. */
async function usesOf({ root }: ApiContext) {
  const writers = await keyWriters(root.registry, root.shared);
  const totals = await createKeyUsage(root.database, systemClock).totals();
  return (description: KeyDescription) => {
    const total = totals.get(description.id);
    return {
      ...keyJson(description, writers.get(description.id) ?? []),
      objects: total?.objects ?? 0,
      bytes: total?.bytes ?? 0,
    };
  };
}

export const listKeys = operation({
  id: 'listKeys',
  group,
  summary: 'List the keys of the keyring, the oldest first, with the objects that need each.',
  method: 'GET',
  path: '/api/keys',
  needs: 'viewer',
  query: Type.Object(
    {
      ...pageQuery,
      state: Type.Optional(Type.Enum(['active', 'retired', 'destroyed'])),
      owner: Type.Optional(Type.String({ maxLength: 64, description: 'Only keys of this user.' })),
    },
    strict,
  ),
  answer: pageOf(key),
  command: 'sftpgw key list',
  example: { query: { state: 'active' }, answer: { items: [example], next: null } },
  handle: async (context, { query }) => {
    const wanted = (await context.root.keyring.list()).filter(
      ({ state, owner: of }) =>
        (query.state === undefined || state === query.state) &&
        (query.owner === undefined || (of.kind === 'user' && of.username === query.owner)),
    );
    const limit = query.limit ?? defaultPageSize;
    const position = decodeCursor(query.cursor, 2);
    const [afterMs, afterId] = [Number(position?.[0] ?? -1), String(position?.[1] ?? '')];
    const rest = [...wanted]
      .sort((a, b) => a.createdMs - b.createdMs || (a.id < b.id ? -1 : 1))
      .filter(({ createdMs, id }) => createdMs > afterMs || (createdMs === afterMs && id > afterId));
    const shown = rest.slice(0, limit);
    const last = shown.at(-1);
    const view = await usesOf(context);
    return {
      items: shown.map(view),
      next: last !== undefined && rest.length > shown.length ? encodeCursor([last.createdMs, last.id]) : null,
    };
  },
});

export const getKey = operation({
  id: 'getKey',
  group,
  summary: 'Get one key.',
  method: 'GET',
  path: '/api/keys/{key}',
  needs: 'viewer',
  parameters: keyParameters,
  answer: key,
  command: 'sftpgw key show 3f9a41c0',
  example: { parameters: { key: '3f9a41c0' }, answer: example },
  handle: async (context, { parameters }) => {
    const found = await findKey(context.root.keyring, parameters.key);
    return (await usesOf(context))(found);
  },
});

const newKey = {
  label: Type.Optional(Type.String({ maxLength: 200 })),
  user: Type.Optional(username),
  shared: Type.Optional(Type.Boolean({ description: 'Makes the shared directory the owner.' })),
};

export const generateKey = operation({
  id: 'generateKey',
  group,
  summary: 'Generate a random key, sealed in the keyring.',
  method: 'POST',
  path: '/api/keys',
  needs: 'custodian',
  body: Type.Object(newKey, strict),
  status: 201,
  answer: key,
  command: 'sftpgw key generate --user bob --label "bob 2026"',
  example: {
    body: { user: 'bob', label: 'bob 2026' },
    answer: { ...example, writers: [], objects: 0, bytes: 0 },
  },
  handle: async (context, { body: { label = '', ...owned } }) => {
    const { root } = context;
    await root.userServices.keys.requireRecovery();
    const made = await root.keyring.generate({ label, owner: await ownerOf(defined(owned), root) });
    return new Reply((await usesOf(context))(made));
  },
});

export const importKey = operation({
  id: 'importKey',
  group,
  summary: 'Import a key. The material is in this request only, and in no answer.',
  details: 'A key that is already in the keyring keeps its label and owner, unless they are empty.',
  method: 'POST',
  path: '/api/keys/import',
  needs: 'custodian',
  // The same key again changes nothing.
  isIdempotent: true,
  body: Type.Object(
    {
      ...newKey,
      material: Type.String({
        minLength: 43,
        maxLength: 100,
        description: 'The key: 32 bytes in base64 or hexadecimal.',
      }),
    },
    strict,
  ),
  answer: Type.Object({
    key,
    warning: { ...textOrNull, description: 'A weakness of the key; null if none is known.' },
  }),
  command: 'sftpgw key import --user bob <key.b64',
  example: {
    body: { user: 'bob', label: 'bob 2024', material: 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=' },
    answer: {
      key: { ...example, label: 'bob 2024', origin: 'imported', writers: [], objects: 0, bytes: 0 },
      warning: null,
    },
  },
  handle: async (context, { body: { label = '', material, ...owned } }) => {
    const { root } = context;
    const parsed = materialOf(material);
    const warning = checkNewKey(parsed, { username: owned.user ?? null, allowsExample: false });
    await root.userServices.keys.requireRecovery();
    const owner = await ownerOf(defined(owned), root);
    const imported = await root.keyring.import(parsed, { label, owner, origin: 'imported' });
    return { key: (await usesOf(context))(imported), warning };
  },
});

function materialOf(text: string) {
  try {
    return parseKeyMaterial(Buffer.from(text), 'material');
  } catch (error) {
    throw wrongField('/material', Fault.from(error).hint.replace(/^material: /, ''));
  }
}

/** Removes properties that are undefined, which the parsed body may have. */
function defined({ user, shared }: { readonly user?: string; readonly shared?: boolean }) {
  return { ...(user === undefined ? {} : { user }), ...(shared === undefined ? {} : { shared }) };
}

export const useKeyFor = operation({
  id: 'useKey',
  group,
  summary: 'Encrypt new objects of a user or of the shared directory with the key.',
  method: 'POST',
  path: '/api/keys/{key}/use',
  needs: 'custodian',
  isIdempotent: true,
  parameters: keyParameters,
  body: Type.Object(
    {
      user: Type.Optional(
        Type.Union([username, Type.Null()], { description: 'Null: the shared directory.' }),
      ),
      uploads: Type.Optional(Type.Boolean({ description: 'By default true, unless downloads is.' })),
      downloads: Type.Optional(Type.Boolean()),
    },
    strict,
  ),
  answer: Type.Object({ key, summary: Type.String() }),
  command: 'sftpgw key use 3f9a41c0 --user bob',
  example: {
    parameters: { key: '3f9a41c0' },
    body: { user: 'bob' },
    answer: { key: example, summary: 'the uploads of bob use the key 3f9a41c07e52d8b6a1f0c3e4d5b69788' },
  },
  handle: async (context, { parameters, body: { user, uploads, downloads } }) => {
    if (user === undefined)
      throw wrongField('/user', 'is missing: give a user, or null for the shared directory');
    const { root } = context;
    const found = await findKey(root.keyring, parameters.key);
    const use =
      user === null
        ? ({ user } as const)
        : { user, uploads: uploads ?? downloads !== true, downloads: downloads ?? false };
    if (use.user !== null && !use.uploads && !use.downloads) {
      throw wrongField('/uploads', 'is false, and so is downloads: nothing would change');
    }
    const summary = await useKey(root, found, use);
    return { key: (await usesOf(context))(found), summary };
  },
});

export const retireKeyById = operation({
  id: 'retireKey',
  group,
  summary: 'Retire a key: it opens its objects, but encrypts no new ones.',
  method: 'POST',
  path: '/api/keys/{key}/retire',
  needs: 'custodian',
  parameters: keyParameters,
  answer: key,
  command: 'sftpgw key retire 3f9a41c0',
  example: {
    parameters: { key: '3f9a41c0' },
    answer: { ...example, state: 'retired', stateChanged: '2026-06-01T12:00:00.000Z', writers: [] },
  },
  handle: async (context, { parameters }) => {
    const { root } = context;
    await retireKey(root, await findKey(root.keyring, parameters.key));
    return (await usesOf(context))(await findKey(root.keyring, parameters.key));
  },
});

const need = Type.Object({
  bucket: Type.String(),
  key: Type.String(),
  versionId: textOrNull,
  state: Type.Enum(['intended', 'current', 'older-version']),
  size: numberOrNull,
});

export const listKeyNeeds = operation({
  id: 'listKeyNeeds',
  group,
  summary: 'List the objects and versions that need a key, by the ledger.',
  method: 'GET',
  path: '/api/keys/{key}/needs',
  needs: 'viewer',
  parameters: Type.Object({ key: keyReference }),
  query: Type.Object(pageQuery, strict),
  answer: pageOf(need),
  command: 'sftpgw ledger find --key 3f9a41c0',
  example: {
    parameters: { key: '3f9a41c0' },
    answer: {
      items: [
        {
          bucket: 'my-bucket',
          key: 'bob/uploads/report.pdf',
          versionId: null,
          state: 'current',
          size: 1048576,
        },
      ],
      next: null,
    },
  },
  handle: async ({ root, clock }, { parameters, query }) => {
    const { id } = await findKey(root.keyring, parameters.key);
    const limit = query.limit ?? defaultPageSize;
    const position = decodeCursor(query.cursor, 3);
    const after =
      position === null
        ? null
        : {
            ref: { bucket: String(position[0]), key: String(position[1]) },
            id: String(position[2]) as IntentId,
          };
    const found = await createKeyUsage(root.database, clock).needs(id, after, limit + 1);
    const shown = found.slice(0, limit);
    const last = shown.at(-1);
    return {
      items: shown.map(({ ref, versionId, state, size }) => ({ ...ref, versionId, state, size })),
      next:
        last !== undefined && found.length > limit
          ? encodeCursor([last.ref.bucket, last.ref.key, last.id])
          : null,
    };
  },
});
