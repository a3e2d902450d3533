import { once } from 'node:events';
import { chmod, unlink } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isAbsence } from '../files/system-errors.js';
import type { Entropy, Logger } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { MirrorRuns } from '../model/mirror-runs.js';
import {
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
    const { mirror } = this.#options;
    if (request.url === mirrorPath && request.method === 'GET') {
      const text = JSON.stringify(await mirror.liveStatus());
      response.writeHead(200, { 'content-type': 'application/json' }).end(text);
    } else if (request.url === mirrorRunPath && request.method === 'POST') {
      const names = namesOf(await readBody(request, maxRequestBytes));
      await this.#run(names, response);
    } else throw new Fault('not-found', `there are GET ${mirrorPath} and POST ${mirrorRunPath}`);
  }

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

function namesOf(body: Buffer): MirrorRunRequest['names'] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw new Fault('invalid', 'the request is no JSON', { cause: error });
  }
  const names = typeof parsed === 'object' && parsed !== null && 'names' in parsed ? parsed.names : undefined;
  if (names === null) return null;
  if (Array.isArray(names) && names.every((name) => typeof name === 'string')) return names;
  throw new Fault('invalid', 'the request needs "names": an array of names, or null for all');
}
