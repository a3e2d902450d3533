import type { Command } from 'commander';
import { type CommandContext, newCommand } from './command.js';
import { packageVersion } from './package.js';
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
    const { nativeCrypto } = await import('../sftp/ssh2/library.js');
    const { hasNativeCrc32c } = await import('@sftpgw/checksums');
    const facts = {
      version: packageVersion(),
      node: process.version,
      nativeCrypto: nativeCrypto === 'loaded',
      nativeCrc32c: hasNativeCrc32c,
    };
    if (flags.json === true) {
      shell.out(renderJson(facts));
      return;
    }
    const crypto =
      nativeCrypto === 'loaded'
        ? 'loaded'
        : `${nativeCrypto}: SFTP takes two to three times the CPU; \`npm ci\` with a C++ toolchain builds it`;
    shell.out(
      renderFields([
        ['sftpgw', facts.version],
        ['node', facts.node],
        ["ssh2's native crypto", crypto],
        ['native CRC-32C', facts.nativeCrc32c ? 'loaded' : 'missing: uploads use CRC-32'],
      ]),
    );
  });
}
