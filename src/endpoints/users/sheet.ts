import Type from 'typebox';
import { effectiveEncryption } from '../../operations/accounts/effective-encryption.js';
import { partnerSheet } from '../../operations/accounts/partner-sheet.js';
import { prefixOwnersOf } from '../../operations/object-services.js';
import { operation } from '../context.js';
import { encryptionName, textOrNull, userParameters } from '../schemas.js';
import { requireUser } from './users.js';

const group = 'users';
const hostKey = Type.Object({ type: Type.String(), fingerprint: Type.String() });

export const getSheet = operation({
  id: 'getSheet',
  group,
  summary: 'Get the sheet for the partner: address, host keys, folders and commands. It has no secret.',
  method: 'GET',
  path: '/api/users/{username}/sheet',
  needs: 'viewer',
  parameters: userParameters,
  answer: Type.Object({
    username: Type.String(),
    host: Type.String(),
    port: Type.Integer(),
    hostKeys: Type.Array(hostKey),
    loginMethods: Type.Array(Type.String()),
    folders: Type.Array(Type.Object({ path: Type.String(), meaning: Type.String(), rights: Type.String() })),
    commands: Type.Array(Type.Object({ program: Type.String(), command: Type.String() })),
    text: Type.String({ description: 'The whole sheet, to print or to send.' }),
  }),
  command: 'sftpgw user sheet bob',
  example: {
    parameters: { username: 'bob' },
    answer: {
      username: 'bob',
      host: 'sftp.example.com',
      port: 22,
      hostKeys: [{ type: 'ssh-ed25519', fingerprint: 'SHA256:0mqZ7HkXhpsBMHUYQkHHnVJLkBAWH3Tq3Jd1cKq1lJc' }],
      loginMethods: ['publickey', 'password'],
      folders: [{ path: '/uploads', meaning: 'files that you send', rights: 'all' }],
      commands: [{ program: 'OpenSSH', command: 'sftp bob@sftp.example.com' }],
      text: 'SFTP access for bob\n',
    },
  },
  handle: async (context, { parameters }) =>
    partnerSheet({
      user: await requireUser(context, parameters.username),
      hostKeys: context.hostKeys(),
      settings: context.root.settings.current,
    }),
});

const encryption = Type.Object({
  own: Type.Union([encryptionName, Type.Null()], { description: 'The setting of the user.' }),
  inherited: Type.Union([encryptionName, Type.Null()], { description: 'The encryption without one.' }),
  inheritedFrom: textOrNull,
  effective: Type.Union([encryptionName, Type.Null()], {
    description: 'The encryption of new objects; null if they cannot be written now.',
  }),
  key: Type.Union([
    Type.Object({
      id: Type.String(),
      label: Type.String(),
      state: Type.Union([Type.Enum(['active', 'retired', 'destroyed']), Type.Null()]),
    }),
    Type.Null(),
  ]),
  problem: textOrNull,
});

export const getUserEncryption = operation({
  id: 'getUserEncryption',
  group,
  summary: 'Get the encryption of a user’s uploads and downloads: own, inherited and effective.',
  method: 'GET',
  path: '/api/users/{username}/encryption',
  needs: 'viewer',
  parameters: userParameters,
  answer: Type.Object({ uploads: encryption, downloads: encryption }),
  command: 'sftpgw user show bob',
  example: {
    parameters: { username: 'bob' },
    answer: {
      uploads: {
        own: 'sse-c',
        inherited: 'sse-s3',
        inheritedFrom: 'the default of sse.option',
        effective: 'sse-c',
        key: { id: '3f9a41c07e52d8b6a1f0c3e4d5b69788', label: 'bob 2026', state: 'active' },
        problem: null,
      },
      downloads: {
        own: null,
        inherited: null,
        inheritedFrom: null,
        effective: null,
        key: null,
        problem: '/home/bob/.sftpgateway/user.properties does not set sse.sync.option',
      },
    },
  },
  handle: async (context, { parameters }) => {
    const user = await requireUser(context, parameters.username);
    const { root } = context;
    return effectiveEncryption({ owners: prefixOwnersOf(root, root.settings), keyring: root.keyring }, user);
  },
});
