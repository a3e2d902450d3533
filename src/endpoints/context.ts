import { createHash } from 'node:crypto';
import type { ApiRequest } from '../api/description/operation.js';
import { type Operation, operationsOn } from '../api/description/operation.js';
import type { Monitoring } from '../api/monitoring.js';
import { Refusal } from '../api/refusal.js';
import { createRootKeyring } from '../assembly/keyring.js';
import { buildUserServices } from '../assembly/user-services.js';
import { auditedBans } from '../audit/audited/bans.js';
import { auditedSessions } from '../audit/audited/sessions.js';
import { auditedTokens } from '../audit/audited/tokens.js';
import { auditedShared, auditedUsers } from '../audit/audited/users.js';
import { AuditScribe } from '../audit/scribe.js';
import type { KeyedMutex } from '../concurrency/keyed-mutex.js';
import type { Jobs } from '../model/api/jobs.js';
import type { Approvals } from '../model/api/people.js';
import type { ApiTokens } from '../model/api/tokens.js';
import type { BanAdministration } from '../model/bans.js';
import type { Clock } from '../model/call.js';
import type { SessionAdministration } from '../model/live.js';
import type { MirrorAction } from '../model/mirror.js';
import type { MirrorRuns } from '../model/mirror-runs.js';
import type { JobRunner } from '../operations/jobs/runner.js';
import type { RootServices } from '../operations/open-root.js';
import { peopleAdministration } from '../operations/people.js';
import type { RecoveryDrills } from '../operations/recovery-drill.js';
import type { PeopleAdministration } from '../people/administration.js';
import type { People } from '../people/people.js';
import { createSharedRegistry } from '../users/shared-registry.js';
import { createUserRegistry } from '../users/user-registry.js';
import { requireSecondPerson } from './four-eyes.js';

/** The services of the API's operations. */
export interface ApiContext {
  readonly root: RootServices;
  readonly mirror: MirrorRuns;
  /** Plans a pass over a prefix: see `Mirror.dryRun`. */
  readonly dryRun: (name: string) => AsyncIterable<readonly MirrorAction[]>;
  readonly bans: BanAdministration;
  readonly sessions: SessionAdministration;
  readonly tokens: ApiTokens;
  /** With the administration by the person of the request. */
  readonly people: People & { readonly administration: PeopleAdministration };
  readonly approvals: Approvals;
  /** Returns the operation with this id, or null. */
  readonly operationOf: (id: string) => Operation<ApiContext> | null;
  readonly drills: RecoveryDrills;
  readonly jobs: Jobs;
  readonly runner: JobRunner;
  readonly monitoring: Pick<Monitoring, 'readiness'>;
  /** Requests to S3 since the start, and the sum of their times. */
  readonly s3Totals: () => { readonly requests: number; readonly retries: number; readonly seconds: number };
  /** The problems of the keyring. An answer may be a minute old, because opening keys takes seconds. */
  readonly keyProblems: () => Promise<readonly string[]>;
  readonly startedMs: number;
  readonly clock: Clock;
  /** The version of the program. */
  readonly version: string;
  /** Each as `type SHA256:...`; empty until the SFTP server has started. */
  readonly hostKeys: () => readonly string[];
  /** Changes with a condition (If-Match) wait for each other, by the name of what they change. */
  readonly changes: KeyedMutex<string>;
}

/**
 * Creates operations whose changes the audit trail records with the person of the request, and which a second person
 * must approve where their definition requires it.
 */
export const operation: ReturnType<typeof operationsOn<ApiContext>> = (definition) =>
  define({
    ...definition,
    handle: async (context: ApiContext, request: Parameters<typeof definition.handle>[1]) => {
      const acting = actingFor(context, request);
      const summary = definition.fourEyes?.summary(request) ?? null;
      await requireSecondPerson(acting, definition, summary, request);
      return await definition.handle(acting, request);
    },
  });

const define = operationsOn<ApiContext>();

type Sent = Pick<ApiRequest, 'call' | 'person' | 'approvedBy'>;

/** Returns the services with the request's call, and with its person as the author of changes. */
function actingFor(context: ApiContext, { call, person, approvedBy }: Sent): ApiContext {
  const { root, bans, sessions, tokens, people } = context;
  const { settings, log } = root;
  const scribe = new AuditScribe(
    root.scribe.recorder,
    { kind: 'admin', name: person.name },
    approvedBy === undefined ? {} : { approvedBy },
    { address: person.client?.address ?? null, request: call.id },
  );
  const keyring = createRootKeyring(settings, log, scribe);
  const userServices = buildUserServices(settings, keyring, log);
  return {
    ...context,
    root: {
      ...root,
      call,
      scribe,
      keyring,
      userServices,
      registry: auditedUsers(createUserRegistry(userServices), scribe),
      shared: auditedShared(createSharedRegistry(userServices), scribe),
    },
    // A command records what it asks for itself.
    bans: person.isCommand ? bans : auditedBans(bans, scribe),
    sessions: person.isCommand ? sessions : auditedSessions(sessions, scribe),
    tokens: auditedTokens(tokens, scribe),
    people: { ...people, administration: peopleAdministration(root, scribe) },
  };
}

/** Returns the version of a resource for ETag: a digest of its view. */
export function versionOf(view: unknown): string {
  return createHash('sha256').update(JSON.stringify(view)).digest('hex').slice(0, 32);
}

/** Throws a refusal (412) if the resource is not the one that the person has read. `*` accepts any version. */
export function requireVersion(ifMatch: string | null, view: unknown): void {
  if (ifMatch === null || ifMatch === '*' || ifMatch === versionOf(view)) return;
  throw new Refusal('conflict', 'another client has changed it since you read it: read it again', {
    status: 412,
  });
}
