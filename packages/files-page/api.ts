/** A refusal of the gateway, or a lost connection (status 0). The text is for people. */
export class RequestFailure extends Error {
  readonly status: number;
  /** The kind of the fault, such as `not-found`; empty if the gateway did not answer. */
  readonly kind: string;

  constructor(status: number, kind: string, text: string) {
    super(text);
    this.name = 'RequestFailure';
    this.status = status;
    this.kind = kind;
  }

  /** True if the same request may succeed later. */
  get isPassing(): boolean {
    return [0, 408, 429, 502, 503, 504].includes(this.status);
  }
}

export type Right = 'list' | 'read' | 'create' | 'overwrite' | 'rename' | 'remove';

/** The user, and the directories of `/` with the rights in each. */
export interface Session {
  readonly username: string;
  readonly csrf: string;
  readonly directories: readonly { readonly path: string; readonly rights: readonly Right[] }[];
}

export interface Entry {
  readonly name: string;
  readonly type: 'file' | 'directory' | 'link';
  readonly size: number;
  readonly mtimeSeconds: number;
}

/** An upload that is not complete. */
export interface Part {
  readonly url: string;
  readonly path: string;
  readonly length: number;
  readonly mtimeSeconds: number;
  /** Bytes that the gateway has. */
  readonly offset: number;
}

const base = '/files/api';
const csrfHeader = 'x-sftpgw-csrf';
const tusHeader = { 'tus-resumable': '1.0.0' };

/** Returns the path of a download, for a link. */
export function contentUrl(path: string): string {
  return `${base}/content?path=${encodeURIComponent(path)}`;
}

/** Sends the requests of the page. */
export class Api {
  #csrf = '';
  #logins = 0;

  /** The number of logins so far. */
  get logins(): number {
    return this.#logins;
  }

  /**
   * Returns whether a request was refused to an earlier session, so that the present one may be allowed it. `logins` is the
   * number of logins when the request was sent.
   */
  isOfEarlierSession(error: unknown, logins: number): boolean {
    const isRefusal = error instanceof RequestFailure && (error.status === 401 || error.status === 403);
    return isRefusal && logins !== this.#logins;
  }

  get headers(): Readonly<Record<string, string>> {
    return { ...tusHeader, [csrfHeader]: this.#csrf };
  }

  /** Returns the session, or null if no one is logged in. */
  async session(): Promise<Session | null> {
    try {
      return this.#keep((await this.#json('GET', '/session')) as Session);
    } catch (error) {
      if (error instanceof RequestFailure && error.status === 401) return null;
      throw error;
    }
  }

  /** Returns null if the code of the second factor is missing. */
  async login(username: string, password: string, code: string): Promise<Session | null> {
    const typed = { username, password, ...(code === '' ? {} : { code }) };
    const answer = (await this.#json('POST', '/login', typed)) as Session | { readonly needsCode: true };
    return 'needsCode' in answer ? null : this.#keep(answer);
  }

  async logout(): Promise<void> {
    await this.#json('POST', '/logout', {});
  }

  /** Passes the entries of a directory on as they arrive. Returns false if there are more than the gateway lists. */
  async list(path: string, take: (entries: readonly Entry[]) => void, signal: AbortSignal): Promise<boolean> {
    const answer = await this.#send('GET', `/list?path=${encodeURIComponent(path)}`, { signal });
    let rest = '';
    let isComplete: boolean | null = null;
    const read = (line: string) => {
      if (line === '') return;
      const parsed = JSON.parse(line) as ListingLine;
      if (parsed.kind === 'entries') take(parsed.entries);
      else if (parsed.kind === 'end') isComplete = parsed.isComplete;
      else throw new RequestFailure(500, parsed.fault, parsed.detail);
    };
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    for (let piece = await reader?.read(); piece?.done === false; piece = await reader?.read()) {
      const lines = (rest + piece.value).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) read(line);
    }
    read(rest);
    if (isComplete === null) throw lost();
    return isComplete;
  }

  async makeDirectory(path: string): Promise<void> {
    await this.#json('POST', '/directories', { path });
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#json('POST', '/rename', { from, to });
  }

  async remove(path: string, type: 'file' | 'directory'): Promise<void> {
    await this.#json('DELETE', `/entries?path=${encodeURIComponent(path)}&type=${type}`);
  }

  async parts(): Promise<readonly Part[]> {
    return ((await this.#json('GET', '/uploads')) as { readonly items: readonly Part[] }).items;
  }

  /** Begins an upload and returns its URL. An empty file is complete then. */
  async beginUpload(path: string, length: number, mtimeSeconds: number): Promise<string> {
    const pairs = Object.entries({ path, mtime: String(mtimeSeconds) });
    const metadata = pairs.map(([name, value]) => `${name} ${base64(value)}`).join(',');
    const headers = { 'upload-length': String(length), 'upload-metadata': metadata };
    const answer = await this.#send('POST', '/uploads', { headers });
    return answer.headers.get('location') ?? '';
  }

  /** Returns the number of bytes of an upload that the gateway has. */
  async uploadOffset(url: string): Promise<number> {
    const answer = await this.#send('HEAD', url.slice(base.length), {});
    return Number(answer.headers.get('upload-offset'));
  }

  async cancelUpload(url: string): Promise<void> {
    await this.#send('DELETE', url.slice(base.length), {});
  }

  #keep(session: Session): Session {
    this.#csrf = session.csrf;
    this.#logins += 1;
    return session;
  }

  async #json(method: string, path: string, body?: unknown): Promise<unknown> {
    const json =
      body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    const answer = await this.#send(method, path, json);
    const text = await answer.text();
    return text === '' ? null : (JSON.parse(text) as unknown);
  }

  async #send(method: string, path: string, { headers, ...init }: RequestInit): Promise<Response> {
    let answer: Response;
    try {
      answer = await fetch(base + path, {
        ...init,
        method,
        headers: { ...this.headers, ...(headers as Record<string, string> | undefined) },
      });
    } catch (error) {
      if (error instanceof DOMException && error.name === 'AbortError') throw error;
      throw lost();
    }
    if (answer.ok) return answer;
    throw failureOf(answer.status, await answer.text());
  }
}

type ListingLine =
  | { readonly kind: 'entries'; readonly entries: readonly Entry[] }
  | { readonly kind: 'end'; readonly isComplete: boolean }
  | { readonly kind: 'failed'; readonly fault: string; readonly detail: string };

/** Returns the failure for an answer: a problem document, or the page of a proxy. */
export function failureOf(status: number, text: string): RequestFailure {
  try {
    const { kind, detail } = JSON.parse(text) as { readonly kind: string; readonly detail: string };
    return new RequestFailure(status, kind, sentence(detail));
  } catch {
    return new RequestFailure(status, '', `The server refused the request (status ${status}).`);
  }
}

/** Returns the failure for a connection that broke. */
export function lost(): RequestFailure {
  return new RequestFailure(0, '', 'The server cannot be reached. Check your connection.');
}

function sentence(detail: string): string {
  const text = detail.charAt(0).toUpperCase() + detail.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

function base64(text: string): string {
  const bytes = new TextEncoder().encode(text);
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}
