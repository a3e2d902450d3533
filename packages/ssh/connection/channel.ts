import type { MessageSender, SlabPool } from '../transport/layer.js';
import { protocolFault } from '../wire/fault.js';
import { Message } from '../wire/message-numbers.js';
import { HeldData } from './held-data.js';
import type { ConnectionLimits } from './limits.js';
import { PieceQueue } from './piece-queue.js';
import type { ReceiveWindow } from './receive-window.js';
import type { SshChannel, SshChannelEvents } from './ssh-channel.js';
import type { UnsentMemory } from './unsent-memory.js';

/** The fixed costs of a packet, as bytes, so that a turn of short packets is not longer than one of long packets. */
const packetCostBytes = 2 * 1024;
const maxWindow = 0xffff_ffff;
const extendedDataStderr = 1;

/** The message before its variable part. Messages are copied when they are sent, so one buffer serves all of them. */
const head = Buffer.allocUnsafe(13);
const shortHead = head.subarray(0, 5);
const dataHead = head.subarray(0, 9);

/** The connection as its channels see it. */
export interface ChannelHost {
  readonly sender: MessageSender;
  readonly slabs: SlabPool;
  readonly limits: ConnectionLimits;
  readonly unsent: UnsentMemory;
  /** The channel has data that it may send. */
  wantsToSend(channel: Channel): void;
  /** The channel is closed on both sides, or its connection is. */
  released(channel: Channel): void;
}

export interface ChannelParameters {
  readonly number: number;
  readonly peerNumber: number;
  /** Bytes that the client accepts. */
  readonly peerWindow: number;
  readonly packetBytes: number;
  readonly window: ReceiveWindow;
}

/**
 * One session channel (RFC 4254 section 5). It is `open` until this side sends CLOSE, `closing` until the client's CLOSE arrives,
 * then `closed`.
 */
export class Channel implements SshChannel {
  readonly number: number;
  readonly #host: ChannelHost;
  readonly #peerNumber: number;
  readonly #packetBytes: number;
  readonly #window: ReceiveWindow;
  readonly #queue: PieceQueue;
  readonly #held: HeldData;
  #events: SshChannelEvents | null = null;
  #state: 'open' | 'closing' | 'closed' = 'open';
  #peerWindow: number;
  #exitStatus: number | null = null;
  #isServing = false;
  #isPaused = false;
  #isDelivering = false;
  #nextDelivery: NodeJS.Immediate | null = null;
  #isEnding = false;
  #hasPeerEnded = false;
  #isEndTold = false;
  #isCloseTold = false;
  /** The queued bytes that `backlogBytes` last returned. */
  #seenBacklogBytes = 0;
  #bytesReceived = 0;
  #bytesSent = 0;

  constructor(host: ChannelHost, parameters: ChannelParameters) {
    this.#host = host;
    this.number = parameters.number;
    this.#peerNumber = parameters.peerNumber;
    this.#peerWindow = parameters.peerWindow;
    this.#packetBytes = parameters.packetBytes;
    this.#window = parameters.window;
    this.#queue = new PieceQueue(host.slabs, host.unsent);
    this.#held = new HeldData(host.slabs);
  }

  get bytesReceived(): number {
    return this.#bytesReceived;
  }

  get bytesSent(): number {
    return this.#bytesSent;
  }

  get windowBytes(): number {
    return this.#window.sizeBytes;
  }

  get backlogBytes(): number {
    this.#seenBacklogBytes = this.#queue.byteLength;
    const unwritten = this.#host.sender.backlogBytes;
    // Below the bound, the transport does not report that it is drained.
    const waiting = this.#queue.byteLength * this.#host.unsent.weight;
    return waiting + (unwritten > this.#host.limits.maxBacklogBytes ? unwritten : 0);
  }

  /** True if `sendSome` can send. */
  get canSend(): boolean {
    return this.#state === 'open' && this.#queue.byteLength > 0 && this.#peerWindow > 0;
  }

  /** True while the application uses the channel, with or without data. */
  get isBusy(): boolean {
    return this.#state === 'open' && this.#events?.isBusy?.() === true;
  }

  /** True once a request is accepted: only one can be (RFC 4254 section 6.5). */
  get isServing(): boolean {
    return this.#isServing;
  }

  /** Data that arrives from now on is for the application. */
  serve(): void {
    this.#isServing = true;
  }

  start(events: SshChannelEvents): void {
    this.#events = events;
    if (this.#state !== 'open') this.#tellClosed();
    else this.#deliverHeld();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#deliverHeld();
  }

  write(pieces: readonly Uint8Array[]): void {
    if (this.#state !== 'open' || this.#isEnding) {
      for (const piece of pieces) this.#host.slabs.release(piece);
      return;
    }
    this.#queue.push(pieces);
    if (this.canSend) this.#host.wantsToSend(this);
  }

  writeStderr(text: string): void {
    if (this.#state !== 'open' || this.#isEnding || this.#queue.byteLength > 0) return;
    const bytes = Buffer.from(text);
    if (bytes.byteLength > Math.min(this.#peerWindow, this.#packetBytes)) return;
    this.#peerWindow -= bytes.byteLength;
    this.#writeHead(Message.channelExtendedData, extendedDataStderr);
    head.writeUInt32BE(bytes.byteLength, 9);
    this.#host.sender.send(head, bytes);
  }

  exit(status: number): void {
    this.#exitStatus = status;
  }

  end(): void {
    if (this.#state !== 'open' || this.#isEnding) return;
    this.#isEnding = true;
    if (this.#queue.byteLength === 0) this.#finish();
  }

  /** Sends text on stderr and ends with status 1, so that the client shows the text and reports a failure. */
  refuse(text: string): void {
    this.writeStderr(`${text}\r\n`);
    this.exit(1);
    this.end();
  }

  /** Sends queued data within the client's window. Returns the cost in bytes, at most about `maxBytes`. */
  sendSome(maxBytes: number): number {
    const { sender, limits } = this.#host;
    let cost = 0;
    while (this.canSend && cost < maxBytes && sender.backlogBytes <= limits.maxBacklogBytes) {
      const length = Math.min(this.#queue.byteLength, this.#peerWindow, this.#packetBytes);
      this.#writeHead(Message.channelData, length);
      this.#queue.take(length, dataHead, sender);
      this.#peerWindow -= length;
      this.#bytesSent += length;
      cost += length + packetCostBytes;
    }
    if (cost > 0) this.#afterSending();
    return cost;
  }

  /** The transport has written most of its backlog. */
  transportDrained(): void {
    if (this.#state === 'open') this.#events?.drained();
  }

  receiveData(chunk: Uint8Array): void {
    this.#checkReceived(chunk.byteLength);
    if (!this.#isServing || this.#isEnding || this.#state !== 'open') return;
    const canDeliver = this.#events !== null && !this.#isPaused && !this.#isDelivering;
    if (canDeliver && this.#held.byteLength === 0) this.#deliver(chunk);
    else this.#held.push(chunk);
  }

  /** Data of another type than the standard one has no receiver here. It is dropped, and the window is granted again. */
  receiveExtendedData(byteLength: number): void {
    this.#checkReceived(byteLength);
    if (this.#state === 'open') this.#consumed(byteLength);
  }

  receiveWindowAdjust(bytes: number): void {
    if (this.#peerWindow + bytes > maxWindow) throw protocolFault('channel window exceeds 2^32-1 bytes');
    this.#peerWindow += bytes;
    if (this.canSend) this.#host.wantsToSend(this);
  }

  receiveEof(): void {
    this.#hasPeerEnded = true;
    this.#deliverHeld();
  }

  receiveClose(): void {
    if (this.#state === 'open') this.#send(Message.channelClose);
    this.release();
  }

  /** Frees the channel: it is closed on both sides, or the connection is closed. */
  release(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#queue.clear();
    this.#held.clear();
    this.#window.close();
    this.#host.released(this);
    this.#tellClosed();
  }

  /** Sends a message without fields beyond the channel number. */
  #send(type: number): void {
    head[0] = type;
    head.writeUInt32BE(this.#peerNumber, 1);
    this.#host.sender.send(shortHead);
  }

  /** Answers a channel request (RFC 4254 section 5.4). */
  reply(isSuccess: boolean): void {
    if (this.#state === 'open') this.#send(isSuccess ? Message.channelSuccess : Message.channelFailure);
  }

  #writeHead(type: number, value: number): void {
    head[0] = type;
    head.writeUInt32BE(this.#peerNumber, 1);
    head.writeUInt32BE(value, 5);
  }

  #afterSending(): void {
    const queued = this.#queue.byteLength;
    if (queued === 0 && this.#isEnding) {
      this.#finish();
    } else if (this.#seenBacklogBytes > 0 && queued <= this.#seenBacklogBytes / 2) {
      this.#seenBacklogBytes = 0;
      this.#events?.drained();
    }
  }

  #finish(): void {
    if (this.#exitStatus !== null) {
      this.#host.sender.send(encodeExitStatus(this.#peerNumber, this.#exitStatus));
    }
    this.#send(Message.channelEof);
    this.#send(Message.channelClose);
    this.#state = 'closing';
    this.#held.clear();
    // The caller may be in the middle of its own work.
    queueMicrotask(() => this.#tellClosed());
  }

  #tellClosed(): void {
    if (this.#isCloseTold || this.#events === null) return;
    this.#isCloseTold = true;
    this.#events.closed();
  }

  #checkReceived(byteLength: number): void {
    if (this.#hasPeerEnded) throw protocolFault('channel data after CHANNEL_EOF');
    if (byteLength > this.#host.limits.maxReceivedPacketBytes)
      throw protocolFault('channel data exceeds the packet size');
    this.#window.received(byteLength);
  }

  #deliver(chunk: Uint8Array): void {
    this.#bytesReceived += chunk.byteLength;
    this.#events?.data(chunk);
    if (this.#state === 'open') this.#consumed(chunk.byteLength);
  }

  #consumed(byteLength: number): void {
    const grant = this.#window.consumed(byteLength);
    if (grant === 0) return;
    this.#writeHead(Message.channelWindowAdjust, grant);
    this.#host.sender.send(dataHead);
  }

  /** Delivers held data, a bounded part in one turn of the event loop, and then the end. */
  #deliverHeld(): void {
    if (this.#isDelivering || this.#events === null) return;
    this.#isDelivering = true;
    let left = this.#host.limits.maxTurnShareBytes;
    while (this.#canDeliverHeld() && left > 0) {
      this.#held.shift((chunk) => {
        left -= chunk.byteLength;
        this.#deliver(chunk);
      });
    }
    this.#isDelivering = false;
    if (this.#isPaused || this.#state !== 'open' || this.#isEnding) return;
    if (this.#held.byteLength > 0) this.#deliverNextTurn();
    else if (this.#hasPeerEnded && !this.#isEndTold) {
      this.#isEndTold = true;
      this.#events.ended();
    }
  }

  #deliverNextTurn(): void {
    this.#nextDelivery ??= setImmediate(() => {
      this.#nextDelivery = null;
      this.#deliverHeld();
    });
  }

  #canDeliverHeld(): boolean {
    return this.#held.byteLength > 0 && !this.#isPaused && this.#state === 'open' && !this.#isEnding;
  }
}

const exitStatusName = 'exit-status';

function encodeExitStatus(peerNumber: number, status: number): Buffer {
  const message = Buffer.alloc(5 + 4 + exitStatusName.length + 1 + 4);
  message[0] = Message.channelRequest;
  message.writeUInt32BE(peerNumber, 1);
  message.writeUInt32BE(exitStatusName.length, 5);
  message.write(exitStatusName, 9, 'latin1');
  message.writeUInt32BE(status >>> 0, 10 + exitStatusName.length);
  return message;
}
