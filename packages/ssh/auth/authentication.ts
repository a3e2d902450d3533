import type { PublicKey } from '../keys/public-key.js';
import { type Clock, systemClock } from '../transport/clock.js';
import type { MessageLayer, MessageSender } from '../transport/layer.js';
import { DisconnectReason } from '../wire/disconnect-reasons.js';
import { ProtocolError, protocolFault } from '../wire/fault.js';
import { Message } from '../wire/message-numbers.js';
import { AttemptTally } from './attempt-tally.js';
import type { AuthenticationEvents, Refusal } from './auth-events.js';
import {
  bannerMessage,
  failureMessage,
  keyAcceptableMessage,
  promptsMessage,
  successMessage,
} from './auth-messages.js';
import { type AuthRequest, type PublicKeyRequest, readAnswers, readAuthRequest } from './auth-request.js';
import type {
  Authenticator,
  CredentialDecision,
  Dialogue,
  MethodName,
  PromptRound,
  UsedKey,
  UserAuthentication,
} from './authenticator.js';
import { type AuthLimits, defaultAuthLimits } from './limits.js';
import { checkPublicKey } from './public-key-method.js';
import { delay, refusalDelayMs } from './refusal-delay.js';

/** The parts of an `Authentication`. */
export interface AuthenticationOptions {
  readonly sender: MessageSender;
  /** The peer's address: that of the PROXY protocol if it is in use. */
  readonly address: string;
  readonly authenticator: Authenticator;
  readonly events: AuthenticationEvents;
  readonly limits?: Partial<AuthLimits>;
  /** Time for delays. */
  readonly clock?: Clock;
  /** Returns the date in milliseconds since the epoch, for the validity of certificates. */
  readonly dateMs?: () => number;
}

export type { AuthenticationEvents, Refusal } from './auth-events.js';

const connectionService = 'ssh-connection';
const busyText = 'the server is busy: try again in a few seconds';

/** A keyboard-interactive dialogue that waits for answers. */
interface OpenDialogue {
  readonly dialogue: Dialogue;
  readonly prompts: number;
  readonly round: number;
}

/**
 * The user authentication protocol of one connection (RFC 4252, RFC 4256). Requests are checked one after another in the order in
 * which they arrive. Refusals have the same text, the same list of methods and the same delay for every user.
 */
export class Authentication implements MessageLayer {
  readonly tally = new AttemptTally();
  readonly #sender: MessageSender;
  readonly #address: string;
  readonly #authenticator: Authenticator;
  readonly #events: AuthenticationEvents;
  readonly #limits: AuthLimits;
  readonly #clock: Clock;
  readonly #dateMs: () => number;
  readonly #abort = new AbortController();
  readonly #queue: Buffer[] = [];
  readonly #passed: MethodName[] = [];
  readonly #usedKeys: UsedKey[] = [];
  readonly #usedPublicKeys: PublicKey[] = [];
  readonly #advice = new Set<string>();
  #queuedBytes = 0;
  #isRunning = false;
  #isEnded = false;
  #isNoneFree = true;
  #acceptedQueries = 0;
  #username: string | null = null;
  #user: UserAuthentication | null = null;
  #dialogue: OpenDialogue | null = null;

  constructor(options: AuthenticationOptions) {
    this.#sender = options.sender;
    this.#address = options.address;
    this.#authenticator = options.authenticator;
    this.#events = options.events;
    this.#limits = { ...defaultAuthLimits, ...options.limits };
    this.#clock = options.clock ?? systemClock;
    this.#dateMs = options.dateMs ?? Date.now;
  }

  /** The name of the first request. Null before it. */
  get username(): string | null {
    return this.#username;
  }

  message(type: number, payload: Buffer): void {
    // RFC 4252 section 5.1: requests behind a successful one are ignored.
    if (this.#isEnded) return;
    if (type !== Message.userauthRequest && type !== Message.userauthInfoResponse) {
      throw protocolFault(`message ${type} during authentication`);
    }
    if (
      this.#queue.length >= this.#limits.maxQueuedRequests ||
      this.#queuedBytes + payload.length > this.#limits.maxQueuedBytes
    ) {
      throw protocolFault('too many authentication requests at once');
    }
    this.#queue.push(Buffer.from(payload));
    this.#queuedBytes += payload.length;
    if (!this.#isRunning) void this.#run();
  }

  drained(): void {}

  closed(): void {
    this.#end();
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    this.#isRunning = true;
    try {
      for (;;) {
        const payload = this.#queue.shift();
        if (payload === undefined || this.#isEnded) break;
        this.#queuedBytes -= payload.length;
        await this.#handle(payload);
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isRunning = false;
    }
  }

  async #handle(payload: Buffer): Promise<void> {
    const startedMs = this.#clock.nowMs();
    const open = this.#dialogue;
    this.#dialogue = null;
    if (payload[0] === Message.userauthInfoResponse) {
      if (open === null) throw protocolFault('answers without a question');
      await this.#takeAnswers(open, payload, startedMs);
      return;
    }
    const request = readAuthRequest(payload, this.#limits);
    const user = await this.#userOf(request);
    if (this.#isEnded) return;
    // RFC 4256 section 3.1: a new request ends the dialogue.
    if (open !== null) {
      this.#count('keyboard-interactive', 'the client ended the dialogue');
      if (this.#endsAfterTooMany()) return;
    }
    await this.#dispatch(request, user, startedMs);
  }

  async #userOf({ username: text, service }: AuthRequest): Promise<UserAuthentication> {
    if (service !== connectionService) {
      throw new ProtocolError(DisconnectReason.serviceNotAvailable, 'the only service is ssh-connection');
    }
    const username = this.#authenticator.accountOf?.(text) ?? text;
    if (this.#username !== null && this.#username !== username) {
      throw protocolFault('the user name changed during authentication');
    }
    this.#username = username;
    this.#user ??= await this.#authenticator.begin(username, this.#address, this.#abort.signal);
    return this.#user;
  }

  async #dispatch(request: AuthRequest, user: UserAuthentication, startedMs: number): Promise<void> {
    const { method } = request;
    if (method === 'none' && this.#isNoneFree) {
      this.#isNoneFree = false;
      await this.#sendFailure(startedMs);
      return;
    }
    if (method === 'none' || method === 'other' || !user.methods(this.#passed).includes(method)) {
      await this.#refuse(method, 'the method is not offered', startedMs);
      return;
    }
    if (method === 'publickey') return this.#tryKey(request, user, startedMs);
    if (method === 'password') {
      const { password, isChange } = request;
      if (isChange || password === null) {
        const reason = isChange ? 'the request changes the password' : 'the password is not UTF-8';
        return this.#refuse(method, reason, startedMs);
      }
      return this.#decide(method, await user.password(password), startedMs);
    }
    const dialogue = user.dialogue();
    this.#ask(dialogue, await dialogue.start(), 1);
  }

  async #tryKey(request: PublicKeyRequest, user: UserAuthentication, startedMs: number): Promise<void> {
    const result = await checkPublicKey(request, {
      user,
      username: this.#username ?? '',
      address: this.#address,
      sessionId: this.#sender.sessionId,
      nowMs: this.#dateMs(),
      usedKeys: this.#usedPublicKeys,
    });
    if (this.#isEnded) return;
    if (result.outcome === 'refused') {
      if (result.advice !== null) this.#advise(result.advice);
      const { reason, fingerprint } = result;
      return this.#refuse('publickey', reason, startedMs, {
        fingerprint,
        isQuery: request.signature === null,
      });
    }
    if (result.outcome === 'accepted') {
      this.#usedKeys.push(result.used);
      this.#usedPublicKeys.push(result.key);
      this.#pass('publickey');
      return;
    }
    this.#acceptedQueries += 1;
    if (this.#acceptedQueries > this.#limits.maxAcceptedQueries) throw protocolFault('too many key queries');
    this.#sender.send(keyAcceptableMessage(request.algorithm, request.blob));
  }

  async #takeAnswers(
    { dialogue, prompts, round }: OpenDialogue,
    payload: Buffer,
    startedMs: number,
  ): Promise<void> {
    const answers = readAnswers(payload, prompts, this.#limits);
    if (answers === null) {
      return this.#refuse('keyboard-interactive', 'the answers do not match the questions', startedMs);
    }
    const next = await dialogue.respond(answers);
    if (typeof next === 'string') return this.#decide('keyboard-interactive', next, startedMs);
    if (round >= this.#limits.maxPromptRounds) {
      return this.#refuse('keyboard-interactive', 'the dialogue has too many rounds', startedMs);
    }
    this.#ask(dialogue, next, round + 1);
  }

  #ask(dialogue: Dialogue, next: PromptRound, round: number): void {
    if (this.#isEnded) return;
    this.#dialogue = { dialogue, prompts: next.prompts.length, round };
    this.#sender.send(promptsMessage(next));
  }

  async #decide(method: MethodName, decision: CredentialDecision, startedMs: number): Promise<void> {
    if (this.#isEnded) return;
    if (decision === 'busy') {
      this.#events.busy(this.#username ?? '');
      this.#disconnect(DisconnectReason.tooManyConnections, busyText);
    } else if (decision === 'accepted') this.#pass(method);
    else await this.#refuse(method, `wrong ${method === 'password' ? 'password' : 'answers'}`, startedMs);
  }

  #pass(method: MethodName): void {
    this.#passed.push(method);
    const remaining = this.#user?.methods(this.#passed) ?? [];
    if (remaining.length > 0) {
      this.#sender.send(failureMessage(remaining, true));
      return;
    }
    this.#isEnded = true;
    this.#queue.length = 0;
    this.#sender.send(successMessage);
    this.#events.loggedIn({
      username: this.#username ?? '',
      address: this.#address,
      methods: this.#passed,
      keys: this.#usedKeys,
    });
  }

  async #refuse(
    method: Refusal['method'],
    reason: string,
    startedMs: number,
    key: Pick<Refusal, 'fingerprint' | 'isQuery'> = { fingerprint: null, isQuery: false },
  ): Promise<void> {
    if (this.#isEnded) return;
    this.#count(method, reason, key);
    await this.#sendFailure(startedMs);
  }

  /** Sends USERAUTH_FAILURE, or ends the connection after the last attempt, when the time for a refusal has passed. */
  async #sendFailure(startedMs: number): Promise<void> {
    const delayMs = refusalDelayMs(this.#clock.nowMs() - startedMs, this.#limits.minRefusalMs);
    if (delayMs > 0) await delay(this.#clock, delayMs);
    if (this.#isEnded || this.#endsAfterTooMany()) return;
    this.#sender.send(failureMessage(this.#user?.methods(this.#passed) ?? [], false));
  }

  #count(
    method: Refusal['method'],
    reason: string,
    key: Pick<Refusal, 'fingerprint' | 'isQuery'> = { fingerprint: null, isQuery: false },
  ): void {
    this.tally.add(method, reason);
    this.#events.refused({ username: this.#username ?? '', address: this.#address, method, reason, ...key });
  }

  #endsAfterTooMany(): boolean {
    if (this.tally.refusals < this.#limits.maxAuthAttempts) return false;
    const text = `too many authentication failures (${this.tally.refusals}): if your agent has many keys, select one`;
    this.#disconnect(DisconnectReason.noMoreAuthMethodsAvailable, text);
    return true;
  }

  /** Sends each sentence once. */
  #advise(advice: string): void {
    if (this.#advice.has(advice)) return;
    this.#advice.add(advice);
    this.#sender.send(bannerMessage(advice));
  }

  #fail(error: unknown): void {
    // The connection has ended: the application gave up its work.
    if (this.#abort.signal.aborted) return;
    if (error instanceof ProtocolError) {
      this.#disconnect(error.reason, error.message);
      return;
    }
    this.#events.failed(this.#username ?? '', error);
    this.#disconnect(DisconnectReason.tooManyConnections, busyText);
  }

  #disconnect(reason: number, text: string): void {
    this.#end();
    this.#sender.disconnect(reason, text);
  }

  #end(): void {
    if (!this.#isEnded) this.#abort.abort();
    this.#isEnded = true;
    this.#queue.length = 0;
  }
}
