import Type from 'typebox';
import { supportedAlgorithms } from '../sftp/algorithms.js';
import { operation } from './context.js';
import { hostKeysOf } from './gateway.js';
import { textOrNull } from './schemas.js';

const names = Type.Array(Type.String());

export const getSecurity = operation({
  id: 'getSecurity',
  group: 'gateway',
  summary: 'Get the lists of addresses, the limits of logins, the host keys and the algorithms.',
  details:
    'The lists are the settings sftp.allow.from, sftp.deny.from, sftp.proxy.from and sftp.ban.exempt, which changeSettings changes. A change counts from the next connection on.',
  method: 'GET',
  path: '/api/security',
  needs: 'viewer',
  answer: Type.Object({
    allowFrom: { ...textOrNull, description: 'Null: all addresses may connect.' },
    denyFrom: textOrNull,
    proxyFrom: textOrNull,
    banExempt: textOrNull,
    banAfter: Type.Integer({ description: 'Penalties after which an address is banned; 0 for never.' }),
    banSeconds: Type.Number({ description: 'Duration of a first ban.' }),
    sessions: Type.Object({
      max: Type.Integer(),
      perUser: Type.Integer(),
      perAddress: Type.Integer(),
    }),
    hostKeys: Type.Array(Type.Object({ type: Type.String(), fingerprint: Type.String() })),
    algorithms: Type.Object({
      keyExchange: names,
      hostKey: names,
      publicKey: names,
      cipher: names,
      mac: names,
    }),
    isPostQuantum: Type.Boolean({ description: 'Whether a key exchange resists quantum computers.' }),
  }),
  example: {
    answer: {
      allowFrom: null,
      denyFrom: '198.51.100.0/24',
      proxyFrom: null,
      banExempt: null,
      banAfter: 60,
      banSeconds: 60,
      sessions: { max: 1000, perUser: 100, perAddress: 200 },
      hostKeys: [{ type: 'ssh-ed25519', fingerprint: 'SHA256:0mqZ7HkXhpsBMHUYQkHHnVJLkBAWH3Tq3Jd1cKq1lJc' }],
      algorithms: {
        keyExchange: ['mlkem768x25519-sha256'],
        hostKey: ['ssh-ed25519'],
        publicKey: ['ssh-ed25519'],
        cipher: ['aes256-gcm@openssh.com'],
        mac: ['hmac-sha2-256-etm@openssh.com'],
      },
      isPostQuantum: true,
    },
  },
  handle: async (context) => {
    const { current } = context.root.settings;
    const { keyExchange } = supportedAlgorithms;
    return {
      allowFrom: current.sftpAllowFrom,
      denyFrom: current.sftpDenyFrom,
      proxyFrom: current.sftpProxyFrom,
      banExempt: current.sftpBanExempt,
      banAfter: current.sftpBanAfter,
      banSeconds: current.sftpBanTimeMs / 1000,
      sessions: {
        max: current.sftpSessionsMax,
        perUser: current.sftpSessionsPerUser,
        perAddress: current.sftpSessionsPerAddress,
      },
      hostKeys: hostKeysOf(context),
      algorithms: supportedAlgorithms,
      isPostQuantum: keyExchange.some((name) => name.startsWith('mlkem')),
    };
  },
});
