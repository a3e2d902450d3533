import type { FastifyInstance } from 'fastify';
import type { Static } from 'typebox';
import Type from 'typebox';
import { RequestChecks } from '../api/server/validation.js';
import { Fault } from '../model/fault.js';
import type { PageSessions } from '../model/files-page.js';
import type { UserDirectory } from '../model/users.js';
import { sourceOf } from '../users/addresses.js';
import type { FilesPageBounds } from './bounds.js';
import type { PageLogin } from './login.js';
import type { PageClients } from './page-clients.js';
import { pageRoute } from './page-route.js';
import { cookieOf, requireSameSite } from './request-facts.js';
import type { PageRequests } from './requests.js';
import { sessionView } from './tree/routes.js';

const typedLogin = Type.Object(
  {
    username: Type.String({ minLength: 1, maxLength: 64 }),
    password: Type.String({ minLength: 1, maxLength: 1024 }),
    code: Type.Optional(Type.String({ maxLength: 16 })),
  },
  { additionalProperties: false },
);

export interface LoginRouteServices {
  readonly login: PageLogin;
  readonly clients: PageClients;
  readonly requests: PageRequests;
  readonly sessions: PageSessions;
  readonly users: Pick<UserDirectory, 'settings'>;
  readonly bounds: Pick<FilesPageBounds, 'maxLogins' | 'maxLoginsPerSource'>;
}

/** Adds login and logout. */
export function addLogin(server: FastifyInstance, services: LoginRouteServices): void {
  const { login, clients, requests, sessions, users } = services;
  const checks = new RequestChecks({ parameters: null, query: null, body: typedLogin });
  const places = new LoginPlaces(services.bounds);
  server.route({
    method: 'POST',
    url: '/files/api/login',
    onRequest: async (request) => void requests.admit(request),
    handler: async (request, reply) => {
      const { address, isSecure, secret: before } = requests.admit(request);
      // The content type, which other sites cannot send, and this header stand for the token of a session.
      requireSameSite(request.headers, null);
      const { body } = checks.parse({ parameters: {}, query: request.query, body: request.body });
      const call = requests.callOf(request, reply);
      using _ = places.take(address);
      void reply.headers({ 'cache-control': 'no-store', 'x-request-id': request.id });
      const answer = await login.run(call, address, body as Static<typeof typedLogin>);
      if (answer.kind === 'needs-code') return { needsCode: true };
      const old = before === null ? null : await sessions.find(before);
      if (old !== null) await clients.end(old.id);
      void reply.header('set-cookie', cookieOf(answer.secret, isSecure));
      return await sessionView(call, users, answer.client, answer.secret);
    },
  });
  requests.add(
    server,
    pageRoute({
      method: 'POST',
      path: '/files/api/logout',
      handle: async ({ client, facts, reply }) => {
        const { id } = client.session;
        await sessions.end(id);
        // Closing the client waits for its requests, of which this is one.
        reply.raw.once('close', () => void clients.end(id).catch(() => undefined));
        void reply.code(204).header('set-cookie', cookieOf(null, facts.isSecure));
      },
    }),
  );
}

/** The logins in work. One source cannot take the places of all. */
class LoginPlaces {
  readonly #bounds: LoginRouteServices['bounds'];
  readonly #bySource = new Map<string, number>();
  #count = 0;

  constructor(bounds: LoginRouteServices['bounds']) {
    this.#bounds = bounds;
  }

  /** Takes a place until it is disposed. Throws `throttled`. */
  take(address: string): Disposable {
    const source = sourceOf(address);
    const ofSource = this.#bySource.get(source) ?? 0;
    if (this.#count >= this.#bounds.maxLogins || ofSource >= this.#bounds.maxLoginsPerSource) {
      throw new Fault('throttled', 'too many logins at the moment: try again in a second');
    }
    this.#count += 1;
    this.#bySource.set(source, ofSource + 1);
    return {
      [Symbol.dispose]: () => {
        this.#count -= 1;
        const left = (this.#bySource.get(source) ?? 1) - 1;
        if (left > 0) this.#bySource.set(source, left);
        else this.#bySource.delete(source);
      },
    };
  }
}
