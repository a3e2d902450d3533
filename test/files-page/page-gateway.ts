import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { type ApiAnswer, ApiClient, type ApiRequestOptions } from '../support/api-client.js';
import {
  type Gateway,
  type GatewayOptions,
  consoleUrl as latestConsoleUrl,
  type TestUser,
} from '../support/gateway.js';
import { type BucketAccess, sdkClient } from '../support/gateway-targets.js';
import { eventually } from '../support/wait.js';

export const password = 'a password for the page';

/** The options of a gateway that serves the files page on a free port. */
export const pageOptions = {
  logLevel: 'debug',
  env: { SFTPGW_CONSOLE_LISTEN: '127.0.0.1:0', SFTPGW_FILES_ENABLED: 'yes' },
} satisfies Omit<GatewayOptions, 's3'>;

/** Waits until the console listens, and returns its URL. `before` is the URL of an earlier process. */
export async function consoleUrl(gateway: Gateway, before: string | null = null): Promise<string> {
  return await eventually('the console listens at another URL', async () => {
    const found = await latestConsoleUrl(gateway);
    return found === before ? null : found;
  });
}

/** Returns the pid of the console's process, a child of the gateway. */
export function consolePid(gateway: Gateway): number {
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const parent = / (\d+) /.exec(readFileSync(`/proc/${name}/stat`, 'utf8').replace(/^.*\) \S/, ''))?.[1];
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8');
      if (Number(parent) === gateway.pid && command.includes('lib/console.js')) return Number(name);
    } catch {
      // The process has ended.
    }
  }
  throw new Error('the console does not run');
}

/** Returns a client of the API as an administrator on the gateway's machine. */
export function adminOf(gateway: Gateway): ApiClient {
  return ApiClient.onSocket(join(gateway.root, 'var/lib/sftpgw/control.sock'), 'admin');
}

/** Adds a user with SSE-C and a password, and more lines for user.properties. */
export async function addPageUser(
  gateway: Gateway,
  username: string,
  properties: readonly string[] = [],
): Promise<void> {
  const body = { username, password, encryption: 'sse-c', generateKey: true };
  const { status, bytes } = await adminOf(gateway).request('POST', '/api/users', { body });
  if (status !== 201) throw new Error(`the user was not added: ${bytes}`);
  setProperties(gateway, username, properties);
}

/** Appends lines to user.properties of a user. */
export function setProperties(gateway: Gateway, username: string, lines: readonly string[]): void {
  const path = join(gateway.root, 'home', username, '.sftpgateway/user.properties');
  writeFileSync(path, `${readFileSync(path, 'utf8')}\n${lines.join('\n')}\n`);
}

/** Changes settings of a user through the API; null removes the user. */
export async function changePageUser(
  gateway: Gateway,
  username: string,
  body: Readonly<Record<string, unknown>> | null,
): Promise<void> {
  const admin = adminOf(gateway);
  const path = `/api/users/${username}`;
  const { headers } = await admin.request('GET', path);
  const match = { 'if-match': headers.etag ?? '' };
  const { status, bytes } =
    body === null
      ? await admin.request('DELETE', path, { headers: match })
      : await admin.request('PATCH', path, { headers: match, body });
  if (status !== 200) throw new Error(`the user was not changed: ${bytes}`);
}

/** A browser without its pages: it keeps the cookie, and sends the token of the session. */
export class PageBrowser {
  readonly #client: ApiClient;
  cookie: string | null = null;
  csrf: string | null = null;

  /** `from` is a loopback address, which stands for another host. */
  constructor(url: string, from = '127.0.0.1') {
    const { hostname: host, port } = new URL(url);
    this.#client = new ApiClient({ host, port, localAddress: from }, {});
  }

  /** Sends a request of the page. */
  async request(method: string, path: string, options: ApiRequestOptions = {}): Promise<ApiAnswer> {
    const own = {
      ...(this.cookie === null ? {} : { cookie: this.cookie }),
      ...(this.csrf === null ? {} : { 'x-sftpgw-csrf': this.csrf }),
    };
    const answer = await this.#client.request(method, `/files/api${path}`, {
      ...options,
      headers: { ...own, ...options.headers },
    });
    const [set] = answer.headers['set-cookie'] ?? [];
    const cookie = set?.split(';')[0];
    if (cookie !== undefined) this.cookie = cookie.endsWith('=') ? null : cookie;
    return answer;
  }

  async login(username: string, text = password, code?: string): Promise<ApiAnswer> {
    const body = { username, password: text, ...(code === undefined ? {} : { code }) };
    const answer = await this.request('POST', '/login', { body });
    const { csrf } = (answer.json ?? {}) as { readonly csrf?: string };
    this.csrf = csrf ?? this.csrf;
    return answer;
  }

  async loginOk(username: string): Promise<this> {
    const answer = await this.login(username);
    if (answer.status !== 200) throw new Error(`login answered ${answer.status}: ${answer.bytes}`);
    return this;
  }

  /** Returns the entries of a directory. */
  async list(path: string): Promise<readonly { readonly name: string; readonly size: number }[]> {
    const answer = await this.request('GET', `/list?path=${encodeURIComponent(path)}`);
    if (answer.status !== 200) throw new Error(`list answered ${answer.status}: ${answer.bytes}`);
    const lines = answer.bytes.toString('utf8').trim().split('\n');
    return lines.flatMap((line) => (JSON.parse(line) as { entries?: [] }).entries ?? []);
  }

  /** Begins an upload. */
  begin(path: string, length: number, mtimeSeconds = 1_700_000_000): Promise<ApiAnswer> {
    const metadata = Object.entries({ path, mtime: String(mtimeSeconds) })
      .map(([name, value]) => `${name} ${Buffer.from(value).toString('base64')}`)
      .join(',');
    return this.request('POST', '/uploads', {
      headers: { ...tus, 'upload-length': String(length), 'upload-metadata': metadata },
    });
  }

  /** Sends the content from an offset on. `upload` is the answer's Location. */
  patch(upload: string, offset: number, content: Buffer): Promise<ApiAnswer> {
    return this.request('PATCH', upload.slice('/files/api'.length), {
      headers: { ...tus, ...contentType, 'upload-offset': String(offset) },
      body: content,
    });
  }

  /** Returns the number of bytes that the gateway has. */
  async offset(upload: string): Promise<number> {
    const answer = await this.request('HEAD', upload.slice('/files/api'.length), { headers: tus });
    if (answer.status !== 200) throw new Error(`HEAD answered ${answer.status}`);
    return Number(answer.headers['upload-offset']);
  }

  /** Sends a whole file. Returns the last answer. */
  async upload(path: string, content: Buffer): Promise<ApiAnswer> {
    const begun = await this.begin(path, content.length);
    if (begun.status !== 201 || content.length === 0) return begun;
    return await this.patch(begun.headers.location ?? '', 0, content);
  }

  /** Sends a part of the content, and breaks the connection once the gateway has `atLeast` bytes. */
  async interrupt(url: string, upload: string, content: Buffer, sent: number): Promise<void> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    socket.on('error', () => undefined);
    const head = [
      `PATCH ${upload} HTTP/1.1`,
      'host: x',
      `cookie: ${this.cookie}`,
      `x-sftpgw-csrf: ${this.csrf}`,
      'tus-resumable: 1.0.0',
      'content-type: application/offset+octet-stream',
      'upload-offset: 0',
      `content-length: ${content.length}`,
    ];
    socket.write(`${head.join('\r\n')}\r\n\r\n`);
    await new Promise<void>((resolve) => socket.write(content.subarray(0, sent), () => resolve()));
    socket.destroy();
  }
}

const tus = { 'tus-resumable': '1.0.0' };
const contentType = { 'content-type': 'application/offset+octet-stream' };

/** Returns an object's content, decrypted with the user's key by another client. */
export async function objectBytes(access: BucketAccess, user: TestUser, key: string): Promise<Buffer> {
  const client = sdkClient(access);
  try {
    const { Body } = await client.send(
      new GetObjectCommand({
        Bucket: access.bucket,
        Key: key,
        SSECustomerAlgorithm: 'AES256',
        SSECustomerKey: user.key.toString('base64'),
        SSECustomerKeyMD5: createHash('md5').update(user.key).digest('base64'),
      }),
    );
    return Buffer.from((await Body?.transformToByteArray()) ?? []);
  } finally {
    client.destroy();
  }
}
