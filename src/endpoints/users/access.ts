import Type from 'typebox';
import type { UserChange, Username } from '../../model/users.js';
import { parseUsername } from '../../model/users.js';
import { type ApiContext, operation } from '../context.js';
import { count, userParameters } from '../schemas.js';
import { changingUser, replyWith, requireUser } from './users.js';
import { shownUser, userExample } from './view.js';

const group = 'users';

/** Saves a change and returns the user. Throws `not-found`. */
async function save(context: ApiContext, name: Username, change: UserChange) {
  return changingUser(context, name, async () => {
    await requireUser(context, name);
    await context.root.registry.save(name, change);
    return (await replyWith(context, await requireUser(context, name))).value;
  });
}

export const disableUser = operation({
  id: 'disableUser',
  group,
  summary: 'Disable a user: logins are refused, and current sessions end. Nothing is deleted.',
  details: 'Open uploads are parked, so that their client can resume them once the user is enabled.',
  method: 'POST',
  path: '/api/users/{username}/disable',
  needs: 'operator',
  isIdempotent: true,
  parameters: userParameters,
  answer: Type.Object({ user: shownUser, endedSessions: count }),
  command: 'sftpgw user disable bob',
  example: {
    parameters: { username: 'bob' },
    answer: { user: { ...userExample, disabled: true, state: 'disabled' }, endedSessions: 1 },
  },
  handle: async (context, { parameters }) => {
    const name = parseUsername(parameters.username);
    const user = await save(context, name, { disabled: true });
    const own = (await context.sessions.list()).filter(({ username }) => username === name);
    const ended = await Promise.all(own.map(({ id }) => context.sessions.disconnect(id)));
    return { user, endedSessions: ended.filter((one) => one !== null).length };
  },
});

export const enableUser = operation({
  id: 'enableUser',
  group,
  summary: 'Enable a user that was disabled.',
  method: 'POST',
  path: '/api/users/{username}/enable',
  needs: 'operator',
  isIdempotent: true,
  parameters: userParameters,
  answer: shownUser,
  command: 'sftpgw user enable bob',
  example: { parameters: { username: 'bob' }, answer: userExample },
  handle: (context, { parameters }) => save(context, parseUsername(parameters.username), { disabled: false }),
});
