import Type from 'typebox';
import { Fault } from '../model/fault.js';
import { type ApiContext, operation } from './context.js';
import { textOrNull } from './schemas.js';

const group = 'gateway';

export const getHostKeys = operation({
  id: 'getHostKeys',
  group,
  summary: 'List the host keys of the SFTP server, for the partner’s sheet.',
  method: 'GET',
  path: '/api/host-keys',
  needs: 'viewer',
  answer: Type.Object({
    items: Type.Array(Type.Object({ type: Type.String(), fingerprint: Type.String() })),
  }),
  example: {
    answer: {
      items: [{ type: 'ssh-ed25519', fingerprint: 'SHA256:0mqZ7HkXhpsBMHUYQkHHnVJLkBAWH3Tq3Jd1cKq1lJc' }],
    },
  },
  handle: async (context) => ({ items: hostKeysOf(context) }),
});

/** Returns the host keys of the SFTP server; none before it has started. */
export function hostKeysOf({ hostKeys }: Pick<ApiContext, 'hostKeys'>) {
  return hostKeys().map((text) => {
    const [type = '', fingerprint = ''] = text.split(' ');
    return { type, fingerprint };
  });
}

/** Runs the checks of `/readyz`. A stranger may see the answer in the console, so it has no reasons. */
export const getReadiness = operation({
  id: 'getReadiness',
  group: 'console',
  summary: 'Answer whether the gateway can serve requests, for the console’s /readyz.',
  method: 'GET',
  path: '/internal/ready',
  needs: 'viewer',
  answer: Type.Object({ ready: Type.Boolean(), bucket: textOrNull }),
  example: { answer: { ready: true, bucket: 'my-bucket' } },
  handle: async ({ root, monitoring }) => {
    const { isReady } = await monitoring.readiness();
    if (!isReady) throw new Fault('unavailable', 'the gateway is not ready: its log has the reason');
    return { ready: true, bucket: root.settings.bucket };
  },
});
