import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import { Semaphore } from '../../concurrency/semaphore.js';
import type { Entropy, Logger } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { Operation } from '../description/operation.js';
import { type Monitoring, MonitoringAnswers } from '../monitoring.js';
import { problemOf } from '../problem.js';
import { type ApiBounds, connectionCheckMs, defaultApiBounds } from './bounds.js';
import { discardUnreadBodies, drainBriefly } from './drain.js';
import { faultOf } from './framework-faults.js';
import { Idempotency, type IdempotencyKeys } from './idempotency.js';
import { OperationHandler } from './operation-handler.js';
import { idleBound, readJson } from './request-stream.js';
import { sendProblem } from './send-problem.js';

/** The operations, and the dependencies of the server. */
export interface ApiServerOptions<C> {
  readonly operations: readonly Operation<C>[];
  readonly context: C;
  readonly idempotencyKeys: IdempotencyKeys;
  /** Answers `/metrics`, `/healthz` and `/readyz`, for everyone who can connect. Absent: there are no such paths. */
  readonly monitoring?: Monitoring;
  readonly log: Logger;
  readonly entropy: Entropy;
  readonly bounds?: ApiBounds;
}

/** Path parameters may be longer than the router's default: an id or a percent-encoded name. */
const maxParameterCharacters = 1024;

/**
 * Creates the server of the API, which does not listen yet. It answers every request with the answer of its
 * operation or with a problem document (RFC 9457), and has bounds for bodies, headers, connections and requests in
 * work. Every request names its person: see `personOf`.
 */
export function createApiServer<C>(options: ApiServerOptions<C>): FastifyInstance {
  const bounds = options.bounds ?? defaultApiBounds;
  const server = Fastify({
    logger: false,
    genReqId: () => options.entropy.id(),
    bodyLimit: bounds.maxBodyBytes,
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: maxParameterCharacters },
    // A body of bytes has an idle timeout instead, a JSON body a timeout of its own.
    requestTimeout: 0,
    http: { headersTimeout: bounds.headersTimeoutMs, connectionsCheckingInterval: connectionCheckMs },
    frameworkErrors: (error, request, reply) => void refuse(options.log, error, request, reply),
    clientErrorHandler: refuseMalformed,
  });
  server.server.maxConnections = bounds.maxConnections;
  parseBodies(server, bounds);
  limitRequests(server, bounds.maxRequests);
  discardUnreadBodies(server);
  server.setErrorHandler<FastifyError>((error, request, reply) => refuse(options.log, error, request, reply));
  server.setNotFoundHandler((request, reply) =>
    refuse(
      options.log,
      new Fault('not-found', `there is no operation ${request.method} ${pathOf(request)}`),
      request,
      reply,
    ),
  );
  const idempotency = new Idempotency(options.idempotencyKeys);
  for (const operation of options.operations) {
    const handler = new OperationHandler(operation, { ...options, idempotency, bounds });
    server.route({
      method: operation.method,
      url: operation.path.replaceAll(/\{(\w+)\}/g, ':$1'),
      // Before the body is read.
      onRequest: async (request) => handler.authorise(request),
      handler: (request, reply) => handler.serve(request, reply),
    });
  }
  if (options.monitoring !== undefined) answerMonitoring(server, options.monitoring);
  return server;
}

/** Adds the paths of the monitoring, which need no person. */
function answerMonitoring(server: FastifyInstance, monitoring: Monitoring): void {
  const answers = new MonitoringAnswers(monitoring);
  for (const url of MonitoringAnswers.paths) {
    server.get(url, async (request, reply) => {
      await answers.answer(request.raw, reply.raw, url, request.id, async () => true);
      reply.hijack();
    });
  }
}

function parseBodies(
  server: FastifyInstance,
  { maxBodyBytes, bodyTimeoutMs, idleTimeoutMs }: ApiBounds,
): void {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('application/json', async (request: FastifyRequest) =>
    readJson(request.raw, maxBodyBytes, bodyTimeoutMs),
  );
  server.addContentTypeParser(
    'application/octet-stream',
    async (_request: FastifyRequest, body: FastifyRequest['raw']) => idleBound(body, idleTimeoutMs),
  );
}

function limitRequests(server: FastifyInstance, maxRequests: number): void {
  const permits = new Semaphore(maxRequests);
  server.addHook('onRequest', async (_request, reply) => {
    const release = permits.tryAcquire(1);
    if (release === null) {
      throw new Fault('throttled', `${maxRequests} requests are in work: try again in a second`);
    }
    reply.raw.once('close', release);
  });
}

function pathOf({ url }: FastifyRequest): string {
  return url.split('?', 1)[0]?.slice(0, 200) ?? '';
}

async function refuse(
  log: Logger,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const fault = faultOf(error);
  if (fault.kind === 'bug') {
    log.error('API request failed', {
      request: request.id,
      method: request.method,
      path: pathOf(request),
      error: fault,
    });
  }
  const problem = problemOf(fault, request.id);
  if (!request.raw.complete) {
    // Unread bytes of the body would be taken for the next request.
    reply.header('connection', 'close');
    await drainBriefly(request);
  }
  if (problem.status === 503) reply.header('retry-after', '1');
  sendProblem(reply, problem, request.id);
}

/** Answers bytes that are not HTTP, and headers that are too long or too slow. */
function refuseMalformed(error: { readonly code?: string }, socket: import('node:net').Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? '431 Request Header Fields Too Large'
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? '408 Request Timeout'
        : '400 Bad Request';
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`, () => socket.destroy());
}
