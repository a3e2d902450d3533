import { generateKeyPairSync } from 'node:crypto';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { hostKeyOf } from '../../host-keys/host-key.js';
import { serverSignatureAlgorithms } from '../../keys/signature-algorithms.js';
import { silentLog } from '../../transport/events.js';
import { defaultTransportLimits } from '../../transport/limits.js';
import { Transport } from '../../transport/transport.js';
import { DisconnectReason } from '../../wire/disconnect-reasons.js';
import type { Refusal } from '../auth-events.js';
import { Authentication } from '../authentication.js';
import type { Authenticator, Login } from '../authenticator.js';

/** A server that ends every connection after its login, with the methods in the text. For tests with other clients. */
export class LoginServer {
  readonly refusals: Refusal[] = [];
  readonly logins: Login[] = [];
  readonly #server: Server;

  constructor(authenticator: Authenticator) {
    const hostKeys = [hostKeyOf(generateKeyPairSync('ed25519').privateKey)];
    this.#server = createServer({ pauseOnConnect: true }, (stream) => {
      const transport = new Transport({
        stream,
        hostKeys,
        ident: 'test',
        limits: defaultTransportLimits,
        log: silentLog,
        signatureAlgorithms: serverSignatureAlgorithms,
        onEvent: (event) => {
          if (event.kind === 'userauth') transport.setLayer(layer);
        },
      });
      const layer = new Authentication({
        sender: transport,
        address: stream.remoteAddress ?? '',
        authenticator,
        events: {
          loggedIn: (login) => {
            this.logins.push(login);
            transport.loggedIn();
            transport.disconnect(
              DisconnectReason.byApplication,
              `logged in with ${login.methods.join(' and ')}`,
            );
          },
          refused: (refusal) => this.refusals.push(refusal),
          busy: () => undefined,
          failed: (_username, error) => {
            throw error;
          },
        },
      });
      transport.start();
    });
  }

  /** Listens on a free port and returns it. */
  listen(): Promise<number> {
    return new Promise((resolve) => {
      this.#server.listen(0, '127.0.0.1', () => resolve((this.#server.address() as AddressInfo).port));
    });
  }

  close(): void {
    this.#server.close();
  }
}
