import Type from 'typebox';
import { createAuditReader } from '../../database/audit/reader.js';
import type { LoginCheck } from '../../model/api/login-check.js';
import { parseUsername } from '../../model/users.js';
import { checkLogin } from '../../operations/accounts/login-check.js';
import { operation } from '../context.js';
import { isoTime, strict, textOrNull, time, userParameters } from '../schemas.js';

const obstacle = Type.Object({
  code: Type.String(),
  severity: Type.Enum(['blocks', 'hinders'], {
    description: '`blocks`: no login succeeds. `hinders`: some fail, or the session is of limited use.',
  }),
  what: Type.String(),
  whatToDo: Type.String(),
  command: textOrNull,
});

const refusal = Type.Object({
  time,
  address: textOrNull,
  rule: Type.String(),
  reason: Type.String(),
});

export const explainLogin = operation({
  id: 'checkLogin',
  group: 'users',
  summary: 'Explain why a user cannot log in.',
  details:
    'Applies the rules of logins to the present files, bans and sessions, and reads the last refusals from the audit trail. The user need not exist.',
  method: 'GET',
  path: '/api/users/{username}/login-check',
  needs: 'viewer',
  parameters: userParameters,
  query: Type.Object(
    {
      address: Type.Optional(
        Type.String({
          minLength: 1,
          maxLength: 64,
          description: 'The address of the client. Without it, the addresses of the last refusals count.',
        }),
      ),
    },
    strict,
  ),
  answer: Type.Object({
    username: Type.String(),
    canLogIn: Type.Boolean({ description: 'Whether the right credentials would log in now.' }),
    findings: Type.Array(obstacle),
    refusals: Type.Array(refusal),
  }),
  command: 'sftpgw user why bob',
  example: {
    parameters: { username: 'bob' },
    query: { address: '192.0.2.7' },
    answer: {
      username: 'bob',
      canLogIn: false,
      findings: [
        {
          code: 'banned',
          severity: 'blocks',
          what: '192.0.2.7 is banned until 2026-05-01T13:00:00.000Z, after failed logins.',
          whatToDo: 'End the ban if the address is trusted.',
          command: 'sftpgw ban clear 192.0.2.7',
        },
      ],
      refusals: [
        {
          time: '2026-05-01T12:00:00.000Z',
          address: '192.0.2.7',
          rule: 'login',
          reason: 'wrong password',
        },
      ],
    },
  },
  handle: async ({ root, bans, sessions, clock }, { parameters, query, call }) =>
    view(
      await checkLogin(
        {
          call,
          userServices: root.userServices,
          users: root.users,
          settings: root.settings.current,
          bans: await bans.list(),
          sessions: await sessions.list(),
          trail: createAuditReader(root.database),
          nowMs: clock.nowMs(),
        },
        parseUsername(parameters.username),
        query.address ?? null,
      ),
    ),
});

function view({ obstacles, refusals, ...check }: LoginCheck) {
  return {
    ...check,
    findings: obstacles,
    refusals: refusals.map(({ timeMs, ...one }) => ({ time: isoTime(timeMs), ...one })),
  };
}
