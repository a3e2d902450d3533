import { type ApiAnswer, ApiClient } from './api-client.js';

/** A person at a browser: keeps cookies, and sends the header against forgery with what changes something. */
export class Browser {
  readonly #client: ApiClient;
  readonly #headers: Readonly<Record<string, string>>;
  readonly cookies = new Map<string, string>();
  /** The header Set-Cookie of the last answer. */
  setCookies: readonly string[] = [];

  /** `headers` go with each request, such as X-Forwarded-For of a proxy. */
  constructor(url: string, headers: Readonly<Record<string, string>> = {}) {
    const { hostname: host, port } = new URL(url);
    this.#client = new ApiClient({ host, port }, {});
    this.#headers = headers;
  }

  async request(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<ApiAnswer> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await this.#client.request(method, path, {
      ...(body === undefined ? {} : { body }),
      headers: {
        ...(method === 'GET' ? {} : { 'x-sftpgw-csrf': '1' }),
        ...(cookie === '' ? {} : { cookie }),
        ...this.#headers,
        ...headers,
      },
    });
    this.setCookies = answer.headers['set-cookie'] ?? [];
    for (const text of this.setCookies) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(text) ?? [];
      if (value === '') this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    return answer;
  }

  /** Like `request`, and returns the JSON of the answer. Throws for a status that is not a success. */
  async json(method: string, path: string, body?: unknown): Promise<Readonly<Record<string, unknown>>> {
    const { status, json, bytes } = await this.request(method, path, body);
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${bytes.toString()}`);
    return (json ?? {}) as Readonly<Record<string, unknown>>;
  }
}
