import type { Command } from 'commander';
import type { AuditFinding, AuditProgress } from '../../ledger-audit/findings.js';
import { Fault } from '../../model/fault.js';
import { printable, s3Url } from '../../objects/s3-url.js';
import type { OpenLedger } from '../../operations/ledger-audit.js';
import type { OpenRoot } from '../../operations/open-root.js';
import type { CommandContext } from '../command.js';
import type { ProgressLine } from '../terminal/progress.js';

/** Opens the ledger and the buckets of the command's root, runs the work and closes both. */
export function withLedger<T>(
  context: CommandContext,
  command: Command,
  work: (ledger: OpenLedger, root: OpenRoot) => Promise<T>,
): Promise<T> {
  return context.withRoot(context.rootOf(command), async (root) => {
    // Loaded late: `--help` does not need it.
    const { openLedger } = await import('../../operations/ledger-audit.js');
    return work(await openLedger(root, root.settings, root.log), root);
  });
}

/** Returns the named buckets, or all that the gateway uses. Throws `invalid` if there is none. */
export async function chosenBuckets(
  ledger: OpenLedger,
  named: readonly string[] | undefined,
): Promise<readonly string[]> {
  const buckets = named === undefined ? await ledger.buckets() : [...new Set(named)].sort();
  if (buckets.length === 0)
    throw new Fault('invalid', 'no bucket is set, and the ledger names none: give --bucket NAME');
  return buckets;
}

/** Shows the versions and bytes checked so far on a terminal. */
export function showProgress(line: ProgressLine, what: string): (progress: AuditProgress) => void {
  return ({ versions, bytes }) =>
    line.update(what, { files: versions, totalFiles: null, bytes, totalBytes: null });
}

/** Returns a finding as one line. */
export function findingLine({ kind, ref, versionId, text }: AuditFinding): string {
  const version = versionId === null || versionId === 'null' ? '' : ` (version ${versionId})`;
  return `${kind}: ${printable(s3Url(ref))}${version}: ${text}`;
}

/** Returns a finding for `--json`. */
export function findingJson({ kind, ref, versionId, keyId, text }: AuditFinding) {
  return { kind, bucket: ref.bucket, key: ref.key, versionId, keyId, text };
}
