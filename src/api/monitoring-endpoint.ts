import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock, Entropy, Logger } from '../model/call.js';
import { Fault } from '../model/fault.js';
import { EventSecret } from './event-secret.js';
import { type Monitoring, MonitoringAnswers } from './monitoring.js';
import { presentedSecrets } from './presented-secrets.js';
import { sendProblem } from './problem.js';
import { RateLimitedWarnings } from './rate-limited-warnings.js';

/** The address and the token of the endpoint, and its dependencies. */
export interface MonitoringEndpointOptions {
  readonly host: string;
  /** 0 means any free port. */
  readonly port: number;
  /** A file with the accepted tokens, one per line. Must not be readable by others. */
  readonly tokenFile: string;
  readonly monitoring: Monitoring;
  readonly log: Logger;
  readonly clock: Clock;
  readonly entropy: Entropy;
}

/** A running endpoint. */
export interface MonitoringEndpoint extends AsyncDisposable {
  readonly address: { readonly host: string; readonly port: number };
}

/** Connections at the same time: a few monitoring systems and load balancers. */
const maxConnections = 64;
const headersTimeoutMs = 10_000;
const requestTimeoutMs = 10_000;
const keepAliveTimeoutMs = 75_000;
const timeoutCheckMs = 1_000;

/**
 * Starts the endpoint with `/metrics`, `/healthz` and `/readyz`. Clients on this machine need no token. Others
 * need it for the metrics and for the reasons of `/readyz`. The endpoint speaks plain HTTP. Throws `invalid`
 * for the token file, and `unavailable` if it cannot listen.
 */
export async function startMonitoringEndpoint(
  options: MonitoringEndpointOptions,
): Promise<MonitoringEndpoint> {
  const { host, port } = options;
  const tokens = new EventSecret(options.tokenFile);
  await tokens.check();
  const answers = new MonitoringAnswers(options.monitoring);
  const warnings = new RateLimitedWarnings(options.log, options.clock);
  const server = createServer(
    {
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: keepAliveTimeoutMs,
      connectionsCheckingInterval: timeoutCheckMs,
    },
    (request, response) => void serve(options, answers, tokens, warnings, request, response),
  );
  server.maxConnections = maxConnections;
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (error) {
    throw new Fault('unavailable', `the endpoint for metrics cannot listen on ${host}:${port}`, {
      cause: error,
    });
  }
  const { address, port: bound } = server.address() as AddressInfo;
  return { address: { host: address, port: bound }, [Symbol.asyncDispose]: () => closed(server) };
}

async function closed(server: Server): Promise<void> {
  const end = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await end;
}

/** Answers one request, with a problem document if it fails. Never rejects. */
async function serve(
  { entropy, log }: MonitoringEndpointOptions,
  answers: MonitoringAnswers,
  tokens: EventSecret,
  warnings: RateLimitedWarnings,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const requestId = entropy.id();
  response.on('error', () => undefined);
  request.resume();
  try {
    const [path = ''] = (request.url ?? '').split('?', 1);
    await answers.answer(request, response, path, requestId, () => isTrusted(request, tokens));
  } catch (error) {
    const fault = Fault.from(error);
    const fields = { requestId, remote: request.socket.remoteAddress, kind: fault.kind, reason: fault.hint };
    if (fault.kind === 'bug') log.error('cannot answer monitoring request', { ...fields, error: fault });
    else if (fault.kind !== 'not-found' && fault.kind !== 'unsupported') {
      warnings.warn('monitoring request refused', fields);
    }
    if (response.destroyed || response.headersSent) response.destroy();
    else sendProblem(response, fault, requestId, headersOf(fault));
  }
}

/** Returns the headers that the statuses 401 and 405 require (RFC 9110 sections 11.6.1 and 10.2.1). */
function headersOf({ kind }: Fault): Readonly<Record<string, string>> {
  if (kind === 'unauthenticated') return { 'www-authenticate': 'Bearer realm="metrics"' };
  return kind === 'unsupported' ? { allow: 'GET, HEAD' } : {};
}

/** Throws `unauthenticated` for a wrong token. */
async function isTrusted(request: IncomingMessage, tokens: EventSecret): Promise<boolean> {
  const presented = presentedSecrets(request.headers.authorization, new URLSearchParams());
  if (presented.length === 0) return isLocal(request);
  if (await tokens.accepts(presented)) return true;
  throw new Fault('unauthenticated', 'this endpoint does not accept the token');
}

const forwardingHeaders = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via'];

/** A proxy on this machine forwards requests of others, so its requests are not local. */
function isLocal({ socket, headers }: IncomingMessage): boolean {
  const address = (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
  const isLoopback = address === '::1' || address.startsWith('127.');
  return isLoopback && forwardingHeaders.every((name) => headers[name] === undefined);
}
