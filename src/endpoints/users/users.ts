import Type from 'typebox';
import { Reply } from '../../api/description/operation.js';
import { pageIn, pageOf, pageQuery } from '../../api/description/page.js';
import { Refusal } from '../../api/refusal.js';
import { createActivityReader } from '../../database/activity.js';
import { Fault } from '../../model/fault.js';
import { parseUsername, type Username, type UserSummary } from '../../model/users.js';
import { saveUser, unknownUser } from '../../operations/users.js';
import { type ApiContext, operation, requireVersion, versionOf } from '../context.js';
import { encryptionName, strict, username, userParameters } from '../schemas.js';
import { changeOf, userChange } from './change.js';
import { accountStates, showUser, shownUser as user, userExample, userView } from './view.js';

const group = 'users';

/** Returns the user and its name. Throws `invalid` and `not-found`. */
export async function requireUser({ root }: ApiContext, text: string): Promise<UserSummary> {
  const name = parseUsername(text);
  const summary = await root.registry.describe(name);
  if (summary === null) throw unknownUser(name);
  return summary;
}

/** Runs changes of one user one after another, so that the version that a person has read is still true. */
export function changingUser<T>({ changes }: ApiContext, name: Username, work: () => Promise<T>): Promise<T> {
  return changes.runExclusive([`user ${name}`], work);
}

type Shown = ReturnType<typeof showUser>;
const loginKinds: Readonly<Record<'key' | 'password' | 'totp' | 'none', (one: Shown) => boolean>> = {
  key: ({ publicKeys }) => publicKeys.length > 0,
  password: ({ hasPassword }) => hasPassword,
  totp: ({ hasTotp }) => hasTotp,
  none: ({ publicKeys, hasPassword }) => publicKeys.length === 0 && !hasPassword,
};

export const listUsers = operation({
  id: 'listUsers',
  group,
  summary: 'List the SFTP users by name.',
  method: 'GET',
  path: '/api/users',
  needs: 'viewer',
  query: Type.Object(
    {
      ...pageQuery,
      name: Type.Optional(Type.String({ maxLength: 64, description: 'Only names that contain this text.' })),
      encryption: Type.Optional(encryptionName),
      key: Type.Optional(
        Type.String({ maxLength: 32, description: 'Only users of a key whose id begins with this.' }),
      ),
      canLogIn: Type.Optional(Type.Boolean()),
      hasProblems: Type.Optional(Type.Boolean()),
      state: Type.Optional(Type.Enum([...accountStates])),
      loginKind: Type.Optional(
        Type.Enum(['key', 'password', 'totp', 'none'], { description: 'Only users with such a credential.' }),
      ),
      lastLoginBefore: Type.Optional(
        Type.String({ format: 'date-time', description: 'Only users without a login since then.' }),
      ),
      lastFileBefore: Type.Optional(
        Type.String({ format: 'date-time', description: 'Only users without a file since then.' }),
      ),
    },
    strict,
  ),
  answer: pageOf(user),
  command: 'sftpgw user list',
  example: { query: { encryption: 'sse-c' }, answer: { items: [userExample], next: null } },
  handle: async ({ root, clock }, { query }) => {
    const is = <T>(wanted: T | undefined, value: T) => wanted === undefined || wanted === value;
    const isBefore = (wanted: string | undefined, time: string | null) =>
      wanted === undefined || time === null || Date.parse(time) < Date.parse(wanted);
    const times = await createActivityReader(root.database).lastTimes();
    const views = (await root.registry.list())
      .map((summary) => showUser(userView(summary), times.get(summary.username), clock.nowMs()))
      .filter(
        (one) =>
          one.username.toLowerCase().includes((query.name ?? '').toLowerCase()) &&
          is(query.encryption, one.encryption) &&
          is(query.canLogIn, one.canLogIn) &&
          is(query.hasProblems, one.problems.length > 0) &&
          is(query.state, one.state) &&
          (query.loginKind === undefined || loginKinds[query.loginKind](one)) &&
          isBefore(query.lastLoginBefore, one.lastLogin) &&
          isBefore(query.lastFileBefore, one.lastFile) &&
          [one.keyId ?? '', one.downloadsKeyId ?? ''].some((id) => id.startsWith(query.key ?? '')),
      );
    views.sort((a, b) => (a.username < b.username ? -1 : 1));
    return pageIn(views, query, (one) => one.username);
  },
});

export const getUser = operation({
  id: 'getUser',
  group,
  summary: 'Get one user. The ETag is the version for a change.',
  method: 'GET',
  path: '/api/users/{username}',
  needs: 'viewer',
  parameters: userParameters,
  answer: user,
  command: 'sftpgw user show bob',
  example: { parameters: { username: 'bob' }, answer: userExample },
  handle: async (context, { parameters }) =>
    replyWith(context, await requireUser(context, parameters.username)),
});

/** Returns the answer about one user, with the user's version. */
export async function replyWith({ root, clock }: ApiContext, summary: UserSummary) {
  const view = userView(summary);
  const times = (await createActivityReader(root.database).lastTimes()).get(view.username);
  return new Reply(showUser(view, times, clock.nowMs()), versionOf(view));
}

export const createUser = operation({
  id: 'createUser',
  group,
  summary: 'Create a user.',
  method: 'POST',
  path: '/api/users',
  needs: 'operator',
  body: Type.Object({ username, ...userChange }, strict),
  status: 201,
  answer: user,
  command: 'sftpgw user add bob --sse 3 --generate-sse-key --public-key-file id.pub',
  example: {
    body: {
      username: 'bob',
      encryption: 'sse-c',
      generateKey: true,
      publicKeys: [
        'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl bob@laptop',
      ],
      downloads: true,
    },
    answer: userExample,
  },
  handle: (context, { body: { username: text, ...body } }) => {
    const name = parseUsername(text);
    return changingUser(context, name, async () => {
      const { root } = context;
      if ((await root.registry.describe(name)) !== null) {
        throw new Fault('exists', `there is already a user ${name}`);
      }
      const change = await changeOf(body, root.keyring, null);
      const allowsOverlap = body.allowOverlap === true;
      return replyWith(
        context,
        await saveUser(root, { username: name, change, before: null, allowsOverlap }),
      );
    });
  },
});

export const changeUser = operation({
  id: 'changeUser',
  group,
  summary: 'Change a user. Values that are left out stay.',
  method: 'PATCH',
  path: '/api/users/{username}',
  needs: 'operator',
  needsIfMatch: true,
  parameters: userParameters,
  body: Type.Object(userChange, strict),
  answer: user,
  command: 'sftpgw user add bob --downloads',
  example: {
    parameters: { username: 'bob' },
    body: { downloads: true },
    answer: userExample,
  },
  handle: (context, { parameters, body, ifMatch }) => {
    const name = parseUsername(parameters.username);
    return changingUser(context, name, async () => {
      const { root } = context;
      const before = await requireUser(context, name);
      requireVersion(ifMatch, userView(before));
      const change = await changeOf(body, root.keyring, before);
      const allowsOverlap = body.allowOverlap === true;
      return replyWith(context, await saveUser(root, { username: name, change, before, allowsOverlap }));
    });
  },
});

export const removeUser = operation({
  id: 'removeUser',
  group,
  summary: 'Remove a user. Objects stay in S3; keys and local files are kept on the machine.',
  method: 'DELETE',
  path: '/api/users/{username}',
  needs: 'operator',
  needsIfMatch: true,
  parameters: userParameters,
  answer: Type.Object({ keptIn: Type.String({ description: 'The directory with the files of the user.' }) }),
  command: 'sftpgw user remove bob',
  example: {
    parameters: { username: 'bob' },
    answer: { keptIn: '/var/lib/sftpgw/removed/bob-2026-05-01T12-00-00Z' },
  },
  handle: (context, { parameters, ifMatch }) => {
    const name = parseUsername(parameters.username);
    return changingUser(context, name, async () => {
      requireVersion(ifMatch, userView(await requireUser(context, name)));
      const keptIn = await context.root.registry.remove(name);
      if (keptIn === null) throw unknownUser(name);
      return { keptIn };
    });
  },
});

const clonedNames = [
  ...['encryption', 'loginMethods', 'downloads', 'shared'],
  ...['rights', 'exclusions', 'loginFrom', 'expires'],
] as const;

export const cloneUser = operation({
  id: 'cloneUser',
  group,
  summary: 'Create a user with the settings of another one.',
  details: `Copies ${clonedNames.join(', ')} and the bucket. Never copies logins, the prefix or a key: with sse-c the new user gets a key of their own.`,
  method: 'POST',
  path: '/api/users/{username}/clone',
  needs: 'operator',
  parameters: userParameters,
  body: Type.Object({ username, ...userChange }, strict),
  status: 201,
  answer: user,
  example: {
    parameters: { username: 'bob' },
    body: {
      username: 'bill',
      publicKeys: [
        'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl bill@laptop',
      ],
    },
    answer: {
      ...userExample,
      username: 'bill',
      prefix: 'bill/uploads/',
      keyId: '7e52d8b63f9a41c0a1f0c3e4d5b69788',
      publicKeys: [{ ...userExample.publicKeys[0], comment: 'bill@laptop' }],
    },
  },
  handle: (context, { parameters, body: { username: text, ...body } }) => {
    const name = parseUsername(text);
    return changingUser(context, name, async () => {
      const { root } = context;
      const model = userView(await requireUser(context, parameters.username));
      if ((await root.registry.describe(name)) !== null) {
        throw new Fault('exists', `there is already a user ${name}`);
      }
      const { encryption, loginMethods, downloads, shared, bucket } = model;
      const { rights, exclusions, loginFrom, expires } = model;
      if (encryption === 'sse-kms' && body.encryption === undefined && body.kmsKey === undefined) {
        throw new Refusal('invalid', 'give the KMS key again', {
          fields: [{ in: 'body', pointer: '/kmsKey', detail: 'is missing' }],
        });
      }
      const copied = { encryption, loginMethods, downloads, shared, rights, exclusions, loginFrom, expires };
      const ownBucket = bucket === null || bucket === root.settings.bucket ? {} : { bucket };
      const merged = { ...copied, ...ownBucket, ...body };
      const needsKey = merged.encryption === 'sse-c' && merged.key === undefined;
      const change = await changeOf(
        { ...merged, ...(needsKey ? { generateKey: true } : {}) },
        root.keyring,
        null,
      );
      const allowsOverlap = body.allowOverlap === true;
      return replyWith(
        context,
        await saveUser(root, { username: name, change, before: null, allowsOverlap }),
      );
    });
  },
});
