import type { Duplex } from 'node:stream';
import { hostKeyAlgorithms } from '../algorithms/host-key-algorithms.js';
import { KexMarker } from '../algorithms/kex-methods.js';
import {
  type AlgorithmOffer,
  fullOffer,
  kexListsOf,
  type NegotiatedAlgorithms,
  negotiate,
} from '../algorithms/negotiate.js';
import { createOpener, createSealer } from '../cipher/create.js';
import { exchangeHash } from '../kex/exchange-hash.js';
import { buildKexInit, type KexInit, parseKexInit } from '../kex/kexinit.js';
import { deriveKeys } from '../kex/key-derivation.js';
import { parsePublicKey } from '../keys/public-key.js';
import { checkSignature } from '../keys/signature.js';
import { PacketReader } from '../transport/packet-reader.js';
import { PacketWriter } from '../transport/packet-writer.js';
import { ReusingSlabPool } from '../transport/slabs.js';
import { Message, messageKind } from '../wire/message-numbers.js';
import { WireReader } from '../wire/reader.js';
import { WireWriter } from '../wire/writer.js';
import { type ClientAgreement, type ClientKex, startClientKex } from './client-kex.js';

export interface SshClientOptions {
  readonly stream: Duplex;
  /** Name and version; or a whole first line when it begins with `SSH-`. */
  readonly ident?: string;
  /** Replaces lists of the full offer. */
  readonly offer?: Partial<AlgorithmOffer>;
  /** Further names in the list of key exchange methods. By default strict key exchange and EXT_INFO. */
  readonly markers?: readonly string[];
  /** Sizes for the group exchange: min, preferred, max. */
  readonly groupSizes?: readonly [number, number, number];
  /** Sends a guessed first message of the method directly after KEXINIT. */
  readonly guess?: (kex: ClientKex) => Buffer;
  /** Sends its own KEXINIT only after the server's. */
  readonly waitsForKexInit?: boolean;
  /** Called for every message of the server, key exchange included, before it is handled. */
  readonly seen?: (type: number, payload: Buffer) => void;
}

interface Waiter {
  readonly types: readonly number[];
  resolve(payload: Buffer): void;
  reject(error: Error): void;
}

interface Exchange {
  readonly ours: Buffer;
  theirs?: Buffer;
  kex?: ClientKex;
  algorithms?: NegotiatedAlgorithms;
  agreement?: ClientAgreement;
  hash?: Buffer;
}

/**
 * A small SSH client for tests. `connect` completes the handshake; `send` sends any payload, legal or not; `next` returns messages
 * of the server in order.
 */
export class SshClient {
  readonly #options: SshClientOptions;
  readonly #reader: PacketReader;
  readonly #writer: PacketWriter;
  readonly #received: Buffer[] = [];
  readonly #waiters: Waiter[] = [];
  readonly #finished: (() => void)[] = [];
  readonly #ident: string;
  #exchange: Exchange | null = null;
  #serverIdent = '';
  #isStrict = false;
  #sessionId: Buffer | null = null;
  #algorithms: NegotiatedAlgorithms | null = null;
  #hostKey: Buffer | null = null;
  #exchangeCount = 0;
  #closed: Error | null = null;

  /** Does not check messages that a test sends between our KEXINIT and NEWKEYS. `next` waits for the exchange to end. */
  constructor(options: SshClientOptions) {
    this.#options = options;
    const ident = options.ident ?? 'test';
    this.#ident = ident.startsWith('SSH-') ? ident : `SSH-2.0-${ident}`;
    this.#reader = new PacketReader({
      slabs: new ReusingSlabPool(),
      maxPayloadBytes: 1024 * 1024,
      preface: (bytes, start, end) => this.#receiveIdent(bytes, start, end),
      packet: (payload) => this.#receive(payload),
    });
    const unlimited = Number.MAX_SAFE_INTEGER;
    this.#writer = new PacketWriter({
      stream: options.stream,
      maxUnwrittenBytes: unlimited,
      backlogHighBytes: unlimited,
      backlogLowBytes: unlimited,
      full: () => undefined,
      drained: () => undefined,
    });
    const { stream } = options;
    stream.on('data', (bytes: Buffer) => {
      try {
        if (this.#closed === null) this.#reader.copy(bytes);
      } catch (error) {
        this.#close(error instanceof Error ? error : new Error(String(error)));
        stream.destroy();
      }
    });
    stream.on('error', (error) => this.#close(error));
    stream.on('end', () => this.#close(new Error('connection closed')));
    stream.on('close', () => this.#close(new Error('connection closed')));
    this.#writer.writeRaw(Buffer.from(`${this.#ident}\r\n`));
    if (options.waitsForKexInit !== true) this.#sendInit();
  }

  /** Connects and completes the first key exchange. */
  static async connect(options: SshClientOptions): Promise<SshClient> {
    const client = new SshClient(options);
    await client.exchanged();
    return client;
  }

  get algorithms(): NegotiatedAlgorithms {
    if (this.#algorithms === null) throw new Error('key exchange is not complete');
    return this.#algorithms;
  }

  get sessionId(): Buffer {
    if (this.#sessionId === null) throw new Error('key exchange is not complete');
    return this.#sessionId;
  }

  /** Blob of the server's host key. */
  get hostKey(): Buffer {
    if (this.#hostKey === null) throw new Error('key exchange is not complete');
    return this.#hostKey;
  }

  get serverIdent(): string {
    return this.#serverIdent;
  }

  /** Number of complete key exchanges. */
  get exchangeCount(): number {
    return this.#exchangeCount;
  }

  get isClosed(): boolean {
    return this.#closed !== null;
  }

  /** Sends one message; the pieces together are its payload. Nothing is checked. */
  send(...pieces: readonly Uint8Array[]): void {
    this.#writer.write(pieces);
  }

  /** Sends bytes outside of any packet. */
  sendRaw(bytes: Uint8Array): void {
    this.#writer.writeRaw(bytes);
  }

  /** Returns the next message of one of the types; of any type when none is given. Messages before it are dropped. */
  next(...types: readonly number[]): Promise<Buffer> {
    for (;;) {
      const payload = this.#received.shift();
      if (payload === undefined) break;
      if (types.length === 0 || types.includes(payload[0] ?? 0)) return Promise.resolve(payload);
    }
    if (this.#closed !== null) return Promise.reject(this.#closed);
    return new Promise((resolve, reject) => this.#waiters.push({ types, resolve, reject }));
  }

  /** Returns reason and text of the server's DISCONNECT. */
  async disconnected(): Promise<{ readonly reason: number; readonly text: string }> {
    const reader = new WireReader(await this.next(Message.disconnect), 1);
    return { reason: reader.u32(), text: reader.text() };
  }

  /** Resolves at the end of the next key exchange, or of the current one. */
  exchanged(): Promise<void> {
    if (this.#closed !== null) return Promise.reject(this.#closed);
    return new Promise((resolve, reject) => {
      this.#finished.push(() => (this.#closed === null ? resolve() : reject(this.#closed)));
    });
  }

  /** Starts a key exchange. Resolves when it is complete. */
  rekey(): Promise<void> {
    if (this.#exchange === null) this.#sendInit();
    return this.exchanged();
  }

  /** Requests the authentication service. */
  async requestService(name = 'ssh-userauth'): Promise<void> {
    this.send(new WireWriter().u8(Message.serviceRequest).string(name).finish());
    await this.next(Message.serviceAccept);
  }

  end(): void {
    this.#writer.close();
    this.#options.stream.end();
  }

  destroy(): void {
    this.#options.stream.destroy();
  }

  get #offer(): AlgorithmOffer {
    const types = hostKeyAlgorithms.map(({ keyType }) => keyType);
    return { ...fullOffer(types), ...this.#options.offer };
  }

  #sendInit(): void {
    const isFirst = this.#sessionId === null;
    const { markers = [KexMarker.extInfoClient, KexMarker.strictClient], guess } = this.#options;
    const lists = kexListsOf(this.#offer, isFirst ? markers : []);
    const guesses = isFirst && guess !== undefined;
    const ours = buildKexInit(lists, guesses);
    this.#exchange = { ours };
    this.send(ours);
    if (guesses) {
      const kex = startClientKex(negotiate({ ...lists, firstKexPacketFollows: true }, lists).kex);
      this.#exchange.kex = kex;
      this.send(guess(kex));
    }
  }

  #receiveIdent(bytes: Buffer, start: number, end: number): number | null {
    const at = bytes.indexOf(0x0a, start);
    if (at < 0 || at >= end) return null;
    this.#serverIdent = bytes.toString('latin1', start, at).trimEnd();
    return at + 1;
  }

  #receive(payload: Buffer): void {
    const type = payload[0] ?? 0;
    this.#options.seen?.(type, payload);
    const kind = messageKind(type);
    if (kind === 'kexInit') this.#receiveInit(Buffer.from(payload));
    else if (kind === 'kexMethod') this.#receiveMethod(type, payload);
    else if (kind === 'newKeys') this.#receiveNewKeys();
    else this.#deliver(Buffer.from(payload));
  }

  #deliver(payload: Buffer): void {
    const type = payload[0] ?? 0;
    const waiter = this.#waiters[0];
    if (waiter === undefined) {
      this.#received.push(payload);
    } else if (waiter.types.length === 0 || waiter.types.includes(type)) {
      this.#waiters.shift();
      waiter.resolve(payload);
    }
  }

  #receiveInit(theirs: Buffer): void {
    if (this.#exchange === null) this.#sendInit();
    const exchange = this.#exchange;
    if (exchange === null) return;
    exchange.theirs = theirs;
    const server = parseKexInit(theirs);
    const client: KexInit = parseKexInit(exchange.ours);
    if (this.#sessionId === null) {
      this.#isStrict =
        server.kex.includes(KexMarker.strictServer) && client.kex.includes(KexMarker.strictClient);
    }
    exchange.algorithms = negotiate(client, server);
    const wasGuessRight = exchange.kex !== undefined && !exchange.algorithms.isGuessWrong;
    if (wasGuessRight) return;
    exchange.kex = startClientKex(exchange.algorithms.kex, this.#options.groupSizes);
    this.send(exchange.kex.opening);
  }

  #receiveMethod(type: number, payload: Buffer): void {
    const exchange = this.#exchange;
    const { kex, algorithms, theirs } = exchange ?? {};
    if (exchange === null || kex === undefined || algorithms === undefined || theirs === undefined) {
      throw new Error('message of a key exchange outside of one');
    }
    const step = kex.receive(type, payload);
    if (step.kind === 'reply') {
      this.send(step.payload);
      return;
    }
    exchange.agreement = step;
    const opening = {
      clientIdent: this.#ident,
      serverIdent: this.#serverIdent,
      clientInit: exchange.ours,
      serverInit: theirs,
      hostKey: step.hostKey,
    };
    exchange.hash = exchangeHash(algorithms.kex.hash, opening, step.transcript, step.secret);
    const key = parsePublicKey(step.hostKey);
    if (!checkSignature(key, algorithms.hostKey.name, exchange.hash, step.signature).isValid) {
      throw new Error('signature of the host key is wrong');
    }
    this.#hostKey = step.hostKey;
    this.#sessionId ??= exchange.hash;
    this.send(Buffer.from([Message.newKeys]));
    const { clientToServer } = algorithms;
    const keys = deriveKeys(this.#keySource(exchange), 'clientToServer', clientToServer);
    this.#writer.setSealer(createSealer(clientToServer, keys), this.#isStrict);
  }

  #keySource({ algorithms, agreement, hash }: Exchange) {
    const sessionId = this.#sessionId;
    if (algorithms === undefined || agreement === undefined || hash === undefined || sessionId === null) {
      throw new Error('keys before the end of the key exchange');
    }
    return { hash: algorithms.kex.hash, secret: agreement.secret, exchangeHash: hash, sessionId };
  }

  #receiveNewKeys(): void {
    const exchange = this.#exchange;
    if (exchange?.algorithms === undefined) throw new Error('NEWKEYS outside of a key exchange');
    const { serverToClient } = exchange.algorithms;
    const keys = deriveKeys(this.#keySource(exchange), 'serverToClient', serverToClient);
    this.#reader.setOpener(createOpener(serverToClient, keys), this.#isStrict);
    this.#algorithms = exchange.algorithms;
    this.#exchange = null;
    this.#exchangeCount += 1;
    for (const finished of this.#finished.splice(0)) finished();
  }

  #close(error: Error): void {
    if (this.#closed !== null) return;
    this.#closed = error;
    this.#reader.close();
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
    for (const finished of this.#finished.splice(0)) finished();
  }
}
