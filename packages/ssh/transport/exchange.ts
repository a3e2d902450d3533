import { KexMarker } from '../algorithms/kex-methods.js';
import {
  type AlgorithmOffer,
  kexListsOf,
  MismatchError,
  type NegotiatedAlgorithms,
  negotiate,
  tailorOffer,
} from '../algorithms/negotiate.js';
import { createOpener, createSealer } from '../cipher/create.js';
import type { PacketOpener, PacketSealer } from '../cipher/protection.js';
import { type HostKey, hostKeyFor } from '../host-keys/host-key.js';
import { exchangeHash } from '../kex/exchange-hash.js';
import { buildKexInit, type KexInit, type KexLists, parseKexInit } from '../kex/kexinit.js';
import { deriveKeys, type KeySource } from '../kex/key-derivation.js';
import type { KexAgreement, KexRun } from '../kex/method.js';
import { startKex } from '../kex/start.js';
import { keyExchangeFault, protocolFault } from '../wire/fault.js';
import { Message } from '../wire/message-numbers.js';
import { WireWriter } from '../wire/writer.js';
import type { ExchangeInput } from './legality.js';

export interface ExchangeOptions {
  readonly offer: AlgorithmOffer;
  readonly hostKeys: readonly HostKey[];
  readonly serverIdent: string;
}

/** The transport as the key exchange uses it. */
export interface ExchangePort {
  readonly clientIdent: string;
  /** Sends a message of the exchange, past the queue. */
  sendNow(payload: Uint8Array): void;
  useSealer(sealer: PacketSealer, restartsSequence: boolean): void;
  useOpener(opener: PacketOpener, restartsSequence: boolean): void;
  /** Our NEWKEYS was sent: other messages may follow. */
  outputChanged(isFirst: boolean): void;
  /** Both NEWKEYS have passed. */
  finished(algorithms: NegotiatedAlgorithms, isFirst: boolean): void;
}

interface OurInit {
  readonly payload: Buffer;
  readonly lists: KexLists;
}

type State =
  | { readonly kind: 'idle' }
  /** Our KEXINIT was sent, the client's was not received. */
  | { readonly kind: 'offered'; readonly ours: OurInit }
  /** Both were exchanged; the method runs. */
  | {
      readonly kind: 'running';
      readonly ours: OurInit;
      readonly clientInit: Buffer;
      readonly algorithms: NegotiatedAlgorithms;
      readonly run: KexRun;
    }
  /** Our NEWKEYS was sent, the client's was not received. */
  | {
      readonly kind: 'awaitsNewKeys';
      readonly algorithms: NegotiatedAlgorithms;
      readonly opener: PacketOpener;
      readonly isFirst: boolean;
    };

const newKeys = Buffer.from([Message.newKeys]);

/** The server's side of all key exchanges of a connection (RFC 4253 sections 7 and 8, OpenSSH PROTOCOL 1.10). */
export class KeyExchange {
  readonly #options: ExchangeOptions;
  readonly #port: ExchangePort;
  #state: State = { kind: 'idle' };
  #sessionId: Buffer | null = null;
  #isStrict = false;
  #sendsExtInfo = false;
  #skipsNextMethodMessage = false;
  /** The offer as it was fitted to the client; it is used again when the server starts a later exchange. */
  #offer: AlgorithmOffer;

  constructor(options: ExchangeOptions, port: ExchangePort) {
    this.#options = options;
    this.#port = port;
    this.#offer = options.offer;
  }

  /** The first exchange hash; null before the first exchange is complete. */
  get sessionId(): Buffer | null {
    return this.#sessionId;
  }

  /** Client and server both announced strict key exchange. */
  get isStrict(): boolean {
    return this.#isStrict;
  }

  /** The client asked for EXT_INFO (RFC 8308 section 2.1). */
  get sendsExtInfo(): boolean {
    return this.#sendsExtInfo;
  }

  get isIdle(): boolean {
    return this.#state.kind === 'idle';
  }

  /** Only messages of the exchange may be sent: from our KEXINIT to our NEWKEYS (RFC 4253 section 7.1). */
  get holdsOutput(): boolean {
    return this.#state.kind === 'offered' || this.#state.kind === 'running';
  }

  get input(): ExchangeInput {
    if (this.#state.kind === 'running') return 'method';
    return this.#state.kind === 'awaitsNewKeys' ? 'newKeys' : 'any';
  }

  /** Sends our KEXINIT, unless an exchange is under way. */
  begin(): void {
    if (this.#state.kind === 'idle') this.#state = { kind: 'offered', ours: this.#sendInit() };
  }

  /** Handles a KEXINIT, a message of the method or NEWKEYS. */
  receive(type: number, payload: Buffer): void {
    if (type === Message.kexInit) this.#receiveInit(payload);
    else if (type === Message.newKeys) this.#receiveNewKeys(payload);
    else this.#receiveMethodMessage(type, payload);
  }

  #sendInit(): OurInit {
    const isFirst = this.#sessionId === null;
    const lists = kexListsOf(this.#offer, isFirst ? [KexMarker.strictServer] : []);
    const payload = buildKexInit(lists);
    this.#port.sendNow(payload);
    return { payload, lists };
  }

  #receiveInit(payload: Buffer): void {
    if (this.#state.kind !== 'idle' && this.#state.kind !== 'offered') {
      throw protocolFault('KEXINIT during a key exchange');
    }
    const client = parseKexInit(payload);
    if (this.#sessionId === null) this.#readMarkers(client);
    this.#offer = tailorOffer(this.#options.offer, client);
    const ours = this.#state.kind === 'offered' ? this.#state.ours : this.#sendInit();
    const algorithms = negotiateOrRefuse(client, ours.lists);
    this.#skipsNextMethodMessage = algorithms.isGuessWrong;
    const run = startKex(algorithms.kex);
    this.#state = { kind: 'running', ours, clientInit: Buffer.from(payload), algorithms, run };
  }

  #readMarkers(client: KexInit): void {
    this.#isStrict = client.kex.includes(KexMarker.strictClient);
    this.#sendsExtInfo = client.kex.includes(KexMarker.extInfoClient);
  }

  #receiveMethodMessage(type: number, payload: Buffer): void {
    if (this.#state.kind !== 'running')
      throw protocolFault(`key exchange message ${type} outside of a key exchange`);
    if (this.#skipsNextMethodMessage) {
      this.#skipsNextMethodMessage = false;
      return;
    }
    const step = this.#state.run.receive(type, payload);
    if (step.kind === 'reply') this.#port.sendNow(step.payload);
    else this.#agree(this.#state, step);
  }

  #agree(running: Extract<State, { kind: 'running' }>, agreement: KexAgreement): void {
    const { algorithms, ours, clientInit } = running;
    const hostKey = hostKeyFor(this.#options.hostKeys, algorithms.hostKey);
    if (hostKey === null) throw keyExchangeFault(`host key for ${algorithms.hostKey.name} not found`);
    const opening = {
      clientIdent: this.#port.clientIdent,
      serverIdent: this.#options.serverIdent,
      clientInit,
      serverInit: ours.payload,
      hostKey: hostKey.publicBlob,
    };
    const hash = exchangeHash(algorithms.kex.hash, opening, agreement.transcript, agreement.secret);
    const isFirst = this.#sessionId === null;
    this.#sessionId ??= hash;
    const reply = new WireWriter(2048)
      .u8(agreement.replyType)
      .string(hostKey.publicBlob)
      .raw(agreement.serverShare)
      .string(hostKey.sign(algorithms.hostKey, hash));
    this.#port.sendNow(reply.finish());
    this.#port.sendNow(newKeys);
    const source: KeySource = {
      hash: algorithms.kex.hash,
      secret: agreement.secret,
      exchangeHash: hash,
      sessionId: this.#sessionId,
    };
    const { serverToClient, clientToServer } = algorithms;
    const sealer = createSealer(serverToClient, deriveKeys(source, 'serverToClient', serverToClient));
    this.#port.useSealer(sealer, this.#isStrict);
    const opener = createOpener(clientToServer, deriveKeys(source, 'clientToServer', clientToServer));
    this.#state = { kind: 'awaitsNewKeys', algorithms, opener, isFirst };
    this.#port.outputChanged(isFirst);
  }

  #receiveNewKeys(payload: Buffer): void {
    if (this.#state.kind !== 'awaitsNewKeys') throw protocolFault('NEWKEYS outside of a key exchange');
    if (payload.byteLength !== 1) throw protocolFault('NEWKEYS with data');
    const { algorithms, opener, isFirst } = this.#state;
    this.#state = { kind: 'idle' };
    this.#port.useOpener(opener, this.#isStrict);
    this.#port.finished(algorithms, isFirst);
  }
}

function negotiateOrRefuse(client: KexInit, lists: KexLists): NegotiatedAlgorithms {
  try {
    return negotiate(client, lists);
  } catch (error) {
    if (error instanceof MismatchError) throw keyExchangeFault(error.message);
    throw error;
  }
}
