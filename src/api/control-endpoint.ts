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

export interface ControlEndpointOptions {
  /** In a directory that only the gateway's owner enters. */
  readonly path: string;
  readonly mirror: MirrorRuns;
  readonly bans: BanAdministration;
  readonly log: Logger;
  readonly entropy: Entropy;
}

/** Commands are few, and come from the owner. */
const maxConnections = 32;
const maxRequestBytes = 1024 * 1024;
/** What a command that has stopped reading may leave waiting here. */
const maxWaitingBytes = 1024 * 1024;

/**
 * Listens on a socket in the file system for the commands of this root: HTTP, because its clients are everywhere (`curl
 * --unix-socket`). Whoever may open the file, mode 0600, may ask everything. What an earlier process left at the path is replaced:
 * the caller holds the root's lock. Faults: `invalid` (the path is too long), `unavailable`.
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
      throw new Fault('unavailable', `the control socket ${path} cannot be made`, { cause: error });
    }
  }

  /** Commands that wait are cut off; passes under way go on. */
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
      if (fault.kind === 'bug')
        this.#options.log.error('a command failed inside the gateway', { error: fault });
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
    // Not before the first event: a name that is not mirrored is refused with a status of its own.
    const begin = () => {
      if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    };
    await this.#options.mirror.run(names, (event) => {
      begin();
      // Progress that nobody reads is not kept; how a pass ended is.
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
