import { type IncomingMessage, type RequestOptions, request } from 'node:http';
import { Readable } from 'node:stream';
import type { Role } from '../../src/api/description/roles.js';

/** An answer of the API. */
export interface ApiAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly bytes: Buffer;
  /** The parsed JSON; undefined if the answer is not JSON. */
  readonly json: unknown;
}

export interface ApiRequestOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Is sent as JSON; a buffer or a stream as it is. */
  readonly body?: unknown;
}

const timeoutMs = 60_000;

/** Sends requests to the API over the control socket, or to the console with a token. */
export class ApiClient {
  readonly #target: RequestOptions;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(target: RequestOptions, headers: Readonly<Record<string, string>>) {
    this.#target = target;
    this.#headers = headers;
  }

  /** Returns a client of the socket as a person with this role. */
  static onSocket(socketPath: string, role: Role, name = `test ${role}`): ApiClient {
    return new ApiClient(
      { socketPath },
      { 'x-sftpgw-person': encodeURIComponent(name), 'x-sftpgw-role': role },
    );
  }

  /** Returns a client of the console at this URL. */
  static onConsole(url: string, token: string): ApiClient {
    const { hostname: host, port } = new URL(url);
    return new ApiClient({ host, port }, { authorization: `Bearer ${token}` });
  }

  /** Sends a PUT whose body is a stream of bytes of an unknown length. */
  upload(path: string, body: Readable): Promise<ApiAnswer> {
    return this.request('PUT', path, { body, headers: { 'content-type': 'application/octet-stream' } });
  }

  request(method: string, path: string, options: ApiRequestOptions = {}): Promise<ApiAnswer> {
    const { body } = options;
    const isRaw = Buffer.isBuffer(body) || typeof body === 'string';
    const stream = body instanceof Readable ? body : null;
    const text =
      body === undefined || stream !== null ? null : isRaw ? (body as Buffer | string) : JSON.stringify(body);
    const type = text === null || isRaw ? {} : { 'content-type': 'application/json' };
    return new Promise((resolve, reject) => {
      const asked = request({
        ...this.#target,
        method,
        path,
        headers: { ...this.#headers, ...type, ...options.headers },
        timeout: timeoutMs,
        agent: false,
      });
      asked.on('error', reject);
      asked.on('timeout', () => asked.destroy(new Error(`no answer to ${method} ${path}`)));
      asked.on('response', (answer) => {
        const pieces: Buffer[] = [];
        answer.on('data', (piece: Buffer) => pieces.push(piece));
        answer.on('error', reject);
        answer.on('end', () => {
          const bytes = Buffer.concat(pieces);
          const isJson = /[/+]json/.test(answer.headers['content-type'] ?? '');
          const json: unknown = isJson && bytes.length > 0 ? JSON.parse(bytes.toString('utf8')) : undefined;
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, bytes, json });
        });
      });
      if (stream === null) asked.end(text ?? undefined);
      else stream.pipe(asked);
    });
  }
}

/** Returns the path of an operation with these values. */
export function pathOf(
  { path }: { readonly path: string },
  parameters: unknown = {},
  query: unknown = {},
): string {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(textOf((parameters as Readonly<Record<string, unknown>>)[name] ?? 'x').toWellFormed()),
  );
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query as object)) search.append(name, textOf(value));
  return search.size === 0 ? filled : `${filled}?${search}`;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}
