import type { Command } from 'commander';
import { packageVersion } from '../assembly/package.js';
import { type CommandContext, newCommand } from './command.js';
import { renderFields, renderJson } from './terminal/render.js';

/** Creates `sftpgw version`. */
export function versionCommand({ shell }: CommandContext): Command {
  const command = newCommand(
    'version',
    'Print the version and the environment.',
    ['sftpgw version --json'],
    ['success', 'failure', 'usage'],
  );
  return command.option('--json', 'print JSON').action(async (flags: { json?: boolean }) => {
    const { hasNativeCrypto } = await import('../sftp/native-crypto.js');
    const { hasNativeCrc32c } = await import('@sftpgw/checksums');
    const facts = {
      version: packageVersion(),
      node: process.version,
      nativeCrypto: hasNativeCrypto,
      nativeCrc32c: hasNativeCrc32c,
    };
    if (flags.json === true) {
      shell.out(renderJson(facts));
      return;
    }
    const crypto = hasNativeCrypto
      ? 'loaded'
      : 'missing: SFTP takes two to three times the CPU; install a C++ compiler and run `npm ci`';
    shell.out(
      renderFields([
        ['sftpgw', facts.version],
        ['node', facts.node],
        ['native crypto', crypto],
        ['native CRC-32C', facts.nativeCrc32c ? 'loaded' : 'missing: uploads use CRC-32'],
      ]),
    );
  });
}
