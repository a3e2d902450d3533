import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An account of a provider: its claims by the name that logs in. */
export type Accounts = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

export interface ProviderClient {
  readonly id: string;
  readonly secret: string;
  readonly redirectUri: string;
}

interface ProviderConstructor {
  new (
    issuer: string,
    configuration: object,
  ): { callback(): (req: IncomingMessage, res: ServerResponse) => void };
}

/** A running provider. */
export interface RunningProvider {
  readonly issuer: string;
  close(): Promise<void>;
}

/** Starts `oidc-provider`, a certified implementation, with its pages for development. */
export async function startRealProvider(
  { id, secret, redirectUri }: ProviderClient,
  accounts: Accounts,
): Promise<RunningProvider> {
  // The package has no types.
  const name: string = 'oidc-provider';
  const { default: Provider } = (await import(name)) as { readonly default: ProviderConstructor };
  const server = createServer();
  const issuer = await listen(server);
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: id,
        client_secret: secret,
        redirect_uris: [redirectUri],
        grant_types: ['authorization_code'],
        response_types: ['code'],
      },
    ],
    claims: { openid: ['sub'], profile: ['preferred_username'], groups: ['groups'] },
    scopes: ['openid', 'profile', 'groups'],
    pkce: { required: () => true },
    cookies: { keys: ['a key of this test only'] },
    findAccount: (_: unknown, accountId: string) => ({
      accountId,
      claims: () => ({ sub: accountId, ...accounts[accountId] }),
    }),
  });
  server.on('request', provider.callback());
  return { issuer, close: () => close(server) };
}

/** Logs in at the pages of `startRealProvider`, and returns the address that leads back to the client. */
export async function logInAt(start: string, login: string, redirectUri: string): Promise<string> {
  const cookies = new Map<string, string>();
  let url = new URL(start);
  let form: Readonly<Record<string, string>> | null = null;
  for (let step = 0; step < 12; step++) {
    const answer: Response = await fetch(url, {
      redirect: 'manual',
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(form === null ? {} : { method: 'POST', body: new URLSearchParams(form) }),
    });
    for (const text of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(text) ?? [];
      cookies.set(name, value);
    }
    const location = answer.headers.get('location');
    if (location !== null) {
      url = new URL(location, url);
      form = null;
      if (url.href.startsWith(redirectUri)) return url.href;
      continue;
    }
    const page = await answer.text();
    const action = /<form[^>]*action="([^"]+)"/.exec(page)?.[1] ?? '';
    const prompt = /name="prompt" value="([^"]+)"/.exec(page)?.[1] ?? '';
    if (action === '') throw new Error(`the provider shows no form: ${answer.status} ${page.slice(0, 500)}`);
    url = new URL(action, url);
    form = { prompt, login, password: 'any' };
  }
  throw new Error('the login at the provider has no end');
}

/** The faults of a provider of `startForgingProvider` in its next answer. */
export interface Forgery {
  readonly issuer?: string;
  readonly audience?: string;
  readonly nonce?: string;
  readonly expiresInSeconds?: number;
  readonly isSignedByAnother?: boolean;
  readonly isUnsigned?: boolean;
}

/** Starts a provider whose ID tokens are wrong in the way that `next` says. */
export async function startForgingProvider(
  { id }: Pick<ProviderClient, 'id'>,
  next: () => Forgery,
): Promise<RunningProvider> {
  const server = createServer();
  const issuer = await listen(server);
  const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const otherKeys = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const nonces = new Map<string, string>();
  const tokenOf = (nonce: string): string => {
    const wrong = next();
    const seconds = Math.floor(Date.now() / 1000);
    const claims = {
      iss: wrong.issuer ?? issuer,
      aud: wrong.audience ?? id,
      sub: 'mallory',
      preferred_username: 'mallory',
      groups: ['admins'],
      nonce: wrong.nonce ?? nonce,
      iat: seconds - 3600,
      exp: seconds + (wrong.expiresInSeconds ?? 300),
    };
    const header = { alg: wrong.isUnsigned === true ? 'none' : 'RS256', kid: 'one' };
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const signed = `${encode(header)}.${encode(claims)}`;
    const { privateKey } = wrong.isSignedByAnother === true ? otherKeys : keys;
    const signature =
      wrong.isUnsigned === true ? '' : sign('sha256', Buffer.from(signed), privateKey).toString('base64url');
    return `${signed}.${signature}`;
  };
  server.on('request', async (request, response) => {
    const url = new URL(request.url ?? '/', issuer);
    const send = (value: unknown) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(value));
    };
    if (url.pathname === '/.well-known/openid-configuration') {
      send({
        issuer,
        authorization_endpoint: `${issuer}/auth`,
        token_endpoint: `${issuer}/token`,
        jwks_uri: `${issuer}/jwks`,
        response_types_supported: ['code'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['RS256'],
      });
    } else if (url.pathname === '/jwks') {
      send({ keys: [{ ...keys.publicKey.export({ format: 'jwk' }), kid: 'one', use: 'sig', alg: 'RS256' }] });
    } else if (url.pathname === '/auth') {
      const code = createHash('sha256').update(url.search).digest('hex');
      nonces.set(code, url.searchParams.get('nonce') ?? '');
      const back = new URL(url.searchParams.get('redirect_uri') ?? '');
      back.searchParams.set('code', code);
      back.searchParams.set('state', url.searchParams.get('state') ?? '');
      response.writeHead(302, { location: back.href });
      response.end();
    } else {
      const pieces: Buffer[] = [];
      for await (const piece of request) pieces.push(piece as Buffer);
      const code = new URLSearchParams(Buffer.concat(pieces).toString()).get('code') ?? '';
      const id_token = tokenOf(nonces.get(code) ?? '');
      send({ access_token: 'access', token_type: 'Bearer', expires_in: 60, id_token });
    }
  });
  return { issuer, close: () => close(server) };
}

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise<void>((resolve) => server.close(() => resolve()));
}
