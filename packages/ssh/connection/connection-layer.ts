import type { Clock } from '../transport/clock.js';
import type { TransportLog } from '../transport/events.js';
import type { MessageLayer, MessageSender, SlabPool } from '../transport/layer.js';
import { DisconnectReason } from '../wire/disconnect-reasons.js';
import { ProtocolError, protocolFault } from '../wire/fault.js';
import { Message } from '../wire/message-numbers.js';
import { Channel, type ChannelHost } from './channel.js';
import { ChannelNumbers } from './channel-numbers.js';
import {
  type ChannelOpen,
  encodeOpenConfirmation,
  encodeOpenFailure,
  OpenFailure,
  type OpenRefusal,
  parseChannelOpen,
  refusalOfType,
} from './channel-open.js';
import { parseChannelRequest } from './channel-request.js';
import { encodeHostKeys, GlobalRequests, type HostKeyProofs, parseGlobalRequest } from './global-requests.js';
import { KeepAlive } from './keep-alive.js';
import type { ConnectionLimits } from './limits.js';
import { ReceiveWindow } from './receive-window.js';
import type { SendTurns, TurnSender } from './send-turns.js';
import type { SessionRequest, SshChannel } from './ssh-channel.js';
import type { UnsentMemory } from './unsent-memory.js';
import type { WindowBudget } from './window-budget.js';

/**
 * The application's side of a session channel, called for each accepted request. The application calls `channel.start`, or
 * `refuse`, which sends a text to the client and ends the channel. The channel counts against `maxChannels` until the returned
 * promise settles. A rejection is logged, and ends the channel.
 */
export type SessionHandler = (
  channel: SshChannel,
  request: SessionRequest,
  refuse: (text: string) => void,
) => Promise<void> | void;

export interface ConnectionOptions {
  readonly sender: MessageSender;
  readonly slabs: SlabPool;
  readonly limits: ConnectionLimits;
  /** Shared by all connections of the server. */
  readonly windowBudget: WindowBudget;
  /** Shared by all connections of the server. */
  readonly turns: SendTurns;
  /** Shared by all connections of the server. */
  readonly unsent: UnsentMemory;
  readonly hostKeys: HostKeyProofs;
  readonly onSession: SessionHandler;
  /** Text for a client that requests a shell or a command that is not served. */
  readonly refusalText: string;
  /** The last channel and its session ended. */
  readonly onChannelsEnded?: () => void;
  readonly log: TransportLog;
  readonly clock: Clock;
}

/** The connection protocol of one connection (RFC 4254), server side: session channels only, and no forwards. */
export class ConnectionLayer implements MessageLayer, ChannelHost, TurnSender {
  readonly sender: MessageSender;
  readonly slabs: SlabPool;
  readonly limits: ConnectionLimits;
  readonly unsent: UnsentMemory;
  readonly #options: ConnectionOptions;
  readonly #numbers = new ChannelNumbers();
  readonly #channels: (Channel | undefined)[] = [];
  /** Channels that exist on the wire, or whose session is still ending. */
  readonly #taken = new Set<Channel>();
  /** Channels whose application has not ended the session. */
  readonly #sessions = new Set<Channel>();
  readonly #ready = new Set<Channel>();
  readonly #globalRequests: GlobalRequests;
  readonly #keepAlive: KeepAlive;
  #isClosed = false;
  #hadActivity = false;

  constructor(options: ConnectionOptions) {
    const { sender, slabs, limits, hostKeys, clock } = options;
    this.#options = options;
    this.sender = sender;
    this.slabs = slabs;
    this.limits = limits;
    this.unsent = options.unsent;
    this.#globalRequests = new GlobalRequests(hostKeys, limits.maxHostKeyProofs);
    this.#keepAlive = new KeepAlive({
      limits,
      clock,
      send: (message) => sender.send(message),
      lost: () => sender.disconnect(DisconnectReason.connectionLost, 'no answer to keep-alives'),
    });
  }

  /** Begins the service: the login is complete. */
  start(): void {
    const { announcement } = this.#options.hostKeys;
    if (announcement !== null) this.sender.send(encodeHostKeys(announcement));
  }

  /** Channels that count against `maxChannels`. */
  get channelCount(): number {
    return this.#taken.size;
  }

  /** Returns true if a channel was used since the last call, or is in use. */
  takeActivity(): boolean {
    const hadActivity = this.#hadActivity;
    this.#hadActivity = false;
    return hadActivity || this.#channels.some((channel) => channel?.isBusy === true);
  }

  message(type: number, payload: Buffer): void {
    this.#keepAlive.heard();
    const handler = this.#handlers[type];
    if (handler === undefined) throw protocolFault(`message ${type} is illegal in the connection protocol`);
    handler(payload);
  }

  drained(): void {
    this.#offerTurn();
    for (const channel of this.#channels) channel?.transportDrained();
  }

  closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#keepAlive.stop();
    this.#options.turns.remove(this);
    for (const channel of this.#channels) channel?.release();
  }

  wantsToSend(channel: Channel): void {
    this.#ready.add(channel);
    this.#offerTurn();
  }

  released(channel: Channel): void {
    this.#channels[channel.number] = undefined;
    this.#numbers.release(channel.number);
    this.#ready.delete(channel);
    this.#forgetEnded(channel);
  }

  /** Takes turns between the channels, so that none of them holds the connection. */
  sendSome(maxBytes: number): number {
    let cost = 0;
    for (const channel of this.#ready) {
      if (cost >= maxBytes || this.#isBlocked()) break;
      this.#ready.delete(channel);
      cost += channel.sendSome(Math.min(maxBytes - cost, 2 * this.limits.maxPacketBytes));
      // Behind the other channels.
      if (channel.canSend) this.#ready.add(channel);
    }
    if (cost > 0) this.#hadActivity = true;
    return cost;
  }

  get canSendMore(): boolean {
    return this.#ready.size > 0 && !this.#isBlocked();
  }

  #isBlocked(): boolean {
    return this.#isClosed || this.sender.backlogBytes > this.limits.maxBacklogBytes;
  }

  #offerTurn(): void {
    if (this.canSendMore) this.#options.turns.add(this);
  }

  readonly #handlers: Readonly<Record<number, (payload: Buffer) => void>> = {
    [Message.globalRequest]: (payload) => this.#globalRequest(payload),
    [Message.requestSuccess]: () => this.#keepAlive.answered(),
    [Message.requestFailure]: () => this.#keepAlive.answered(),
    [Message.channelOpen]: (payload) => this.#open(payload),
    [Message.channelWindowAdjust]: (payload) =>
      this.#channelOf(payload).receiveWindowAdjust(uint32At(payload, 5)),
    [Message.channelData]: (payload) => this.#data(payload),
    [Message.channelExtendedData]: (payload) => {
      checkLength(payload, 13 + uint32At(payload, 9));
      this.#channelOf(payload).receiveExtendedData(payload.byteLength - 13);
    },
    [Message.channelEof]: (payload) => this.#channelOf(payload).receiveEof(),
    [Message.channelClose]: (payload) => this.#channelOf(payload).receiveClose(),
    [Message.channelRequest]: (payload) => this.#channelRequest(payload),
    // We send no channel request that wants a reply. Some clients answer nevertheless.
    [Message.channelSuccess]: (payload) => void this.#channelOf(payload),
    [Message.channelFailure]: (payload) => void this.#channelOf(payload),
  };

  /** Returns the channel that a message is for. A message for a channel that both sides have closed ends the connection. */
  #channelOf(payload: Buffer): Channel {
    this.#hadActivity = true;
    const channel = this.#channels[uint32At(payload, 1)];
    if (channel === undefined) throw protocolFault('message for a channel that does not exist');
    return channel;
  }

  #data(payload: Buffer): void {
    const byteLength = uint32At(payload, 5);
    checkLength(payload, 9 + byteLength);
    this.#keepAlive.receivedData(byteLength);
    this.#channelOf(payload).receiveData(payload.subarray(9));
  }

  /** RFC 4254 section 5.1. */
  #open(payload: Buffer): void {
    this.#checkReplies();
    const open = parseChannelOpen(payload);
    const refusal = refusalOfType(open.type) ?? this.#refusalOfSession(open.packetBytes);
    this.sender.send(
      refusal === null ? this.#openSession(open) : encodeOpenFailure(open.peerNumber, refusal),
    );
  }

  /** Returns why no session is opened, null if one can be. */
  #refusalOfSession(packetBytes: number): OpenRefusal | null {
    if (!this.#globalRequests.allowsSessions) throw protocolFault('session opened after no-more-sessions');
    const { minPacketBytes, maxChannels } = this.limits;
    if (packetBytes < minPacketBytes) {
      const text = `maximum packet size of ${packetBytes} bytes, expected at least ${minPacketBytes}`;
      return { reason: OpenFailure.administrativelyProhibited, text };
    }
    if (this.#taken.size < maxChannels) return null;
    return { reason: OpenFailure.resourceShortage, text: `${maxChannels} channels are open, the maximum` };
  }

  /** Returns the confirmation. */
  #openSession({ peerNumber, windowBytes, packetBytes }: ChannelOpen): Buffer {
    const { maxPacketBytes, maxReceivedPacketBytes, initialWindowBytes, minWindowBytes } = this.limits;
    const { windowBudget, clock } = this.#options;
    const size = windowBudget.reserve(initialWindowBytes, minWindowBytes);
    const roundTripMs = () => this.#keepAlive.roundTrip.ms;
    const channel = new Channel(this, {
      number: this.#numbers.take(),
      peerNumber,
      peerWindow: windowBytes,
      packetBytes: Math.min(packetBytes, maxPacketBytes),
      window: new ReceiveWindow(size, windowBudget, this.limits, roundTripMs, clock),
    });
    this.#channels[channel.number] = channel;
    this.#taken.add(channel);
    return encodeOpenConfirmation(peerNumber, channel.number, size, maxReceivedPacketBytes);
  }

  #channelRequest(payload: Buffer): void {
    this.#checkReplies();
    const channel = this.#channelOf(payload);
    const { wantsReply, decision } = parseChannelRequest(payload);
    const isService = decision.kind === 'serve' || decision.kind === 'explain';
    const isAccepted = decision.kind !== 'fail' && !(isService && channel.isServing);
    if (wantsReply) channel.reply(isAccepted);
    if (!isAccepted || !isService) return;
    channel.serve();
    if (decision.kind === 'explain') channel.refuse(this.#options.refusalText);
    else void this.#serve(channel, decision.request);
  }

  /** Never rejects. */
  async #serve(channel: Channel, request: SessionRequest): Promise<void> {
    this.#sessions.add(channel);
    try {
      await this.#options.onSession(channel, request, (text) => channel.refuse(text));
    } catch (error) {
      this.#options.log.warn({ err: error }, 'session failed');
      channel.refuse('the server failed to serve this session');
    }
    this.#sessions.delete(channel);
    this.#forgetEnded(channel);
  }

  #forgetEnded(channel: Channel): void {
    const isOnWire = this.#channels[channel.number] === channel;
    if (isOnWire || this.#sessions.has(channel) || !this.#taken.delete(channel)) return;
    if (this.#taken.size === 0) this.#options.onChannelsEnded?.();
  }

  #globalRequest(payload: Buffer): void {
    this.#checkReplies();
    const reply = this.#globalRequests.answer(parseGlobalRequest(payload));
    if (reply !== null) this.sender.send(reply);
  }

  /** The transport stops reading long before: a client that gets here has sent thousands of requests in one buffer. */
  #checkReplies(): void {
    if (this.sender.backlogBytes <= this.limits.maxUnsentReplyBytes) return;
    throw new ProtocolError(DisconnectReason.byApplication, 'too many requests without reading the replies');
  }
}

function uint32At(payload: Buffer, at: number): number {
  checkMinLength(payload, at + 4);
  return payload.readUInt32BE(at);
}

function checkMinLength(payload: Buffer, byteLength: number): void {
  if (payload.byteLength < byteLength) throw protocolFault('message ends early');
}

function checkLength(payload: Buffer, byteLength: number): void {
  if (payload.byteLength !== byteLength) throw protocolFault('message has a wrong length');
}
