import type { Command } from 'commander';
import type { AuditFinding, AuditProgress } from '../../audit/findings.js';
import { Fault } from '../../model/fault.js';
import { printable, s3Url } from '../../objects/s3-url.js';
import type { OpenLedger } from '../../operations/ledger-audit.js';
import type { OpenRoot } from '../../operations/open-root.js';
import type { CommandContext } from '../command.js';
import type { ProgressLine } from '../terminal/progress.js';

/** Opens the ledger of the command's root beside its buckets; the work's end closes both. */
export function withLedger<T>(
  context: CommandContext,
  command: Command,
  work: (ledger: OpenLedger, root: OpenRoot) => Promise<T>,
): Promise<T> {
  return context.withRoot(context.rootOf(command), async (root) => {
    // Loaded only now, as the rest of the daemon.
    const { openLedger } = await import('../../operations/ledger-audit.js');
    return work(await openLedger(root, root.settings, root.log), root);
  });
}

/** The buckets that were named, or all that the gateway uses. Throws `invalid` when there is none. */
export async function chosenBuckets(
  ledger: OpenLedger,
  named: readonly string[] | undefined,
): Promise<readonly string[]> {
  const buckets = named === undefined ? await ledger.buckets() : [...new Set(named)].sort();
  if (buckets.length === 0)
    throw new Fault('invalid', 'no bucket is set, and the ledger names none; say --bucket');
  return buckets;
}

/** For a terminal: versions and bytes looked at so far. */
export function showProgress(line: ProgressLine, what: string): (progress: AuditProgress) => void {
  return ({ versions, bytes }) =>
    line.update(what, { files: versions, totalFiles: null, bytes, totalBytes: null });
}

/** One line on one version. */
export function findingLine({ kind, ref, versionId, text }: AuditFinding): string {
  const version = versionId === null || versionId === 'null' ? '' : ` (version ${versionId})`;
  return `${kind}: ${printable(s3Url(ref))}${version}: ${text}`;
}

export function findingJson({ kind, ref, versionId, keyId, text }: AuditFinding) {
  return { kind, bucket: ref.bucket, key: ref.key, versionId, keyId, text };
}
