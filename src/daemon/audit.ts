import { gatewayActor } from '../assembly/audit.js';
import type { Core } from '../assembly/core.js';
import type { LiveSettings } from '../assembly/live-settings.js';
import { systemClock, systemEntropy } from '../assembly/system.js';
import { BucketHeads } from '../audit/bucket-heads.js';
import { nodeIdOf } from '../audit/node-id.js';
import { FileReceiver } from '../audit/outputs/file-receiver.js';
import type { AuditReceiver } from '../audit/outputs/receiver.js';
import { SyslogReceiver } from '../audit/outputs/syslog-receiver.js';
import { parseSyslogTarget } from '../audit/outputs/syslog-target.js';
import { AuditScribe } from '../audit/scribe.js';
import { furtherSpools, spoolPaths } from '../audit/spool-directory.js';
import { AuditTrail } from '../audit/trail.js';
import type { GatewaySettings } from '../config/settings.js';
import { Leases } from '../database/cluster/leases.js';
import { createAuditSigner } from '../keyring/audit-signer.js';
import { GatewayIdentity } from '../keyring/gateway-identity.js';
import { measuredRecorder } from '../metrics/measured-recorder.js';
import type { AuditHead } from '../model/audit.js';
import type { Call, Logger } from '../model/call.js';
import type { Measures } from '../model/measures.js';
import { createBucketAdministration } from '../s3/bucket/bucket-administration.js';
import type { S3StoreOptions } from '../s3/options.js';
import type { GatewayWorker } from './gateway-options.js';

/** The parts of the core that the trail needs. */
type Opened = Pick<Core, 'database' | 'store' | 'call'>;

/**
 * Opens the audit trail of a gateway, which `resources` closes, and returns its scribe. The caller holds the
 * root's lock.
 */
export async function openGatewayAudit(
  settings: LiveSettings,
  s3: S3StoreOptions,
  { database, store, call }: Opened,
  measures: Measures,
  log: Logger,
  resources: AsyncDisposableStack,
  worker: Pick<GatewayWorker, 'link' | 'leftSlots'> | null,
): Promise<AuditScribe> {
  const { paths } = settings;
  const place = worker?.link.place ?? null;
  const node = nodeIdOf(settings.paths.nodeIdFile, systemEntropy, place);
  // A gateway of one process takes over from all workers of earlier runs.
  const left = worker?.leftSlots ?? furtherSpools(paths.auditDirectory);
  const trail = await AuditTrail.open({
    spool: spoolPaths(paths.auditDirectory, place?.slot ?? 1),
    leftSpools: left.map((slot) => spoolPaths(paths.auditDirectory, slot)),
    database,
    node,
    spoolLimitBytes: Math.floor(settings.current.auditSpoolLimitBytes / (place?.count ?? 1)),
    isRequired: () => settings.current.auditRequired,
    keepMs: () => settings.current.auditKeepMs,
    receivers: receiversOf(settings.current),
    leases: new Leases(database, systemClock, log),
    publishHead: dailyHead(settings, s3, store, call, () => worker?.link.isLead !== false),
    clock: systemClock,
    entropy: systemEntropy,
    log,
  });
  resources.use(trail);
  const scribe = new AuditScribe(measuredRecorder(trail.recorder, measures), gatewayActor);
  scribe.note({ action: 'gateway.start', target: paths.root });
  resources.defer(() => scribe.note({ action: 'gateway.stop', target: paths.root }));
  return scribe;
}

function receiversOf({ auditFile, auditSyslog }: GatewaySettings): readonly AuditReceiver[] {
  const target = auditSyslog === null ? null : parseSyslogTarget(auditSyslog);
  return [
    ...(auditFile === null ? [] : [new FileReceiver(auditFile)]),
    ...(auditSyslog === null || target === null ? [] : [new SyslogReceiver(target, auditSyslog)]),
  ];
}

/** Returns a function that stores the head in the default bucket, once a day. Of several workers, the lead does. */
function dailyHead(
  settings: LiveSettings,
  s3: S3StoreOptions,
  store: Opened['store'],
  call: Call,
  isLead: () => boolean,
): (head: AuditHead) => Promise<void> {
  const signer = createAuditSigner(new GatewayIdentity(settings.paths.keyringIdentityFile));
  const node = nodeIdOf(settings.paths.nodeIdFile, systemEntropy, null);
  let written = '';
  return async (head) => {
    const { bucket } = settings;
    const nowMs = systemClock.nowMs();
    const day = `${bucket} ${new Date(nowMs).toISOString().slice(0, 10)}`;
    if (bucket === null || day === written || !isLead()) return;
    await using retained = createBucketAdministration(s3);
    const heads = new BucketHeads({ store, retained, signer, bucket, node });
    await heads.write(call, head, nowMs, settings.current.auditKeepMs);
    written = day;
  };
}
