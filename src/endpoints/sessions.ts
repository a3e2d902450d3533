import Type from 'typebox';
import { Fault } from '../model/fault.js';
import type { SessionStatus } from '../model/live.js';
import { operation } from './context.js';
import { numberOrNull, textOrNull } from './schemas.js';

const group = 'sessions';

const transfer = Type.Object({
  path: Type.String(),
  direction: Type.Enum(['upload', 'download']),
  bytes: Type.Number(),
  bytesPerSecond: Type.Number({ description: 'Mean over the whole transfer.' }),
  startedMs: Type.Number(),
  keyId: textOrNull,
  waitsFor: Type.Enum(['client', 'gateway', 'storage']),
});

const session = Type.Object({
  id: Type.String(),
  node: Type.Union([Type.String(), Type.Null()], {
    description: 'The machine of the node that has the session; null without `cluster=yes`.',
  }),
  protocol: Type.Enum(['sftp', 'web'], { description: 'SFTP, or the files page.' }),
  username: Type.String(),
  address: Type.String(),
  methods: Type.String({ description: 'The methods that succeeded.' }),
  keyFingerprint: textOrNull,
  certificate: textOrNull,
  connection: Type.Union([
    Type.Object({
      software: Type.String(),
      keyExchange: Type.String(),
      isPostQuantum: Type.Boolean(),
      cipher: Type.String(),
      mac: textOrNull,
    }),
    Type.Null(),
  ]),
  startedMs: Type.Number(),
  idleMs: numberOrNull,
  bytesReceived: Type.Number(),
  bytesSent: Type.Number(),
  transfers: Type.Array(transfer),
});

const example: SessionStatus = {
  id: '3f9a01c2d4e5f607',
  node: null,
  protocol: 'sftp',
  username: 'bob',
  address: '192.0.2.7',
  methods: 'publickey',
  keyFingerprint: 'SHA256:0mqZ7HkXhpsBMHUYQkHHnVJLkBAWH3Tq3Jd1cKq1lJc',
  certificate: null,
  connection: {
    software: 'OpenSSH_9.2p1',
    keyExchange: 'mlkem768x25519-sha256',
    isPostQuantum: true,
    cipher: 'aes256-gcm@openssh.com',
    mac: null,
  },
  startedMs: 1777636800000,
  idleMs: 12,
  bytesReceived: 1048576,
  bytesSent: 0,
  transfers: [
    {
      path: '/uploads/report.pdf',
      direction: 'upload',
      bytes: 1048576,
      bytesPerSecond: 524288,
      startedMs: 1777636801000,
      keyId: '3f9a41c07e52d8b6a1f0c3e4d5b69788',
      waitsFor: 'client',
    },
  ],
};

export const listSessions = operation({
  id: 'listSessions',
  group,
  summary:
    'List the sessions of the SFTP server and of the files page with their transfers, the oldest first.',
  method: 'GET',
  path: '/api/sessions',
  needs: 'viewer',
  answer: Type.Object({ items: Type.Array(session) }),
  command: 'sftpgw sessions',
  example: { answer: { items: [example] } },
  handle: async ({ sessions }) => ({ items: await sessions.list() }),
});

export const disconnectSession = operation({
  id: 'disconnectSession',
  group,
  summary: 'End a session.',
  method: 'DELETE',
  path: '/api/sessions/{id}',
  needs: 'operator',
  parameters: Type.Object({ id: Type.String({ minLength: 1, maxLength: 64 }) }),
  answer: session,
  command: 'sftpgw sessions disconnect 3f9a01c2d4e5f607',
  example: { parameters: { id: example.id }, answer: example },
  handle: async ({ sessions }, { parameters }) => {
    const ended = await sessions.disconnect(parameters.id);
    if (ended === null) throw new Fault('not-found', `there is no session ${parameters.id}`);
    return ended;
  },
});
