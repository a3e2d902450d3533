import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock, systemEntropy } from '../../src/assembly/system.js';
import { createKeyring } from '../../src/keyring/keyring.js';
import { CustomerKey } from '../../src/model/customer-key.js';
import { parseUsername } from '../../src/model/users.js';
import { silent } from '../silent-logger.js';

/** Returns the name of a user of the benchmark. */
export function userName(index: number): string {
  return `user${String(index).padStart(5, '0')}`;
}

/**
 * Writes the files of users `from` to `to` - 1, as `addsftpuser` would: SSE-C with a key of their own in the keyring
 * and in a raw file, one SSH key, mirrored downloads and the shared directory.
 */
export async function addUsers(root: string, from: number, to: number, publicKey: string): Promise<void> {
  const keyring = createKeyring({
    directory: join(root, 'opt/sftpgw/keys'),
    identityFile: join(root, 'var/lib/sftpgw/keyring-identity'),
    lockFile: join(root, 'var/lib/sftpgw/keyring.lock'),
    clock: systemClock,
    entropy: systemEntropy,
    log: silent,
  });
  for (let index = from; index < to; index += 1) {
    const username = parseUsername(userName(index));
    const home = join(root, 'home', username);
    for (const path of ['.sftpgateway', '.ssh', `home/${username}/local`])
      mkdirSync(join(home, path), { recursive: true, mode: 0o700 });
    const key = CustomerKey.fromBytes(systemEntropy.bytes(32));
    writeFileSync(join(home, '.sftpgateway/sse.key'), key.reveal(), { mode: 0o600 });
    writeFileSync(join(home, '.ssh/authorized_keys'), publicKey, { mode: 0o600 });
    const properties = 'sse.option=3\ndownloads=yes\nshared=yes\n';
    writeFileSync(join(home, '.sftpgateway/user.properties'), properties, { mode: 0o600 });
    await keyring.import(key, {
      label: `${username} uploads`,
      owner: { kind: 'user', username },
      origin: 'generated',
    });
  }
}
