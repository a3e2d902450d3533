import { connect, type Socket } from 'node:net';
import { tryPassword } from '../../packages/ssh/server/testing/test-ssh-server.js';
import { SshClient } from '../../packages/ssh/testing/ssh-client.js';
import { Message } from '../../packages/ssh/wire/message-numbers.js';

/** `accepted`, `refused`, or the text or error with which the connection ended. */
export type LoginOutcome = string;

/** Connects to the gateway on loopback from a loopback address, which stands for another host. */
export function connectFrom(port: number, localAddress = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  socket.on('error', () => undefined);
  return new Promise((resolve, reject) => {
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
  });
}

export interface PasswordLogin {
  readonly username: string;
  readonly password: string;
  readonly from?: string;
  /** Sent before the identification, such as a PROXY header. */
  readonly firstBytes?: Uint8Array;
}

/** Logs in with a password on a new connection, and closes it. */
export async function passwordLogin(port: number, login: PasswordLogin): Promise<LoginOutcome> {
  try {
    const socket = await connectFrom(port, login.from);
    try {
      if (login.firstBytes !== undefined) socket.write(login.firstBytes);
      const client = await SshClient.connect({ stream: socket });
      await client.requestService();
      const answer = await tryPassword(client, login.username, login.password);
      return answer === Message.userauthSuccess ? 'accepted' : 'refused';
    } finally {
      socket.destroy();
    }
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Connections that guess the passwords of a user, one attempt after another, until they are stopped. */
export class Guessers {
  readonly #port: number;
  readonly #from: string;
  readonly #username: string;
  readonly #sockets = new Set<Socket>();
  #isStopped = false;
  #attempts = 0;
  readonly #loops: Promise<void>[] = [];

  constructor(port: number, username: string, connections: number, from: string) {
    this.#port = port;
    this.#username = username;
    this.#from = from;
    for (let number = 0; number < connections; number++) this.#loops.push(this.#guess(number));
  }

  /** Passwords sent so far. */
  get attempts(): number {
    return this.#attempts;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(this.#loops);
  }

  async #guess(number: number): Promise<void> {
    while (!this.#isStopped) {
      try {
        const socket = await connectFrom(this.#port, this.#from);
        this.#sockets.add(socket);
        socket.once('close', () => this.#sockets.delete(socket));
        const client = await SshClient.connect({ stream: socket });
        await client.requestService();
        for (let guess = 0; guess < 10 && !this.#isStopped; guess++) {
          this.#attempts += 1;
          await tryPassword(client, this.#username, `guess ${number} ${guess}`);
        }
        socket.destroy();
      } catch {
        // The gateway ended the connection. A real attacker waits for the network; this keeps the test's own CPU for the gateway.
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }
}
