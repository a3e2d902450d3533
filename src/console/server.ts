import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { ControlRequests } from '../api/control-request.js';
import { problemOf } from '../api/problem.js';
import { Refusal } from '../api/refusal.js';
import { sendProblem } from '../api/server/send-problem.js';
import type { Logger } from '../model/call.js';
import { Fault } from '../model/fault.js';
import { addApi, tooMany } from './api-route.js';
import { sessionAuthenticator, tokenAuthenticator } from './authenticators.js';
import { addFilesPage } from './files.js';
import { OidcLogins } from './oidc.js';
import type { ConsoleOptions } from './options.js';
import { addPages } from './pages.js';
import { siteOf, trustedProxies } from './site.js';

/** Time for all headers of a request. */
const headersTimeoutMs = 10_000;
const connectionCheckMs = 1_000;
/** Requests of one address per minute. A page of the console sends about ten. */
const maxRequestsPerMinute = 1_200;
const maxConnections = 512;
const readyTimeoutMs = 5_000;

/**
 * Creates the console's server, which does not listen yet. It serves the pages, forwards `/api/` to the gateway's
 * socket with the person of the request, and answers `/healthz` (this process) and `/readyz` (the gateway). It has
 * no keys, no credentials for S3 and no database. Throws `invalid` for unreadable TLS files.
 */
export async function createConsoleServer(options: ConsoleOptions, log: Logger): Promise<FastifyInstance> {
  const tls = await tlsOf(options);
  const server = Fastify({
    logger: false,
    genReqId: () => randomBytes(8).toString('hex'),
    // The gateway limits bodies. Here they are streams.
    bodyLimit: Number.MAX_SAFE_INTEGER,
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    requestTimeout: 0,
    trustProxy: trustedProxies(options.proxyFrom),
    http: { headersTimeout: headersTimeoutMs, connectionsCheckingInterval: connectionCheckMs },
    frameworkErrors: (error, request, reply) => refuse(log, error, request, reply),
    ...(tls === null
      ? {}
      : {
          https: { ...tls, headersTimeout: headersTimeoutMs, connectionsCheckingInterval: connectionCheckMs },
        }),
  }) as unknown as FastifyInstance;
  server.server.maxConnections = maxConnections;
  overwriteInput(server.server, tls !== null);
  server.setErrorHandler((error, request, reply) => refuse(log, error, request, reply));
  server.setNotFoundHandler((request, reply) =>
    refuse(log, new Fault('not-found', 'there is no such page'), request, reply),
  );
  await server.register(helmet, headersOf(tls !== null));
  await server.register(rateLimit, {
    max: maxRequestsPerMinute,
    timeWindow: '1 minute',
    errorResponseBuilder: () => tooMany(),
  });
  addHealth(server, options.socket);
  const site = siteOf(options);
  addApi(server, options.socket, site, [
    tokenAuthenticator(options.socket),
    sessionAuthenticator(options.socket, site.isSecure),
  ]);
  if (options.oidc !== null) new OidcLogins(options.oidc, options.socket, site, log).addTo(server);
  await addFilesPage(server, options, site);
  if (options.staticDirectory !== null) await addPages(server, options.staticDirectory);
  return server;
}

/**
 * Overwrites what was received once it is parsed: a key that a person imports is in it. The parser copies bodies. With
 * this listener, Node.js reads into a buffer of each event instead of one that is reused.
 */
function overwriteInput(server: FastifyInstance['server'], isTls: boolean): void {
  server.on(isTls ? 'secureConnection' : 'connection', (socket: Socket) => {
    socket.on('data', (bytes: Buffer) => bytes.fill(0));
  });
}

async function tlsOf({ tlsCert, tlsKey }: ConsoleOptions): Promise<{ cert: Buffer; key: Buffer } | null> {
  if (tlsCert === null && tlsKey === null) return null;
  if (tlsCert === null || tlsKey === null) {
    throw new Fault('invalid', 'console.tls.cert and console.tls.key need each other: set both or none');
  }
  const [cert, key] = await Promise.all([
    readPem('console.tls.cert', tlsCert),
    readPem('console.tls.key', tlsKey),
  ]);
  return { cert, key };
}

async function readPem(name: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new Fault('invalid', `${name}: cannot read ${path}`, { cause: error });
  }
}

/** The pages load only from here, run no inline code, and are in no frame. */
function headersOf(isTls: boolean) {
  return {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        baseUri: ["'none'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
        objectSrc: ["'none'"],
      },
    },
    frameguard: { action: 'deny' as const },
    referrerPolicy: { policy: 'no-referrer' as const },
    hsts: isTls ? { maxAge: 31_536_000, includeSubDomains: false } : false,
  };
}

function addHealth(server: FastifyInstance, socket: string): void {
  server.get('/healthz', async (_request, reply) => reply.type('text/plain').send('ok\n'));
  server.get('/readyz', async (_request, reply) => {
    const requests = new ControlRequests(socket, AbortSignal.timeout(readyTimeoutMs));
    await requests.json('GET', '/internal/ready');
    return reply.type('text/plain').send('ok\n');
  });
}

function refuse(log: Logger, error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const fault = faultOf(error);
  if (fault.kind === 'bug') log.error('console request failed', { request: request.id, error: fault });
  const problem = problemOf(fault, request.id);
  if (!request.raw.complete) reply.header('connection', 'close');
  sendProblem(reply, problem, request.id);
}

function faultOf(error: unknown): Fault {
  if (error instanceof Fault) return error;
  const { statusCode } = error as { readonly statusCode?: number };
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return statusCode === 404
      ? new Fault('not-found', 'there is no such page')
      : new Refusal('invalid', 'the request is malformed', { status: statusCode });
  }
  return Fault.from(error);
}
