import type { Readable } from 'node:stream';
import type { Static, TObject, TSchema } from 'typebox';
import type { Call } from '../../model/call.js';
import type { Group } from './groups.js';
import type { Person, Role } from './roles.js';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** The form of a request or an answer: a JSON document, the bytes of an object, or one JSON text per line. */
export type Content = 'json' | 'bytes' | 'lines';

/** A request that has passed all checks of its operation. */
export interface ApiRequest<P = unknown, Q = unknown, B = unknown> {
  readonly person: Person;
  /** Cancelled when the client disconnects. Its id is the request id of the answer. */
  readonly call: Call;
  readonly parameters: P;
  readonly query: Q;
  /** Undefined without a body, and for a body of bytes. */
  readonly body: B;
  /** The bytes of the body; null unless the operation takes bytes. Ends with an error if the client is too slow. */
  readonly stream: Readable | null;
  /** The header If-Match, without quotes; null if it is missing. */
  readonly ifMatch: string | null;
  /** The second person who has approved the request. */
  readonly approvedBy?: string;
}

/** An answer with headers. */
export class Reply<A> {
  readonly value: A;
  readonly etag: string | null;
  readonly session: string | null;

  /**
   * `etag` is the version of the resource, without quotes. `session` is the secret of a session that has begun, which
   * the console turns into a cookie; empty for one that has ended.
   */
  constructor(value: A, etag: string | null = null, session: string | null = null) {
    this.value = value;
    this.etag = etag;
    this.session = session;
  }
}

/** An answer of bytes. The client may only save it: the content type is never the one of the object. */
export class Download {
  readonly filename: string;
  /**
   * Calls `begin` once with the size in bytes and more headers, then `take` with each piece, and waits for it.
   * Throws a fault if there is nothing to send or the content is wrong.
   */
  readonly send: (
    take: (bytes: Uint8Array) => Promise<void>,
    begin: (size: number, headers: Readonly<Record<string, string>>) => void,
  ) => Promise<void>;

  constructor(filename: string, send: Download['send']) {
    this.filename = filename;
    this.send = send;
  }
}

/** An answer of JSON lines. */
export class Lines<A> {
  /**
   * Calls `write` for each line. A line that is not `required` is skipped for a client that reads slowly. `taken`
   * resolves when the client has taken enough of the lines before: a long answer waits for it after each line.
   */
  readonly send: (write: (line: A, required: boolean) => void, taken: () => Promise<void>) => Promise<void>;

  constructor(send: Lines<A>['send']) {
    this.send = send;
  }
}

export type Answer<A> = A | Reply<A> | Download | Lines<A>;

/** A complete request and its answer, for the documentation. A test sends each of them to a real gateway. */
export interface Example<P = unknown, Q = unknown, B = unknown, A = unknown> {
  readonly parameters?: P;
  readonly query?: Q;
  readonly body?: B;
  /** Left out for bytes. */
  readonly answer?: A;
}

/** A value as its schema describes it, as a readonly type. */
export type Immutable<T> = T extends object ? { readonly [K in keyof T]: Immutable<T[K]> } : T;

/** Everything about one operation except its work. */
export interface OperationDescription {
  /** Such as `listUsers`. */
  readonly id: string;
  /** The heading in the documentation, and the unit of a token's scope. */
  readonly group: Group;
  /** One sentence. */
  readonly summary: string;
  /** More sentences for the documentation. */
  readonly details?: string;
  readonly method: Method;
  /** Such as `/api/users/{username}`. */
  readonly path: string;
  /** The role that a person needs. */
  readonly needs: Role;
  /** True if a repetition of the request changes nothing more. All others accept an Idempotency-Key. */
  readonly isIdempotent: boolean;
  /** True if the answer has a secret that is shown only once, so that it is not stored for a repetition. */
  readonly hasSecretAnswer: boolean;
  /** True if the request needs the header If-Match. */
  readonly needsIfMatch: boolean;
  /** The requests that a second person must approve, in words; null if there are none. */
  readonly fourEyes: string | null;
  readonly parameters: TObject | null;
  readonly query: TObject | null;
  readonly body: TSchema | null;
  readonly takes: 'json' | 'bytes';
  readonly gives: Content;
  readonly status: 200 | 201 | 202 | 204;
  /** The schema of the answer, or of each line of it; null for bytes and for no content. */
  readonly answer: TSchema | null;
  /** The equivalent command; null if there is none. */
  readonly command: string | null;
  readonly example: Example;
}

/** An operation on services of the type C. */
export interface Operation<C> extends OperationDescription {
  handle(context: C, request: ApiRequest): Promise<Answer<unknown>>;
}

/** The types of an operation's schemas, for clients that import types only. No operation has this value. */
export interface Typed<P extends TObject, Q extends TObject, B extends TSchema, A extends TSchema> {
  readonly types?: {
    readonly parameters: Immutable<Static<P>>;
    readonly query: Immutable<Static<Q>>;
    readonly body: Immutable<Static<B>>;
    readonly answer: Immutable<Static<A>>;
  };
}

/** Which requests of an operation need a second person while `console.four.eyes` is set. */
export interface FourEyes<P, Q, B> {
  /** Such as `every request`. */
  readonly requests: string;
  /** Returns what the request would do, such as `destroy the key 3f9a41c0`; null if it needs no second person. */
  readonly summary: (request: Pick<ApiRequest<P, Q, B>, 'parameters' | 'query' | 'body'>) => string | null;
}

/** The definition of an operation, with the types of its schemas. */
export interface Definition<C, P extends TObject, Q extends TObject, B extends TSchema, A extends TSchema>
  extends Pick<OperationDescription, 'id' | 'group' | 'summary' | 'details' | 'method' | 'path' | 'needs'> {
  /** By default true for every method except POST. */
  readonly isIdempotent?: boolean;
  readonly hasSecretAnswer?: boolean;
  readonly needsIfMatch?: boolean;
  readonly fourEyes?: FourEyes<Static<P>, Static<Q>, Static<B>>;
  readonly parameters?: P;
  readonly query?: Q;
  readonly body?: B;
  readonly takes?: 'bytes';
  readonly gives?: Content;
  /** By default 200, or 204 without an answer. */
  readonly status?: 200 | 201 | 202;
  readonly answer?: A;
  readonly command?: string;
  readonly example: Example<
    Immutable<Static<P>>,
    Immutable<Static<Q>>,
    Immutable<Static<B>>,
    Immutable<Static<A>>
  >;
  readonly handle: (
    context: C,
    request: ApiRequest<Static<P>, Static<Q>, Static<B>>,
  ) => Promise<Answer<Immutable<Static<A>>>>;
}

/** Returns a function that creates operations on services of the type C. */
export function operationsOn<C>() {
  return <
    // biome-ignore lint/complexity/noBannedTypes: the type of an object without properties
    P extends TObject = TObject<{}>,
    // biome-ignore lint/complexity/noBannedTypes: the type of an object without properties
    Q extends TObject = TObject<{}>,
    B extends TSchema = TSchema,
    A extends TSchema = TSchema,
  >(
    definition: Definition<C, P, Q, B, A>,
  ): Operation<C> & Typed<P, Q, B, A> => {
    const { id, group, summary, details, method, path, needs, example } = definition;
    const gives = definition.gives ?? 'json';
    const answer = definition.answer ?? null;
    return {
      id,
      group,
      summary,
      ...(details === undefined ? {} : { details }),
      method,
      path,
      needs,
      isIdempotent: definition.isIdempotent ?? method !== 'POST',
      hasSecretAnswer: definition.hasSecretAnswer ?? false,
      needsIfMatch: definition.needsIfMatch ?? false,
      fourEyes: definition.fourEyes?.requests ?? null,
      parameters: definition.parameters ?? null,
      query: definition.query ?? null,
      body: definition.body ?? null,
      takes: definition.takes ?? 'json',
      gives,
      status: definition.status ?? (answer === null && gives === 'json' ? 204 : 200),
      answer,
      command: definition.command ?? null,
      example,
      handle: (context, request) =>
        definition.handle(context, request as ApiRequest<Static<P>, Static<Q>, Static<B>>),
    };
  };
}
