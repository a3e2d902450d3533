import type { Monitoring } from '../api/monitoring.js';
import { packageVersion } from '../assembly/package.js';
import { systemClock, systemEntropy } from '../assembly/system.js';
import { KeyedMutex } from '../concurrency/keyed-mutex.js';
import { remembered } from '../concurrency/remembered.js';
import { createApiTokens } from '../database/api-tokens.js';
import { DatabaseIdempotencyKeys } from '../database/idempotency-keys.js';
import { createJobs } from '../database/jobs.js';
import { DatabaseApprovals } from '../database/people/approvals.js';
import type { ApiContext } from '../endpoints/context.js';
import type { Mirror } from '../mirror/mirror.js';
import type { BanAdministration, LoginGuard } from '../model/bans.js';
import { Fault } from '../model/fault.js';
import type { SessionAdministration } from '../model/live.js';
import type { JobRunner } from '../operations/jobs/runner.js';
import type { RootServices } from '../operations/open-root.js';
import { peopleAdministration, peopleServices } from '../operations/people.js';
import { RecoveryDrills } from '../operations/recovery-drill.js';
import { keyProblems } from '../operations/recovery-status.js';
import { createPeople } from '../people/people.js';

/** How long the API remembers the problems of the keyring, in ms. */
const keyProblemsMs = 60_000;

/** The services of the API that only a running gateway has. */
export interface ControlServices {
  readonly root: RootServices;
  readonly mirror: Pick<Mirror, 'run' | 'liveStatus' | 'dryRun'>;
  readonly bans: BanAdministration & LoginGuard;
  readonly sessions: SessionAdministration;
  readonly hostKeys: () => readonly string[];
  readonly monitoring: Monitoring;
  readonly s3Totals: ApiContext['s3Totals'];
  /** True for the gateway of a demo: see `PeopleServices`. */
  readonly isDemo: boolean;
}

/**
 * Serves the API on the root's control socket, for commands and for the console's process. If the socket cannot be
 * created, logs the reason and returns null; the gateway runs without it. Returns the runner of its jobs. Loads the server late, because commands do not need it.
 */
export async function startControl(
  services: ControlServices,
  resources: AsyncDisposableStack,
): Promise<Pick<JobRunner, 'followOthers'> | null> {
  const { database, settings, log } = services.root;
  try {
    const [{ createApiServer }, { listenOnSocket }, { operations }, jobRunner, { jobWork }] =
      await Promise.all([
        import('../api/server/server.js'),
        import('../api/server/listen.js'),
        import('../endpoints/operations.js'),
        import('../operations/jobs/runner.js'),
        import('../operations/jobs/kinds.js'),
      ]);
    const jobs = createJobs(database, systemClock, systemEntropy);
    const runner = resources.use(new jobRunner.JobRunner(services.root, jobs, jobWork(jobs)));
    await runner.start();
    const server = createApiServer({
      operations,
      context: {
        ...services,
        dryRun: (name) => services.mirror.dryRun(name),
        tokens: createApiTokens(database, systemClock, systemEntropy),
        people: {
          ...createPeople(peopleServices(services.root, services.bans, services.isDemo)),
          administration: peopleAdministration(services.root, services.root.scribe),
        },
        approvals: new DatabaseApprovals(database, systemClock, systemEntropy),
        operationOf: (id) => operations.find((operation) => operation.id === id) ?? null,
        drills: new RecoveryDrills(services.root.keyring, systemClock, systemEntropy),
        jobs,
        runner,
        keyProblems: remembered(() => keyProblems(services.root), keyProblemsMs, systemClock),
        startedMs: systemClock.nowMs(),
        clock: systemClock,
        version: packageVersion(),
        changes: new KeyedMutex<string>((name) => name),
      },
      idempotencyKeys: new DatabaseIdempotencyKeys(database, systemClock),
      monitoring: services.monitoring,
      log,
      entropy: systemEntropy,
    });
    resources.use(await listenOnSocket(server, settings.paths.controlSocket));
    return runner;
  } catch (error) {
    log.warn('control socket not available: commands cannot reach this gateway', {
      error: Fault.from(error),
    });
    return null;
  }
}
