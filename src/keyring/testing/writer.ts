/**
 * The process that the crash test kills. Until then it generates, imports, retires and destroys keys, and
 * adds recipients. It prints one line on stdout for each change that the keyring acknowledged.
 */
import { randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { CustomerKey } from '../../model/customer-key.js';
import type { UnusedKeyProof } from '../../model/ledger.js';
import { newAgeIdentity } from '../age.js';
import { createKeyring } from '../keyring.js';
import { testClock, testEntropy } from './keyring-world.js';

const [root = ''] = process.argv.slice(2);
const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const keyring = createKeyring({
  directory: join(root, 'opt/sftpgw/keys'),
  identityFile: join(root, 'var/lib/sftpgw/keyring-identity'),
  lockFile: join(root, 'var/lib/sftpgw/keyring.lock'),
  clock: testClock,
  entropy: testEntropy,
  log,
});

for (let at = 0; ; at++) {
  const as = { label: `${at}`, owner: { kind: 'shared' } } as const;
  const { id } =
    at % 2 === 0
      ? await keyring.generate(as)
      : await keyring.import(CustomerKey.fromBytes(randomBytes(32)), { ...as, origin: 'imported' });
  writeSync(1, `active ${id} ${at}\n`);
  if (at % 3 === 1) {
    await keyring.retire(id);
    writeSync(1, `retired ${id} ${at}\n`);
  }
  if (at % 5 === 4) {
    await keyring.destroy({ keyId: id, provenMs: 0 } as UnusedKeyProof);
    writeSync(1, `destroyed ${id} ${at}\n`);
  }
  if (at % 7 === 3) {
    const { recipient } = await newAgeIdentity();
    await keyring.addRecoveryRecipient(recipient);
    writeSync(1, `recipient ${recipient} ${at}\n`);
  }
}
