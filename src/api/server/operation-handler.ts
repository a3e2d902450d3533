import { isReadable, type Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Call, Entropy, Logger } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import {
  type Answer,
  type ApiRequest,
  Download,
  Lines,
  type Operation,
  Reply,
} from '../description/operation.js';
import { allows, type Person } from '../description/roles.js';
import { Refusal } from '../refusal.js';
import type { ApiBounds } from './bounds.js';
import { type Idempotency, idempotencyHeader, type StoredAnswer } from './idempotency.js';
import { personOf, sessionHeader } from './person.js';
import { sendDownload, sendLines } from './send-stream.js';
import { RequestChecks } from './validation.js';

/** The parts that all operations share. */
export interface HandlerServices<C> {
  readonly context: C;
  readonly idempotency: Idempotency;
  readonly log: Logger;
  readonly entropy: Entropy;
  readonly bounds: ApiBounds;
}

/** Serves the requests of one operation. */
export class OperationHandler<C> {
  readonly #operation: Operation<C>;
  readonly #services: HandlerServices<C>;
  readonly #checks: RequestChecks;

  constructor(operation: Operation<C>, services: HandlerServices<C>) {
    this.#operation = operation;
    this.#services = services;
    this.#checks = new RequestChecks(operation);
  }

  /** Throws `unauthenticated`, and `denied` if the person lacks the role. */
  authorise({ headers }: Pick<FastifyRequest, 'headers'>): Person {
    const person = personOf(headers);
    const { id, group, needs } = this.#operation;
    if (!allows(person.role, needs)) {
      throw new Fault('denied', `${id} needs the role ${needs}; ${person.name} has the role ${person.role}`);
    }
    if (person.scope !== null && !person.scope.includes(group)) {
      throw new Fault('denied', `${person.name} may not call operations of the group ${group}`);
    }
    return person;
  }

  async serve(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const startedMs = performance.now();
    const person = this.authorise(request);
    using connection = new ClientConnection(reply);
    const call: Call = {
      id: request.id,
      signal: connection.signal,
      log: this.#services.log.child({ request: request.id }),
    };
    void reply.headers({
      'x-request-id': request.id,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    try {
      const served = await this.#answer(request, reply, person, call);
      this.#log(call, person, startedMs, null);
      return served;
    } catch (error) {
      this.#log(call, person, startedMs, Fault.from(error));
      throw error;
    }
  }

  async #answer(
    request: FastifyRequest,
    reply: FastifyReply,
    person: Person,
    call: Call,
  ): Promise<FastifyReply> {
    const operation = this.#operation;
    const parsed = this.#parse(request, person, call);
    const key = request.headers[idempotencyHeader];
    if (!operation.isIdempotent && typeof key === 'string') {
      const { parameters, query, body } = parsed;
      const answer = await this.#services.idempotency.run(
        key,
        { person: person.name, operation: operation.id, request: { parameters, query, body } },
        async () => this.#stored(await operation.handle(this.#services.context, parsed)),
        !operation.hasSecretAnswer,
      );
      return sendStored(reply, answer);
    }
    const answer = await operation.handle(this.#services.context, parsed);
    if (answer instanceof Download) {
      return await sendDownload(reply, answer, this.#services.bounds.idleTimeoutMs);
    }
    if (answer instanceof Lines) {
      return await sendLines(reply, answer, request.id, this.#services.bounds.idleTimeoutMs);
    }
    return this.#send(reply, answer);
  }

  #stored(answer: unknown): StoredAnswer {
    const { value, etag } = answer instanceof Reply ? answer : { value: answer, etag: null };
    const { status } = this.#operation;
    return { status, body: status === 204 ? null : JSON.stringify(value), etag };
  }

  #send(reply: FastifyReply, answer: Answer<unknown>): FastifyReply {
    if (answer instanceof Reply && answer.session !== null) void reply.header(sessionHeader, answer.session);
    return sendStored(reply, this.#stored(answer));
  }

  #parse(request: FastifyRequest, person: Person, call: Call): ApiRequest {
    const { takes, needsIfMatch, body: schema } = this.#operation;
    const isStream = isReadable(request.body as Readable) === true;
    if (isStream !== (takes === 'bytes') && request.body !== undefined) {
      const type = takes === 'bytes' ? 'application/octet-stream' : 'application/json';
      throw new Refusal('invalid', `the body must have the content type ${type}`, { status: 415 });
    }
    if (takes === 'bytes' && !isStream) {
      throw new Refusal('invalid', 'the body must have the content type application/octet-stream', {
        status: 415,
      });
    }
    if (takes === 'json' && schema === null && request.body !== undefined && request.body !== null) {
      throw new Refusal('invalid', 'the operation takes no body', {
        fields: [{ in: 'body', pointer: '', detail: 'must be absent' }],
      });
    }
    const { parameters, query, body } = this.#checks.parse({
      parameters: request.params,
      query: request.query,
      body: isStream ? undefined : request.body,
    });
    const ifMatch = ifMatchOf(request);
    if (needsIfMatch && ifMatch === null) {
      throw new Refusal('invalid', 'the header If-Match is missing: give the ETag that you have read, or *', {
        status: 428,
      });
    }
    const stream = isStream ? (request.body as Readable) : null;
    return { person, call, parameters, query, body, stream, ifMatch };
  }

  /** Changes are logged for administrators, reads only for developers. */
  #log(call: Call, person: Person, startedMs: number, fault: Fault | null): void {
    const fields = {
      operation: this.#operation.id,
      person: person.name,
      role: person.role,
      ms: Math.round(performance.now() - startedMs),
      ...(fault === null ? {} : { refused: fault.hint }),
    };
    const { method, group } = this.#operation;
    if (method === 'GET' || group === 'console') call.log.debug('API request', fields);
    else call.log.info('API request', fields);
  }
}

function ifMatchOf({ headers }: FastifyRequest): string | null {
  const text = headers['if-match']?.trim();
  return text === undefined || text === '' ? null : text.replace(/^W\//, '').replace(/^"(.*)"$/, '$1');
}

function sendStored(reply: FastifyReply, { status, body, etag }: StoredAnswer): FastifyReply {
  if (etag !== null) void reply.header('etag', `"${etag}"`);
  if (body === null) return reply.code(status).send();
  return reply.code(status).header('content-type', 'application/json; charset=utf-8').send(body);
}

/** Aborts its signal if the client disconnects before the answer is complete. */
class ClientConnection implements Disposable {
  readonly #aborted = new AbortController();
  readonly #reply: FastifyReply;
  readonly #listener: () => void;

  constructor(reply: FastifyReply) {
    this.#reply = reply;
    this.#listener = () => {
      if (!reply.raw.writableFinished) this.#aborted.abort();
    };
    reply.raw.once('close', this.#listener);
  }

  get signal(): AbortSignal {
    return this.#aborted.signal;
  }

  [Symbol.dispose](): void {
    this.#reply.raw.off('close', this.#listener);
  }
}
