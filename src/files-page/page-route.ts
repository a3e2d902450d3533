import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Static, TObject, TSchema } from 'typebox';
import type { Call } from '../model/call.js';
import type { PageClient } from './page-client.js';
import type { RequestFacts } from './request-facts.js';

/** A request whose session and form are right. */
export interface PageRequest<P = unknown, Q = unknown, B = unknown> {
  readonly client: PageClient;
  /** The cookie's secret. */
  readonly secret: string;
  readonly facts: RequestFacts;
  /** Cancelled when the client disconnects or the session ends. */
  readonly call: Call;
  readonly parameters: P;
  readonly query: Q;
  readonly body: B;
  readonly raw: FastifyRequest;
  readonly reply: FastifyReply;
}

/** One kind of request. */
export interface PageRoute {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly parameters: TObject | null;
  readonly query: TObject | null;
  readonly body: TSchema | null;
  /** Returns the JSON of the answer, or sends the answer itself. */
  readonly handle: (request: PageRequest) => Promise<unknown>;
}

/** Returns a route, with the types of its schemas. */
export function pageRoute<
  // biome-ignore lint/complexity/noBannedTypes: the type of an object without properties
  P extends TObject = TObject<{}>,
  // biome-ignore lint/complexity/noBannedTypes: the type of an object without properties
  Q extends TObject = TObject<{}>,
  B extends TSchema = TSchema,
>(route: {
  readonly method: PageRoute['method'];
  readonly path: string;
  readonly parameters?: P;
  readonly query?: Q;
  readonly body?: B;
  readonly handle: (request: PageRequest<Static<P>, Static<Q>, Static<B>>) => Promise<unknown>;
}): PageRoute {
  const { method, path, parameters = null, query = null, body = null } = route;
  return {
    ...{ method, path, parameters, query, body },
    handle: (request) => route.handle(request as PageRequest<Static<P>, Static<Q>, Static<B>>),
  };
}
