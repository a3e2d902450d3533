import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { problemOf } from '../api/problem.js';
import { Refusal } from '../api/refusal.js';
import { type RawRequest, RequestChecks } from '../api/server/validation.js';
import { Semaphore } from '../concurrency/semaphore.js';
import type { Call, Logger } from '../model/call.js';
import { Fault } from '../model/fault.js';
import { logFault, userText } from '../sftp/status.js';
import type { FilesPageBounds } from './bounds.js';
import type { PageDefence } from './login.js';
import type { PageClients } from './page-clients.js';
import type { PageRoute } from './page-route.js';
import { factsOf, type RequestFacts, requireSameSite } from './request-facts.js';

export interface PageRequestServices {
  readonly clients: PageClients;
  readonly defence: Pick<PageDefence, 'admit'>;
  readonly bounds: Pick<FilesPageBounds, 'maxRequests'>;
  readonly log: Logger;
}

/** Checks the requests of the page, and passes them to their routes. */
export class PageRequests {
  readonly #services: PageRequestServices;
  readonly #permits: Semaphore;
  readonly #running = new Set<Promise<unknown>>();

  constructor(services: PageRequestServices) {
    this.#services = services;
    this.#permits = new Semaphore(services.bounds.maxRequests);
  }

  add(server: FastifyInstance, route: PageRoute): void {
    const checks = new RequestChecks(route);
    server.route({
      method: route.method,
      url: route.path,
      // Before the body is read.
      onRequest: async (request) => void this.admit(request),
      handler: (request, reply) => this.#track(this.#serve(route, checks, request, reply)),
    });
  }

  /** Resolves when no request is in work. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled([...this.#running]);
  }

  /** Returns the facts of a request. Throws `denied` for an address that may not connect. */
  admit({ headers }: FastifyRequest): RequestFacts {
    const facts = factsOf(headers);
    const refusal = this.#services.defence.admit(facts.address);
    if (refusal !== null) throw new Fault('denied', refusal);
    return facts;
  }

  /** Returns the call of a request. It ends when the client disconnects. */
  callOf(request: FastifyRequest, reply: FastifyReply): Call {
    const aborted = new AbortController();
    reply.raw.once('close', () => {
      if (!reply.raw.writableFinished) aborted.abort();
    });
    return { id: request.id, signal: aborted.signal, log: this.#services.log.child({ request: request.id }) };
  }

  async #serve(
    route: PageRoute,
    checks: RequestChecks,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<unknown> {
    const release = this.#permits.tryAcquire(1);
    if (release === null)
      throw new Fault('throttled', 'too many requests are in work: try again in a second');
    void reply.headers({
      'x-request-id': request.id,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    const call = this.callOf(request, reply);
    try {
      const facts = factsOf(request.headers);
      const { secret } = facts;
      const client = await this.#services.clients.of(call, secret, facts.address);
      if (secret === null) throw new Fault('bug', 'a session without a secret');
      if (route.method !== 'GET' && route.method !== 'HEAD') requireSameSite(request.headers, secret);
      const parsed = checks.parse(rawOf(request));
      const sent = await client.run(call, (running) =>
        route.handle({ client, secret, facts, call: running, raw: request, reply, ...parsed }),
      );
      return reply.raw.headersSent || reply.sent ? reply : reply.send(sent);
    } catch (error) {
      logFault(call, `${request.method} ${route.path}`, Fault.from(error), 'files page request failed');
      throw error;
    } finally {
      release();
    }
  }

  #track<T>(serving: Promise<T>): Promise<T> {
    this.#running.add(serving);
    const forget = () => void this.#running.delete(serving);
    serving.then(forget, forget);
    return serving;
  }
}

/** The body of an upload is a stream, which has no schema. */
function rawOf(request: FastifyRequest): RawRequest {
  return { parameters: request.params, query: request.query, body: request.body };
}

/** Returns the problem document of a fault, with the texts for users. */
export function userProblemOf(fault: Fault, requestId: string) {
  return { ...problemOf(fault, requestId), detail: fault instanceof Refusal ? fault.hint : userText(fault) };
}
