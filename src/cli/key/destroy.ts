import type { Command } from 'commander';
import { Fault } from '../../model/fault.js';
import type { KeyDescription } from '../../model/keyring.js';
import type { KeyNeed } from '../../model/ledger.js';
import { printable, s3Url } from '../../objects/s3-url.js';
import type { OpenRoot } from '../../operations/open-root.js';
import { keyWriters } from '../../users/key-writers.js';
import { type CommandContext, newCommand } from '../command.js';
import { ProgressLine } from '../terminal/progress.js';
import { askYesNo } from '../terminal/prompter.js';
import { findKey, keyArgument } from './reference.js';

/** `sftpgw key destroy`. */
export function keyDestroyCommand(context: CommandContext): Command {
  const summary = [
    'Destroy a key for ever, once nothing needs it.',
    'Every version in every bucket of the gateway is looked at; when one needs the key, it is named and nothing is destroyed.',
    'Copies that you have made of the key are yours to destroy.',
  ].join('\n');
  const command = newCommand('destroy', summary, [
    'sftpgw key destroy 3f9a01c2',
    'sftpgw key destroy 3f9a01c2 --yes',
  ]);
  return command
    .argument('<key>', keyArgument)
    .option('-y, --yes', 'do not ask')
    .action(async (text: string, flags: { readonly yes?: boolean }) => {
      await context.withRoot(context.rootOf(command), async (root) => {
        const key = await findKey(root.keyring, text);
        await refuseInUse(root, key);
        if (flags.yes !== true && !(await confirmed(context, key)))
          context.shell.out(`the key ${key.id} stays`);
        else await destroy(context, root, key);
      });
    });
}

async function refuseInUse({ registry, shared }: OpenRoot, { id, state }: KeyDescription): Promise<void> {
  if (state === 'destroyed') throw new Fault('conflict', `the key ${id} is destroyed already`);
  const writers = (await keyWriters(registry, shared)).get(id) ?? [];
  if (writers.length === 0) return;
  throw new Fault(
    'conflict',
    `the key ${id} is written with by ${writers.join(', ')}: give another first (sftpgw key use)`,
  );
}

async function confirmed({ shell }: CommandContext, { id, label }: KeyDescription): Promise<boolean> {
  const name = label === '' ? id : `${id} (${label})`;
  const asked = shell.withPrompter((prompter) =>
    askYesNo(prompter, `Destroy the key ${name} for ever, if nothing needs it?`, false),
  );
  if (asked === null) throw new Fault('invalid', `to destroy the key ${id} without a terminal, add --yes`);
  return asked;
}

async function destroy({ shell }: CommandContext, root: OpenRoot, { id }: KeyDescription): Promise<void> {
  const { destroyKey } = await import('../../operations/destroy-key.js');
  using line = new ProgressLine(shell.terminal);
  const outcome = await destroyKey(root, id, ({ versions, bytes }) => {
    line.update('looking', { files: versions, totalFiles: null, bytes, totalBytes: null });
  });
  line[Symbol.dispose]();
  if (outcome.kind === 'needed') {
    for (const need of outcome.needs) shell.out(describeNeed(need));
    throw new Fault('conflict', `the key ${id} is needed by ${counted(outcome.needs)}; it stays`);
  }
  shell.out(`the key ${id} is destroyed`);
  for (const path of outcome.rawFiles) shell.err(`${path} holds the key still: remove it yourself`);
  // A running gateway does it by itself; there may be none.
  await root.bucketCopy.run(root.call).catch((error: unknown) => {
    shell.err(`the copy of the keyring in the bucket has the sealed key still: ${Fault.from(error).hint}`);
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
  // The proof names the first hundred.
  return needs.length < 100 ? `${needs.length} object versions` : '100 object versions or more';
}
