import { join } from 'node:path';
import type { S3Client } from '@aws-sdk/client-s3';
import { startTestGateway, testPassword } from '../../ssh/test-gateway.js';
import { gatewayTargets, sdkClient } from '../../support/gateway-targets.js';
import { SftpClient } from '../../support/sftp-client.js';
import type { Peer } from './cells.js';
import { Store } from './store.js';

/** A gateway with the embedded S3, whose user encrypts with a key of their own (SSE-C). */
export interface MatrixGateway extends AsyncDisposable {
  readonly peer: Peer;
  readonly store: Store;
}

export async function startMatrixGateway(): Promise<MatrixGateway> {
  const server = await startTestGateway({}, 'info');
  const { gateway, user, rsaIdentity, knownHosts, fingerprints } = server;
  const keyFile = join(gateway.work, `${user.name}.key.b64`);
  const changed = await gateway.cli(['user', 'add', user.name, '--sse', '3', '--sse-key-file', keyFile]);
  if (changed.code !== 0) throw new Error(changed.stderr);
  const [embedded] = await gatewayTargets();
  if (embedded === undefined) throw new Error('no embedded S3');
  const access = await embedded.access(gateway);
  const s3: S3Client = sdkClient(access);
  const sftp = await SftpClient.connect(user);
  const fingerprint = fingerprints.get('ssh-ed25519') ?? '';
  return {
    peer: { gateway, user, password: testPassword, rsaIdentity, knownHosts, fingerprint },
    store: new Store(user, s3, access.bucket, sftp),
    async [Symbol.asyncDispose]() {
      s3.destroy();
      await sftp[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}
