import { generateKeyPairSync } from 'node:crypto';
import { type Duplex, duplexPair } from 'node:stream';
import { type HostKey, hostKeyOf } from '../host-keys/host-key.js';
import { serverSignatureAlgorithms } from '../keys/signature-algorithms.js';
import type { TransportEvent } from '../transport/events.js';
import { silentLog } from '../transport/events.js';
import type { MessageLayer } from '../transport/layer.js';
import { defaultTransportLimits, type TransportLimits } from '../transport/limits.js';
import { Transport, type TransportOptions } from '../transport/transport.js';

/** One host key of each type. They are generated once for a process. */
export const testHostKeys: readonly HostKey[] = [
  hostKeyOf(generateKeyPairSync('ed25519').privateKey),
  hostKeyOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey),
  hostKeyOf(generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey),
  hostKeyOf(generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey),
  hostKeyOf(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey),
];

/** A layer that records what it receives. */
export class RecordingLayer implements MessageLayer {
  readonly messages: Buffer[] = [];
  drainCount = 0;
  isClosed = false;
  onMessage: (type: number, payload: Buffer) => void = () => undefined;

  message(type: number, payload: Buffer): void {
    this.messages.push(Buffer.from(payload));
    this.onMessage(type, payload);
  }

  drained(): void {
    this.drainCount += 1;
  }

  closed(): void {
    this.isClosed = true;
  }
}

export interface TestServer {
  readonly transport: Transport;
  readonly layer: RecordingLayer;
  readonly events: readonly TransportEvent[];
  /** The server's end of the stream. */
  readonly stream: Duplex;
  /** The client's end of the stream. */
  readonly clientStream: Duplex;
}

export type TestServerOptions = Partial<Omit<TransportOptions, 'limits'>> & {
  readonly limits?: Partial<TransportLimits>;
  /** The client counts as logged in as soon as it requests the service. */
  readonly logsIn?: boolean;
};

/** Starts a transport on one end of a pair of streams, with a recording layer. */
export function startTestServer(options: TestServerOptions = {}): TestServer {
  const { limits, logsIn = false, onEvent, ...rest } = options;
  const [stream, clientStream] = duplexPair();
  const layer = new RecordingLayer();
  const events: TransportEvent[] = [];
  const transport = new Transport({
    stream,
    hostKeys: testHostKeys,
    ident: 'sftpgw_test',
    limits: { ...defaultTransportLimits, ...limits },
    log: silentLog,
    signatureAlgorithms: serverSignatureAlgorithms,
    ...rest,
    onEvent: (event) => {
      events.push(event);
      if (event.kind === 'userauth' && logsIn) transport.loggedIn();
      onEvent?.(event);
    },
  });
  transport.setLayer(layer);
  transport.start();
  return { transport, layer, events, stream: options.stream ?? stream, clientStream };
}
