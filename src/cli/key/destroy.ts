import type { Command } from 'commander';
import { Fault } from '../../model/fault.js';
import type { KeyDescription } from '../../model/keyring.js';
import type { KeyNeed } from '../../model/ledger.js';
import { printable, s3Url } from '../../objects/s3-url.js';
import { findKey, keyArgument, refuseDestruction } from '../../operations/key-administration.js';
import type { OpenRoot } from '../../operations/open-root.js';
import { type CommandContext, newCommand } from '../command.js';
import { rootExits } from '../exit-codes.js';
import { ProgressLine } from '../terminal/progress.js';
import { askYesNo } from '../terminal/prompter.js';

/** Creates `sftpgw key destroy`. */
export function keyDestroyCommand(context: CommandContext): Command {
  const summary = [
    'Destroy a key that nothing needs.',
    'Checks every version in every bucket of the gateway. If one needs the key, names it and destroys nothing. This cannot be undone. Copies that you made of the key are not destroyed.',
  ].join('\n');
  const command = newCommand(
    'destroy',
    summary,
    ['sftpgw key destroy 3f9a01c2', 'sftpgw key destroy 3f9a01c2 --yes'],
    [...rootExits, 'conflict', 'key'],
  );
  return command
    .argument('<key>', keyArgument)
    .option('-y, --yes', 'do not ask for confirmation')
    .action(async (text: string, flags: { readonly yes?: boolean }) => {
      await context.withRoot(context.rootOf(command), async (root) => {
        const key = await findKey(root.keyring, text);
        await refuseDestruction(root, key);
        if (flags.yes !== true && !(await confirmed(context, key)))
          context.shell.out(`the key ${key.id} is kept`);
        else await destroy(context, root, key);
      });
    });
}

async function confirmed({ shell }: CommandContext, { id, label }: KeyDescription): Promise<boolean> {
  const name = label === '' ? id : `${id} (${label})`;
  const asked = shell.withPrompter((prompter) =>
    askYesNo(prompter, `Destroy the key ${name} if nothing needs it? This cannot be undone.`, false),
  );
  if (asked === null)
    throw new Fault(
      'invalid',
      `cannot ask for confirmation without a terminal: add --yes to destroy the key ${id}`,
    );
  return asked;
}

async function destroy({ shell }: CommandContext, root: OpenRoot, { id }: KeyDescription): Promise<void> {
  const { destroyKey } = await import('../../operations/destroy-key.js');
  using line = new ProgressLine(shell.terminal);
  const outcome = await destroyKey(root, id, ({ versions, bytes }) => {
    line.update('checking', { files: versions, totalFiles: null, bytes, totalBytes: null });
  });
  line[Symbol.dispose]();
  if (outcome.kind === 'needed') {
    for (const need of outcome.needs) shell.out(describeNeed(need));
    throw new Fault('conflict', `the key ${id} is needed by ${counted(outcome.needs)} and was not destroyed`);
  }
  shell.out(`the key ${id} is destroyed`);
  for (const path of outcome.rawFiles) shell.err(`${path} still holds the key: remove it yourself`);
  // A running gateway copies by itself, but none may be running.
  await root.bucketCopy.run(root.call).catch((error: unknown) => {
    shell.err(`the copy of the keyring in the bucket still has the sealed key: ${Fault.from(error).hint}`);
  });
}

const states: Readonly<Record<KeyNeed['state'], string>> = {
  intended: 'being written',
  current: 'object',
  'older-version': 'older version',
};

function describeNeed({ ref, versionId, state }: KeyNeed): string {
  const version = versionId === null ? '' : `  version ${versionId}`;
  return `${printable(s3Url(ref))}  ${states[state]}${version}`;
}

function counted(needs: readonly KeyNeed[]): string {
  if (needs.length === 1) return '1 object version';
  // The proof names at most a hundred.
  return needs.length < 100 ? `${needs.length} object versions` : '100 object versions or more';
}
