import type { AnswerOf } from './endpoints.js';
import { type OperationName, operations } from './operations.js';
import { ApiProblem } from './problem.js';

/** The parts of a request. Values are those of the operation's schemas. */
export interface CallInput {
  readonly parameters?: Readonly<Record<string, string | number>>;
  readonly query?: Readonly<Record<string, string | number | boolean | null | undefined>>;
  readonly body?: unknown;
  /** The version of the resource, for operations that need If-Match. */
  readonly ifMatch?: string;
  /** Makes a repetition of a request that is not idempotent have no further effect. */
  readonly idempotencyKey?: string;
  readonly signal?: AbortSignal;
}

/** An answer with its headers. */
export interface Answered<A> {
  readonly value: A;
  /** The version of the resource, as If-Match takes it; null if it has none. */
  readonly etag: string | null;
}

/** An API token of a person who has no session. It is only in the memory of this page. */
let bearerToken: string | null = null;

/** Sends this token with each further request; null stops that. */
export function setBearerToken(token: string | null): void {
  bearerToken = token;
}

/** Returns the header that logs in a person without a session; none for one with a session. */
export function bearerHeaders(): Readonly<Record<string, string>> {
  return bearerToken === null ? {} : { authorization: `Bearer ${bearerToken}` };
}

/** Returns the path of an operation with its parameters and query. */
export function urlOf(path: string, { parameters = {}, query = {} }: CallInput): string {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(String(parameters[name] ?? '')),
  );
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== '') search.set(name, String(value));
  }
  return search.size === 0 ? filled : `${filled}?${search}`;
}

/** Calls an operation of the API and returns its answer. Throws an `ApiProblem`. */
export async function call<N extends OperationName>(name: N, input: CallInput = {}): Promise<AnswerOf<N>> {
  return (await callFor(name, input)).value;
}

/** Like `call`, with the version of the resource. */
export async function callFor<N extends OperationName>(
  name: N,
  input: CallInput = {},
): Promise<Answered<AnswerOf<N>>> {
  const [method = 'GET', path = ''] = operations[name].split(' ');
  return send<AnswerOf<N>>(method, path, input);
}

/** Sends a request that no schema of this package types, such as one of the logins. Throws an `ApiProblem`. */
export async function send<A>(method: string, path: string, input: CallInput = {}): Promise<Answered<A>> {
  const response = await respond(method, path, input);
  const text = await response.text();
  const value = (text === '' ? undefined : JSON.parse(text)) as A;
  return { value, etag: response.headers.get('etag') };
}

/** Calls an operation that answers with JSON lines, and passes each to `take`. Throws an `ApiProblem`. */
export async function callLines<N extends OperationName>(
  name: N,
  input: CallInput,
  take: (line: AnswerOf<N>) => void,
): Promise<void> {
  const [method = 'GET', path = ''] = operations[name].split(' ');
  const response = await respond(method, path, input);
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const read = await reader?.read();
    if (read === undefined || read.done) break;
    const lines = `${rest}${read.value}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') take(JSON.parse(line) as AnswerOf<N>);
  }
}

async function respond(method: string, path: string, input: CallInput): Promise<Response> {
  const { body, ifMatch, idempotencyKey, signal } = input;
  const headers: Record<string, string> = { accept: 'application/json', ...bearerHeaders() };
  if (method !== 'GET') headers['x-sftpgw-csrf'] = '1';
  if (body !== undefined) headers['content-type'] = 'application/json';
  if (ifMatch !== undefined) headers['if-match'] = ifMatch;
  if (idempotencyKey !== undefined) headers['idempotency-key'] = idempotencyKey;
  const response = await fetch(urlOf(path, input), {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  }).catch((error: unknown) => {
    if (signal?.aborted === true) throw error;
    throw ApiProblem.unreachable();
  });
  if (response.ok) return response;
  throw new ApiProblem(response.status, await documentOf(response));
}

async function documentOf(response: Response): Promise<Readonly<Record<string, unknown>>> {
  try {
    return (await response.json()) as Readonly<Record<string, unknown>>;
  } catch {
    // A proxy in front of the console answers with a page of its own.
    return { title: response.statusText };
  }
}

/** Returns a key for one attempt at a change. */
export function newIdempotencyKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
