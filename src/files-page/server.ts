import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import { connectionCheckMs } from '../api/server/bounds.js';
import { discardUnreadBodies, drainBriefly } from '../api/server/drain.js';
import { faultOf } from '../api/server/framework-faults.js';
import { idleBound, readJson } from '../api/server/request-stream.js';
import { sendProblem } from '../api/server/send-problem.js';
import type { LiveSessions } from '../live/live-sessions.js';
import type { AuditRecorder } from '../model/audit.js';
import type { Call, Clock, Entropy, Logger } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { PageSessionLimits, PageSessions, PageUploads, UserCredentials } from '../model/files-page.js';
import type { UserLogins } from '../model/users/logins.js';
import type { UserDirectory } from '../model/users.js';
import type { VfsFactory } from '../model/vfs.js';
import { guardedLogins } from '../sftp/defence/guarded-logins.js';
import type { LoginDefence } from '../sftp/defence/login-defence.js';
import { SessionAudit } from '../sftp/session-audit.js';
import { defaultFilesPageBounds, type FilesPageBounds } from './bounds.js';
import { PageLogin } from './login.js';
import { addLogin } from './login-route.js';
import { PageClients } from './page-clients.js';
import { PageRequests, userProblemOf } from './requests.js';
import { treeRoutes } from './tree/routes.js';
import { uploadRoutes } from './uploads/routes.js';
import { tusContentType } from './uploads/tus.js';
import { UploadDesk } from './uploads/upload-desk.js';

/** The dependencies of the server of the files page. */
export interface FilesPageOptions {
  readonly logins: UserLogins & UserCredentials;
  readonly users: Pick<UserDirectory, 'settings'>;
  readonly defence: LoginDefence;
  readonly vfs: VfsFactory;
  readonly live: LiveSessions;
  readonly trail: AuditRecorder;
  readonly sessions: PageSessions;
  readonly uploads: PageUploads;
  readonly sessionLimits: PageSessionLimits;
  /** Time that an interrupted upload is kept, in milliseconds. */
  readonly uploadKeepMs: number;
  /** Maximum size of a file in /uploads, in bytes. */
  readonly maxFileBytes: number;
  readonly log: Logger;
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** The call of background work. */
  readonly call: Call;
  readonly bounds?: FilesPageBounds;
}

/** The files page in the gateway. */
export interface FilesPage {
  /** Does not listen yet. Closing it does not end the sessions: `close` does both. */
  readonly server: FastifyInstance;
  /** Stops serving, waits for files that are being stored, and parks the other uploads. */
  close(): Promise<void>;
}

/**
 * Creates the server of the files page: logins, the user's tree and uploads, for the console's process, which has
 * none of that. Every request states the browser's address: see `factsOf`.
 */
export function createFilesPage(options: FilesPageOptions): FilesPage {
  const { clock, entropy, log } = options;
  const bounds = options.bounds ?? defaultFilesPageBounds;
  const audit = new SessionAudit(options.trail, clock);
  const desk = new UploadDesk({ uploads: options.uploads, bounds, clock });
  const clients = new PageClients({
    ...options,
    limits: options.sessionLimits,
    credentials: options.logins,
    audit,
    release: (client) => desk.releaseAll(options.call, client),
  });
  const login = new PageLogin({
    ...options,
    logins: guardedLogins(options.logins, options.defence, clock),
    credentials: options.logins,
    clients,
    audit,
  });
  const server = createServer(bounds, log, entropy);
  const requests = new PageRequests({ clients, defence: options.defence, bounds, log });
  addLogin(server, { ...options, bounds, clients, login, requests });
  const routes = [
    ...treeRoutes({ users: options.users, bounds }),
    ...uploadRoutes({ desk, keepMs: options.uploadKeepMs, maxFileBytes: options.maxFileBytes, clock }),
  ];
  for (const route of routes) requests.add(server, route);
  const stop = new AbortController();
  const checking = checkRegularly(bounds.checkIntervalMs, { clock, log, signal: stop.signal }, async () => {
    await desk.check(options.call);
    await clients.check(options.call);
  });
  let closing: Promise<void> | null = null;
  const close = async () => {
    stop.abort();
    const closed = server.close();
    await clients.closeAll();
    await requests.idle();
    await Promise.all([closed, checking]);
    audit.flush();
  };
  return {
    server,
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

function createServer(bounds: FilesPageBounds, log: Logger, entropy: Entropy): FastifyInstance {
  const refuse = refuser(bounds, log);
  const server = Fastify({
    logger: false,
    genReqId: () => entropy.id(),
    bodyLimit: bounds.maxBodyBytes,
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    // Uploads and downloads have an idle timeout instead, a JSON body a timeout of its own.
    requestTimeout: 0,
    http: { headersTimeout: bounds.headersTimeoutMs, connectionsCheckingInterval: connectionCheckMs },
    frameworkErrors: (error, request, reply) => void refuse(error, request, reply),
  });
  server.server.maxConnections = bounds.maxConnections;
  discardUnreadBodies(server);
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('application/json', async (request: FastifyRequest) =>
    readJson(request.raw, bounds.maxBodyBytes, bounds.bodyTimeoutMs),
  );
  server.addContentTypeParser(tusContentType, async (_request: FastifyRequest, body: FastifyRequest['raw']) =>
    idleBound(body, bounds.idleTimeoutMs),
  );
  server.setErrorHandler<FastifyError>((error, request, reply) => refuse(error, request, reply));
  server.setNotFoundHandler((request, reply) =>
    refuse(new Fault('not-found', 'there is no such page'), request, reply),
  );
  return server;
}

type Refuse = (error: unknown, request: FastifyRequest, reply: FastifyReply) => Promise<void>;

/** Returns the function that answers a failed request with a problem document. */
function refuser(bounds: FilesPageBounds, log: Logger): Refuse {
  return async (error, request, reply) => {
    const fault = faultOf(error);
    if (fault.kind === 'bug') log.error('files page request failed', { request: request.id, error: fault });
    const problem = userProblemOf(fault, request.id);
    if (!request.raw.complete && !request.raw.destroyed) {
      const isPiece = request.headers['content-type'] === tusContentType;
      await drainBriefly(request, isPiece ? bounds : undefined);
      if (!request.raw.complete) reply.header('connection', 'close');
    }
    if (problem.status === 503) reply.header('retry-after', '1');
    sendProblem(reply, problem, request.id);
  };
}

/** Runs the check again and again until the signal aborts. Never rejects. */
async function checkRegularly(
  intervalMs: number,
  { clock, log, signal }: { readonly clock: Clock; readonly log: Logger; readonly signal: AbortSignal },
  check: () => Promise<void>,
): Promise<void> {
  for (;;) {
    await clock.sleep(intervalMs, signal).catch(() => undefined);
    if (signal.aborted) return;
    await check().catch((error: unknown) =>
      log.warn('sessions of the files page not checked', { error: Fault.from(error) }),
    );
  }
}
