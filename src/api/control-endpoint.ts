import { once } from 'node:events';
import { chmod, unlink } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isAbsence } from '../files/system-errors.js';
import type { BanAdministration } from '../model/bans.js';
import type { Entropy, Logger } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { MirrorRuns } from '../model/mirror-runs.js';
import {
  type BanClearAnswer,
  type BanClearRequest,
  type BanRequest,
  bansClearPath,
  bansPath,
  checkSocketPath,
  type MirrorRunRequest,
  mirrorPath,
  mirrorRunPath,
  type RunFailure,
} from './control-socket.js';
import { sendProblem } from './problem.js';
import { readBody } from './request-body.js';

/** The socket, and the dependencies of the endpoint. */
export interface ControlEndpointOptions {
  /** The socket's path, in a directory that only the gateway's owner can enter. */
  readonly path: string;
  readonly mirror: MirrorRuns;
  readonly bans: BanAdministration;
  readonly log: Logger;
  readonly entropy: Entropy;
}

/** Maximum connections. Only the owner connects, with few commands. */
const maxConnections = 32;
const maxRequestBytes = 1024 * 1024;
/** Maximum bytes that wait for a command that has stopped reading. */
const maxWaitingBytes = 1024 * 1024;

/**
 * Listens on a Unix socket for the commands of this root. The protocol is HTTP, which many clients speak,
 * such as `curl --unix-socket`. Everyone who can open the file (mode 0600) is authorised. Replaces the file
 * of an earlier process, because the caller holds the root's lock. Throws `invalid` (the path is too long) or
 * `unavailable`.
 */
export async function startControlEndpoint(options: ControlEndpointOptions): Promise<AsyncDisposable> {
  checkSocketPath(options.path);
  const endpoint = new ControlEndpoint(options);
  await endpoint.start();
  return endpoint;
}

class ControlEndpoint implements AsyncDisposable {
  readonly #options: ControlEndpointOptions;
  readonly #server: Server;

  constructor(options: ControlEndpointOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => void this.#serve(request, response));
    this.#server.maxConnections = maxConnections;
  }

  async start(): Promise<void> {
    const { path } = this.#options;
    try {
      await unlink(path).catch((error: unknown) => {
        if (!isAbsence(error)) throw error;
      });
      this.#server.listen(path);
      await once(this.#server, 'listening');
      await chmod(path, 0o600);
    } catch (error) {
      throw new Fault('unavailable', `cannot create the control socket ${path}`, { cause: error });
    }
  }

  /** Disconnects waiting commands. Running passes continue. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => undefined);
    try {
      await this.#answer(request, response);
    } catch (error) {
      const fault = Fault.from(error);
      if (fault.kind === 'bug') this.#options.log.error('cannot process command', { error: fault });
      if (response.destroyed) return;
      if (response.headersSent) {
        const failure: RunFailure = { kind: 'failed', fault: fault.kind, detail: fault.hint };
        response.end(`${JSON.stringify(failure)}\n`);
      } else sendProblem(response, fault, this.#options.entropy.id());
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const route = `${request.method} ${request.url}`;
    const answer = Object.hasOwn(this.#routes, route) ? this.#routes[route] : undefined;
    if (answer === undefined) {
      throw new Fault(
        'not-found',
        `unknown request ${route}: there are ${Object.keys(this.#routes).join(', ')}`,
      );
    }
    await answer(request, response);
  }

  readonly #routes: Readonly<
    Record<string, (request: IncomingMessage, response: ServerResponse) => Promise<void>>
  > = {
    [`GET ${mirrorPath}`]: async (_request, response) =>
      sendJson(response, await this.#options.mirror.liveStatus()),
    [`POST ${mirrorRunPath}`]: async (request, response) => {
      const names = namesOf(await readBody(request, maxRequestBytes));
      await this.#run(names, response);
    },
    [`GET ${bansPath}`]: async (_request, response) => sendJson(response, await this.#options.bans.list()),
    [`POST ${bansPath}`]: async (request, response) => {
      const { address, durationMs } = banRequestOf(await readBody(request, maxRequestBytes));
      sendJson(response, await this.#options.bans.add(address, durationMs));
    },
    [`POST ${bansClearPath}`]: async (request, response) => {
      const { address } = banClearRequestOf(await readBody(request, maxRequestBytes));
      const answer: BanClearAnswer = { ended: await this.#options.bans.clear(address) };
      sendJson(response, answer);
    },
  };

  async #run(names: MirrorRunRequest['names'], response: ServerResponse): Promise<void> {
    // The status is sent with the first event, so that an unknown name can get another status.
    const begin = () => {
      if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    };
    await this.#options.mirror.run(names, (event) => {
      begin();
      // Skips progress for a slow reader, but never the result of a pass.
      if (event.kind === 'progress' && response.writableLength > maxWaitingBytes) return;
      response.write(`${JSON.stringify(event)}\n`);
    });
    begin();
    response.end();
  }
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

function fieldsOf(body: Buffer): Readonly<Record<string, unknown>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw new Fault('invalid', 'the request is not JSON', { cause: error });
  }
  return typeof parsed === 'object' && parsed !== null ? { ...parsed } : {};
}

function namesOf(body: Buffer): MirrorRunRequest['names'] {
  const { names } = fieldsOf(body);
  if (names === null) return null;
  if (Array.isArray(names) && names.every((name) => typeof name === 'string')) return names;
  throw new Fault('invalid', 'the request needs "names": an array of names, or null for all');
}

function banRequestOf(body: Buffer): BanRequest {
  const { address, durationMs } = fieldsOf(body);
  const isDuration = typeof durationMs === 'number' && Number.isSafeInteger(durationMs) && durationMs > 0;
  if (typeof address === 'string' && isDuration) return { address, durationMs };
  throw new Fault('invalid', 'the request needs "address", a text, and "durationMs", a number above 0');
}

function banClearRequestOf(body: Buffer): BanClearRequest {
  const { address } = fieldsOf(body);
  if (typeof address === 'string' || address === null) return { address };
  throw new Fault('invalid', 'the request needs "address": an address, or null for all');
}
