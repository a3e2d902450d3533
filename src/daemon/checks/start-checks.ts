import { hasNativeCrc32c } from '@sftpgw/checksums';
import type { Core } from '../../assembly/core.js';
import type { LiveSettings } from '../../assembly/live-settings.js';
import { systemClock } from '../../assembly/system.js';
import type { CustomerKey } from '../../model/customer-key.js';
import { hasNativeCrypto } from '../../sftp/native-crypto.js';
import type { OrphanSettler } from '../orphan-settler.js';
import { checkDatabase } from './check-database.js';
import { checkKeyring } from './check-keyring.js';
import { checkLedger } from './check-ledger.js';
import { checkStorage } from './check-storage.js';

/** The parts of a gateway that its checks use, beside the core. */
export interface CheckedStart {
  readonly settings: LiveSettings;
  readonly bucket: string;
  readonly orphans: OrphanSettler | null;
  readonly allKeys: () => Promise<readonly CustomerKey[]>;
  /** Receives lines for people. */
  readonly output: (line: string) => void;
}

/** Checks the setup, and settles what the last run left open. Resolves within ten seconds. Never rejects. */
export async function checkStart(core: Core, start: CheckedStart): Promise<void> {
  const { settings, bucket, orphans, allKeys, output } = start;
  warnOfMissingParts(settings, output);
  const context = { ...core, orphans, clock: systemClock, output };
  const { runningCommandsDirectory } = settings.paths;
  await Promise.all([
    checkStorage(core.call, { bucket, ...context, removals: core, allKeys, runningCommandsDirectory }),
    checkKeyring(core.call, context),
    checkLedger(core.call, context),
    checkDatabase(core.call, context),
  ]);
}

function warnOfMissingParts({ current }: LiveSettings, output: (line: string) => void): void {
  if (!hasNativeCrypto) {
    output(
      'warning: the native ciphers of the SSH server are not built, transfers are slow: install a C++ compiler and run `npm ci`',
    );
  }
  if (current.checksums === 'crc32c' && !hasNativeCrc32c) {
    output(
      'warning: @node-rs/crc32 has no binary for this machine, uploads carry CRC-32 instead of CRC-32C: run `npm ci` here, or set checksums=crc32',
    );
  }
}
