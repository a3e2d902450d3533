import type { TestUserKey } from '../../testing/user-keys.js';
import { ProtocolError } from '../../wire/fault.js';
import { Message } from '../../wire/message-numbers.js';
import { WireReader } from '../../wire/reader.js';
import { encodeString, WireWriter } from '../../wire/writer.js';
import type { Refusal } from '../auth-events.js';
import { Authentication } from '../authentication.js';
import type { Authenticator, Login } from '../authenticator.js';
import type { AuthLimits } from '../limits.js';

/** A message of the server, or its end of the connection. */
export type Answer =
  | { readonly kind: 'failure'; readonly methods: readonly string[]; readonly isPartial: boolean }
  | { readonly kind: 'success' }
  | { readonly kind: 'banner'; readonly text: string }
  | { readonly kind: 'keyAcceptable'; readonly algorithm: string; readonly blob: Buffer }
  | {
      readonly kind: 'prompts';
      readonly name: string;
      readonly instruction: string;
      readonly prompts: readonly string[];
    }
  | { readonly kind: 'disconnect'; readonly reason: number; readonly text: string };

/** A signed or unsigned publickey request. */
export interface KeyRequest {
  readonly key: TestUserKey;
  /** The certificate; the key itself when absent. */
  readonly blob?: Buffer;
  readonly algorithm?: string;
  /** Replaces the signature. */
  readonly signature?: Buffer;
  readonly sessionId?: Buffer;
  readonly fidoFlags?: number;
}

/** A client that speaks to an `Authentication` layer without a transport. */
export class TestClient {
  readonly sessionId = Buffer.alloc(32, 9);
  readonly layer: Authentication;
  readonly refusals: Refusal[] = [];
  readonly logins: Login[] = [];
  readonly busy: string[] = [];
  readonly failures: unknown[] = [];
  /** Milliseconds of each delay, in order. Delays pass at once. */
  readonly delaysMs: number[] = [];
  /** The monotonic time of the layer. A test moves it. */
  elapsedMs = 0;
  nowMs = Date.UTC(2026, 0, 1);
  username = 'alice';
  service = 'ssh-connection';
  readonly #answers: Answer[] = [];
  readonly #waiting: ((answer: Answer) => void)[] = [];

  constructor(authenticator: Authenticator, limits: Partial<AuthLimits> = {}, address = '192.0.2.7') {
    this.layer = new Authentication({
      sender: {
        sessionId: this.sessionId,
        backlogBytes: 0,
        send: (...pieces) => this.#received(readAnswer(Buffer.concat(pieces))),
        disconnect: (reason, text) => this.#received({ kind: 'disconnect', reason, text }),
      },
      address,
      authenticator,
      limits,
      events: {
        loggedIn: (login) => this.logins.push(login),
        refused: (refusal) => this.refusals.push(refusal),
        busy: (username) => this.busy.push(username),
        failed: (_username, error) => this.failures.push(error),
      },
      clock: {
        nowMs: () => this.elapsedMs,
        after: (delayMs, call) => {
          this.delaysMs.push(delayMs);
          queueMicrotask(call);
          return { cancel: () => undefined };
        },
      },
      dateMs: () => this.nowMs,
    });
  }

  /** Answers that the test has not read. */
  get unread(): readonly Answer[] {
    return this.#answers;
  }

  /** Resolves to the next answer. */
  answer(): Promise<Answer> {
    const answer = this.#answers.shift();
    if (answer !== undefined) return Promise.resolve(answer);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Delivers a message as a transport does: its buffer is not valid after the call. */
  send(message: Buffer): void {
    const lent = Buffer.from(message);
    try {
      this.layer.message(lent[0] ?? 0, lent);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.layer.closed();
      this.#received({ kind: 'disconnect', reason: error.reason, text: error.message });
    } finally {
      lent.fill(0xee);
    }
  }

  /** Sends a USERAUTH_REQUEST and resolves to the answer. */
  request(method: string, fields: Buffer = Buffer.alloc(0)): Promise<Answer> {
    this.send(Buffer.concat([this.#head(method), fields]));
    return this.answer();
  }

  none(): Promise<Answer> {
    return this.request('none');
  }

  password(password: string | Buffer): Promise<Answer> {
    return this.request('password', new WireWriter().boolean(false).string(password).finish());
  }

  keyboard(): Promise<Answer> {
    return this.request('keyboard-interactive', new WireWriter().string('').string('').finish());
  }

  answers(...answers: readonly (string | Buffer)[]): Promise<Answer> {
    const writer = new WireWriter().u8(Message.userauthInfoResponse).u32(answers.length);
    for (const answer of answers) writer.string(answer);
    this.send(writer.finish());
    return this.answer();
  }

  /** Asks whether a key is acceptable. */
  query(request: KeyRequest): Promise<Answer> {
    const { key, blob = key.blob, algorithm = defaultAlgorithm(key) } = request;
    return this.request('publickey', new WireWriter().boolean(false).string(algorithm).string(blob).finish());
  }

  /** Logs in with a key. */
  sign(request: KeyRequest): Promise<Answer> {
    const { key, blob = key.blob, algorithm = defaultAlgorithm(key), fidoFlags = 1 } = request;
    const fields = new WireWriter().boolean(true).string(algorithm).string(blob).finish();
    const signed = Buffer.concat([
      encodeString(request.sessionId ?? this.sessionId),
      this.#head('publickey'),
      fields,
    ]);
    const name = algorithm.replace('-cert-v01@openssh.com', key.type.startsWith('sk-') ? '@openssh.com' : '');
    const signature = request.signature ?? key.sign(signed, name, { flags: fidoFlags, counter: 1 });
    return this.request('publickey', Buffer.concat([fields, encodeString(signature)]));
  }

  #head(method: string): Buffer {
    return new WireWriter()
      .u8(Message.userauthRequest)
      .string(this.username)
      .string(this.service)
      .string(method)
      .finish();
  }

  #received(answer: Answer): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#answers.push(answer);
    else waiting(answer);
  }
}

function defaultAlgorithm(key: TestUserKey): string {
  return key.type === 'ssh-rsa' ? 'rsa-sha2-512' : key.type;
}

function readAnswer(payload: Buffer): Answer {
  const reader = new WireReader(payload);
  switch (reader.u8()) {
    case Message.userauthFailure:
      return { kind: 'failure', methods: reader.nameList(), isPartial: reader.boolean() };
    case Message.userauthSuccess:
      return { kind: 'success' };
    case Message.userauthBanner:
      return { kind: 'banner', text: reader.text() };
    default:
      break;
  }
  // Message 60 depends on the method: a PK_OK begins with an algorithm and ends behind a key.
  const first = reader.text();
  const second = Buffer.from(reader.string());
  if (reader.remainingBytes === 0) return { kind: 'keyAcceptable', algorithm: first, blob: second };
  reader.string();
  const prompts: string[] = [];
  for (let count = reader.u32(); count > 0; count--)
    prompts.push(`${reader.text()}${reader.boolean() ? '' : '*'}`);
  reader.end();
  return { kind: 'prompts', name: first, instruction: second.toString(), prompts };
}
