import type { Duplex } from 'node:stream';
import { fullOffer, type NegotiatedAlgorithms } from '../algorithms/negotiate.js';
import { DisconnectReason } from '../wire/disconnect-reasons.js';
import { ProtocolError, protocolFault } from '../wire/fault.js';
import { Message } from '../wire/message-numbers.js';
import { systemClock } from './clock.js';
import type { CloseCause } from './events.js';
import { KeyExchange } from './exchange.js';
import { readExtInfo, serverExtInfo } from './ext-info.js';
import { IdentError, readIdent } from './ident.js';
import { InputPause } from './input-pause.js';
import type { MessageLayer, TransportControl } from './layer.js';
import { handlingOf, type Phase } from './legality.js';
import {
  disconnectMessage,
  readDisconnect,
  readServiceRequest,
  serviceAcceptMessage,
  unimplementedMessage,
} from './messages.js';
import { Outbox } from './outbox.js';
import { PacketReader } from './packet-reader.js';
import { PacketWriter } from './packet-writer.js';
import { RekeyPolicy } from './rekey.js';
import { defaultSlabs } from './slabs.js';
import { attachInput } from './socket-input.js';
import { NamedTimers } from './timers.js';
import type { TransportOptions } from './transport-options.js';

const userauthService = 'ssh-userauth';

export type { TransportOptions } from './transport-options.js';

/**
 * The server's side of the SSH transport (RFC 4253) over one stream: identification, key exchange, packets, rekeying. Messages from
 * number 50 go to the current layer.
 */
export class Transport implements TransportControl {
  readonly #options: TransportOptions;
  readonly #stream: Duplex;
  readonly #reader: PacketReader;
  readonly #writer: PacketWriter;
  readonly #exchange: KeyExchange;
  readonly #outbox: Outbox;
  readonly #pause: InputPause;
  readonly #rekeying: RekeyPolicy;
  readonly #timers: NamedTimers<'firstByte' | 'login' | 'kexInit' | 'rekey' | 'rekeyEnd' | 'close'>;
  #phase: Phase = 'firstExchange';
  #layer: MessageLayer | null = null;
  #algorithms: NegotiatedAlgorithms | null = null;
  #clientIdent = '';
  #clientSoftware = '';
  #isClosed = false;
  #mayReceiveExtInfo = false;
  #loginMessages = 0;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#stream = options.stream;
    this.#timers = new NamedTimers(options.clock ?? systemClock);
    const { limits } = options;
    this.#reader = new PacketReader({
      slabs: options.slabs ?? defaultSlabs,
      maxPayloadBytes: limits.maxLoginPayloadBytes,
      preface: (bytes, start, end) => this.#receiveIdent(bytes, start, end),
      packet: (payload) => this.#receive(payload),
    });
    this.#writer = new PacketWriter({
      stream: options.stream,
      maxUnwrittenBytes: limits.maxUnwrittenBytes,
      backlogHighBytes: limits.backlogHighBytes,
      backlogLowBytes: limits.backlogLowBytes,
      full: (isFull) => this.#guarded(() => this.#pause.set('full', isFull)),
      drained: () => this.#guarded(() => this.#layer?.drained()),
    });
    this.#pause = new InputPause(options.stream, this.#reader);
    this.#exchange = this.#createExchange();
    this.#rekeying = new RekeyPolicy({
      limits,
      timers: this.#timers,
      uses: [this.#reader, this.#writer],
      expired: () => this.rekey(),
      timedOut: () => this.disconnect(DisconnectReason.keyExchangeFailed, 'key exchange took too long'),
    });
    this.#outbox = new Outbox({
      writer: this.#writer,
      maxQueuedBytes: limits.maxQueuedBytes,
      isHeld: () => this.#exchange.holdsOutput,
      overflowed: () => {
        this.disconnect(DisconnectReason.byApplication, 'too many messages wait for the key exchange');
      },
    });
  }

  #createExchange(): KeyExchange {
    const { hostKeys, offer } = this.#options;
    const transport = this;
    return new KeyExchange(
      {
        offer: { ...fullOffer(hostKeys.map(({ type }) => type)), ...offer },
        hostKeys,
        serverIdent: `SSH-2.0-${this.#options.ident}`,
      },
      {
        get clientIdent() {
          return transport.#clientIdent;
        },
        sendNow: (payload) => this.#writer.write([payload]),
        useSealer: (sealer, restarts) => this.#writer.setSealer(sealer, restarts),
        useOpener: (opener, restarts) => this.#reader.setOpener(opener, restarts),
        outputChanged: (isFirst) => this.#outputChanged(isFirst),
        finished: (algorithms, isFirst) => this.#exchangeFinished(algorithms, isFirst),
      },
    );
  }

  /** Sends our identification and begins to read. */
  start(): void {
    const { limits, ident, firstBytes } = this.#options;
    this.#timers.set('firstByte', limits.firstByteTimeoutMs, () => {
      this.disconnect(DisconnectReason.byApplication, 'no identification was received');
    });
    this.#timers.set('login', limits.loginTimeoutMs, () => {
      this.disconnect(DisconnectReason.byApplication, 'login took too long');
    });
    const stream = this.#stream;
    if ('setNoDelay' in stream && typeof stream.setNoDelay === 'function') stream.setNoDelay(true);
    stream.on('error', (error: Error) => this.#close({ by: 'stream', error }));
    stream.on('end', () => this.#close({ by: 'stream', error: null }));
    stream.on('close', () => {
      this.#close({ by: 'stream', error: null });
      this.#timers.cancel('close');
    });
    this.#writer.writeRaw(Buffer.from(`SSH-2.0-${ident}\r\n`, 'latin1'));
    this.#writer.flush();
    if (firstBytes !== undefined) this.#guarded(() => this.#reader.copy(firstBytes));
    attachInput(stream, this.#reader, (take) => this.#guarded(take));
    this.#guarded(() => this.#pause.apply());
  }

  get sessionId(): Uint8Array {
    const { sessionId } = this.#exchange;
    if (sessionId === null) throw new Error('session identifier is read before the first key exchange');
    return sessionId;
  }

  /** Algorithms of the last complete key exchange; null before the first. */
  get algorithms(): NegotiatedAlgorithms | null {
    return this.#algorithms;
  }

  /** Software name and version from the client's identification; empty before it was received. */
  get clientSoftware(): string {
    return this.#clientSoftware;
  }

  get isStrict(): boolean {
    return this.#exchange.isStrict;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get backlogBytes(): number {
    return this.#outbox.backlogBytes;
  }

  send(...pieces: readonly Uint8Array[]): void {
    if (this.#isClosed) return;
    try {
      this.#outbox.send(pieces);
    } catch (error) {
      this.#fail(error);
    }
    if (this.#rekeying.isDue) this.rekey();
  }

  setLayer(layer: MessageLayer): void {
    this.#layer = layer;
  }

  loggedIn(): void {
    if (this.#phase !== 'login') return;
    this.#phase = 'open';
    this.#timers.cancel('login');
    this.#reader.maxPayloadBytes = this.#options.limits.maxPayloadBytes;
    this.#rekeying.keysChanged();
  }

  pauseInput(): void {
    this.#guarded(() => this.#pause.set('held', true));
  }

  resumeInput(): void {
    this.#guarded(() => this.#pause.set('held', false));
  }

  /** Starts a key exchange, unless one is under way or the client is not logged in. */
  rekey(): void {
    if (this.#isClosed || this.#phase !== 'open' || !this.#exchange.isIdle) return;
    this.#guarded(() => this.#exchange.begin());
    this.#rekeying.exchangeBegan();
  }

  disconnect(reason: number, text: string): void {
    if (this.#isClosed) return;
    try {
      this.#writer.write([disconnectMessage(reason, text)]);
    } catch (error) {
      this.#options.log.warn({ err: error }, 'disconnect message not sent');
    }
    this.#close({ by: 'server', reason, text });
  }

  #receiveIdent(bytes: Buffer, start: number, end: number): number | null {
    if (end > start) this.#timers.cancel('firstByte');
    const { limits, onEvent } = this.#options;
    const ident = readIdent(bytes, start, end, limits.maxIdentBytes);
    if (ident === null) return null;
    this.#clientIdent = ident.line;
    this.#clientSoftware = ident.software;
    this.#timers.set('kexInit', limits.kexInitWaitMs, () => this.#guarded(() => this.#exchange.begin()));
    onEvent({ kind: 'ident', software: ident.software });
    return ident.end;
  }

  #receive(payload: Buffer): void {
    const type = payload[0] ?? 0;
    if (this.#phase !== 'open' && ++this.#loginMessages > this.#options.limits.maxLoginMessages) {
      throw protocolFault('too many messages before the login');
    }
    const mayReceiveExtInfo = this.#mayReceiveExtInfo;
    this.#mayReceiveExtInfo = false;
    switch (handlingOf(this.#phase, this.#exchange.input, type)) {
      case 'layer':
        this.#layer?.message(type, payload);
        break;
      case 'exchange':
        this.#receiveExchange(type, payload);
        break;
      case 'drop':
        break;
      case 'disconnect':
        this.#close({ by: 'client', ...readDisconnect(payload) });
        return;
      case 'service':
        this.#receiveServiceRequest(payload);
        break;
      case 'extInfo':
        // RFC 8308 section 2.4: only directly after NEWKEYS.
        if (!mayReceiveExtInfo) throw protocolFault('EXT_INFO is not the first message after NEWKEYS');
        readExtInfo(payload);
        break;
      case 'ping':
        this.send(Buffer.from([Message.pong]), payload.subarray(1));
        break;
      case 'unimplemented':
        this.send(unimplementedMessage(this.#reader.sequence - 1));
        break;
      case 'refuse':
        throw protocolFault(`message ${type} is not allowed now`);
    }
    if (this.#rekeying.isDue) this.rekey();
  }

  #receiveExchange(type: number, payload: Buffer): void {
    this.#timers.cancel('kexInit');
    const wasIdle = this.#exchange.isIdle;
    this.#exchange.receive(type, payload);
    if (wasIdle && this.#phase === 'open') this.#rekeying.exchangeBegan();
  }

  #receiveServiceRequest(payload: Buffer): void {
    const service = readServiceRequest(payload);
    if (service !== userauthService) {
      throw new ProtocolError(DisconnectReason.serviceNotAvailable, 'only ssh-userauth is available');
    }
    this.#phase = 'login';
    this.send(serviceAcceptMessage(service));
    this.#options.onEvent({ kind: 'userauth' });
  }

  /** Sends EXT_INFO as the first message after our first NEWKEYS (RFC 8308 section 2.4), then the messages that waited. */
  #outputChanged(isFirst: boolean): void {
    if (isFirst && this.#exchange.sendsExtInfo) {
      const { signatureAlgorithms, extensions } = this.#options;
      this.#writer.write([serverExtInfo(signatureAlgorithms, extensions)]);
    }
    this.#outbox.release();
  }

  #exchangeFinished(algorithms: NegotiatedAlgorithms, isFirst: boolean): void {
    this.#algorithms = algorithms;
    if (isFirst) {
      this.#phase = 'service';
      this.#mayReceiveExtInfo = true;
    } else {
      this.#rekeying.keysChanged();
    }
    this.#options.onEvent({ kind: 'keys', algorithms, isFirst });
  }

  /** Runs a handler of input. Its errors end only this connection. */
  #guarded(run: () => void): void {
    if (this.#isClosed) return;
    try {
      run();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (error instanceof ProtocolError) {
      const { reason, message } = error;
      const fields = { software: this.#clientSoftware, reason, cause: message };
      this.#options.log.info(fields, 'SSH connection refused');
      if (error instanceof IdentError) this.#refuseIdent(error);
      else this.disconnect(reason, message);
      return;
    }
    this.#options.log.warn({ software: this.#clientSoftware, err: error }, 'SSH connection failed');
    this.disconnect(DisconnectReason.byApplication, 'internal error');
  }

  /** Sends a line of text, because the peer may be a browser or a person. */
  #refuseIdent({ reason, message }: IdentError): void {
    this.#writer.writeRaw(Buffer.from(`Invalid SSH identification: ${message}.\r\n`));
    this.#close({ by: 'server', reason, text: message });
  }

  #close(cause: CloseCause): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#timers.cancelAll();
    this.#reader.close();
    this.#writer.close();
    this.#outbox.clear();
    if (!this.#stream.destroyed) {
      this.#stream.end();
      // Further input is dropped: closing with unread bytes would reset the connection before the client reads our last message.
      this.#stream.resume();
      this.#timers.set('close', this.#options.limits.closeTimeoutMs, () => this.#stream.destroy());
    }
    this.#layer?.closed();
    this.#options.onEvent({ kind: 'closed', cause });
  }
}
