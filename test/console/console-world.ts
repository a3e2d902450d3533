import { join } from 'node:path';
import type { Browser, Cookie } from 'playwright-core';
import { createSshKeyPair } from '../../src/sftp/ssh-key-pair.js';
import { TotpSecret } from '../../src/users/logins/totp.js';
import { WebhookReceiver } from '../../src/webhooks/testing/receiver.js';
import { ApiClient } from '../support/api-client.js';
import { startBrowser, type View, Visit } from '../support/browser.js';
import { consoleUrl, type Gateway, type TestUser } from '../support/gateway.js';
import type { BucketAccess, GatewayTarget } from '../support/gateway-targets.js';
import { Browser as HttpBrowser } from '../support/http-browser.js';

type Json = Readonly<Record<string, unknown>>;

/** Objects of each user. */
export const objectsEach = 6;
const names = ['acme', 'borealis', 'cobalt'] as const;

/** A gateway with people, users, objects and a running rotation, and a browser. */
export class ConsoleWorld implements AsyncDisposable {
  readonly gateway: Gateway;
  readonly access: BucketAccess;
  readonly browser: Browser;
  readonly url: string;
  /** Receives the messages of webhooks. */
  readonly receiver: WebhookReceiver;
  /** A user whose key the test knows. */
  readonly bob: TestUser;
  readonly #cookies = new Map<string, readonly Pick<Cookie, 'name' | 'value'>[]>();

  private constructor(parts: {
    readonly gateway: Gateway;
    readonly access: BucketAccess;
    readonly browser: Browser;
    readonly url: string;
    readonly receiver: WebhookReceiver;
    readonly bob: TestUser;
  }) {
    ({
      gateway: this.gateway,
      access: this.access,
      browser: this.browser,
      url: this.url,
      receiver: this.receiver,
      bob: this.bob,
    } = parts);
  }

  /** Starts everything. `alice` is an admin, `bill` a custodian. */
  static async start(target: GatewayTarget): Promise<ConsoleWorld> {
    const receiver = await WebhookReceiver.start({ secure: false });
    const [gateway, browser] = await Promise.all([
      target.start({
        env: { SFTPGW_CONSOLE_LISTEN: '127.0.0.1:0' },
        properties: { 'webhooks.allow.http': 'yes', 'webhooks.allow.private': '127.0.0.1' },
      }),
      startBrowser(),
    ]);
    const [access, url, bob] = await Promise.all([
      target.access(gateway),
      consoleUrl(gateway),
      gateway.addUser('bob'),
    ]);
    const world = new ConsoleWorld({ gateway, access, browser, url, receiver, bob });
    try {
      await world.#fill();
    } catch (error) {
      await world[Symbol.asyncDispose]();
      throw error;
    }
    return world;
  }

  async #fill(): Promise<void> {
    const publicKeys = [createSshKeyPair('partner').publicKey];
    await Promise.all(
      names.map((username) =>
        this.ask('POST', '/api/users', { username, publicKeys, encryption: 'sse-c', generateKey: true }),
      ),
    );
    await Promise.all([
      ...[...names, 'bob'].map((name) => this.#upload(name)),
      this.#enrol('alice', 'admin'),
      this.#enrol('bill', 'custodian'),
    ]);
  }

  /** The API as an admin sees it over the socket. */
  get admin(): ApiClient {
    return ApiClient.onSocket(join(this.gateway.root, 'var/lib/sftpgw/control.sock'), 'admin');
  }

  /** Calls the API as an admin, and returns the answer. Throws for a status that is not a success. */
  async ask(method: string, path: string, body?: unknown): Promise<Json> {
    const { status, json, bytes } = await this.admin.request(
      method,
      path,
      body === undefined ? {} : { body },
    );
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${bytes.toString()}`);
    return (json ?? {}) as Json;
  }

  /** Returns the fingerprint of a user's key. */
  async keyOf(username: string): Promise<string> {
    return String((await this.ask('GET', `/api/users/${username}`))['keyId']);
  }

  /** Returns the key of each object of a user. */
  async keysOfObjects(username: string): Promise<readonly string[]> {
    const query = new URLSearchParams({
      bucket: this.access.bucket,
      prefix: `${username}/`,
      recursive: 'true',
    });
    const { items } = await this.ask('GET', `/api/objects?${query}`);
    return (items as readonly { readonly encryption: Json }[]).map(({ encryption }) =>
      String(encryption['keyId']),
    );
  }

  /** Opens a window in which this person is logged in. */
  async open(name: string, view: View): Promise<Visit> {
    const visit = await Visit.open(this.browser, this.url, view, null);
    const cookies = this.#cookies.get(name) ?? [];
    await visit.page.context().addCookies(cookies.map((cookie) => ({ ...cookie, url: this.url })));
    return visit;
  }

  async #upload(username: string): Promise<void> {
    for (let number = 0; number < objectsEach; number += 1) {
      const key = `${username}/uploads/report-${number}.csv`;
      const query = new URLSearchParams({ bucket: this.access.bucket, key });
      const { status } = await this.admin.request('PUT', `/api/objects/content?${query}`, {
        headers: { 'content-type': 'application/octet-stream' },
        body: Buffer.alloc(100 + number, username),
      });
      if (status >= 300) throw new Error(`the upload of ${key} answered ${status}`);
    }
  }

  /** Adds a person, and logs them in as the link asks for it. */
  async #enrol(name: string, role: string): Promise<void> {
    const { link } = await this.ask('POST', '/api/admins', { name, role });
    const token = String(link).split('#')[1];
    const http = new HttpBrowser(this.url);
    const { ticket, totp } = await http.json('POST', '/api/welcome', { token });
    const code = TotpSecret.parse(String((totp as Json)['secret'])).codeAt(Date.now());
    const passphrase = `the long passphrase of ${name}`;
    await http.json('POST', '/api/welcome/finish', { token, ticket, passphrase, code });
    this.#cookies.set(
      name,
      [...http.cookies].map(([cookie, value]) => ({ name: cookie, value })),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.browser.close();
    await this.gateway[Symbol.asyncDispose]();
    await this.receiver[Symbol.asyncDispose]();
  }
}
