import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { kexAlgorithms } from '../algorithms/kex-methods.js';
import { fullOffer, kexListsOf, type NegotiatedAlgorithms, negotiate } from '../algorithms/negotiate.js';
import { exchangeHash } from '../kex/exchange-hash.js';
import { buildKexInit, parseKexInit } from '../kex/kexinit.js';
import type { KexAgreement } from '../kex/method.js';
import { startKex } from '../kex/start.js';
import { WireWriter } from '../wire/writer.js';
import { testHostKeys } from './test-server.js';

/**
 * Records how OpenSSH's client completes a handshake, as known answers for the exchange hash, the key derivation and the packet
 * protection: the first encrypted packets of the client prove them. Run it by
 * `esbuild testing/record-openssh.ts --bundle --platform=node --format=esm | node --input-type=module - SSH FILE CASE...`, a case
 * being `kex,cipher,mac`.
 */

export interface RecordedHandshake {
  readonly software: string;
  readonly kex: string;
  readonly cipher: string;
  readonly mac: string;
  readonly clientIdent: string;
  readonly serverIdent: string;
  readonly clientInit: string;
  readonly serverInit: string;
  readonly hostKey: string;
  readonly transcript: string;
  readonly secret: string;
  /** Bytes that the client sent after its NEWKEYS. */
  readonly sealed: string;
}

const serverIdent = 'SSH-2.0-recorder';

/** A packet before the first NEWKEYS. */
function plainPacket(payload: Buffer): Buffer {
  const padding = 8 - ((5 + payload.byteLength) % 8) + 8;
  const header = new WireWriter(5)
    .u32(1 + payload.byteLength + padding)
    .u8(padding)
    .finish();
  return Buffer.concat([header, payload, Buffer.alloc(padding)]);
}

/** Bytes of a socket in the order asked for. */
class SocketBytes {
  readonly #chunks: AsyncIterator<Buffer>;
  #bytes = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.#chunks = socket[Symbol.asyncIterator]();
  }

  async take(byteLength: number): Promise<Buffer> {
    while (this.#bytes.byteLength < byteLength) await this.#more();
    const taken = this.#bytes.subarray(0, byteLength);
    this.#bytes = this.#bytes.subarray(byteLength);
    return taken;
  }

  async line(): Promise<string> {
    while (!this.#bytes.includes(10)) await this.#more();
    return (await this.take(this.#bytes.indexOf(10) + 1)).toString('latin1').trimEnd();
  }

  /** Returns at least one byte, and all that were received with it. */
  async some(): Promise<Buffer> {
    if (this.#bytes.byteLength === 0) await this.#more();
    return this.take(this.#bytes.byteLength);
  }

  async #more(): Promise<void> {
    const { value, done } = await this.#chunks.next();
    if (done === true) throw new Error('connection closed');
    this.#bytes = Buffer.concat([this.#bytes, value]);
  }
}

async function record(
  socket: Socket,
  names: { kex: string; cipher: string; mac: string },
): Promise<RecordedHandshake> {
  const input = new SocketBytes(socket);
  const packet = async () => {
    const length = (await input.take(4)).readUInt32BE();
    const body = await input.take(length);
    return Buffer.from(body.subarray(1, length - (body[0] ?? 0)));
  };
  socket.write(`${serverIdent}\r\n`);
  const clientIdent = await input.line();
  const lists = kexListsOf(fullOffer(['ssh-ed25519']), ['kex-strict-s-v00@openssh.com']);
  const serverInit = buildKexInit(lists);
  socket.write(plainPacket(serverInit));
  const clientInit = await packet();
  const algorithms: NegotiatedAlgorithms = negotiate(parseKexInit(clientInit), lists);
  const agreement = await agree(startKex(algorithms.kex), packet, (payload) =>
    socket.write(plainPacket(payload)),
  );
  const [hostKey] = testHostKeys;
  if (hostKey === undefined) throw new Error('no host key');
  const opening = { clientIdent, serverIdent, clientInit, serverInit, hostKey: hostKey.publicBlob };
  const hash = exchangeHash(algorithms.kex.hash, opening, agreement.transcript, agreement.secret);
  const reply = new WireWriter(2048)
    .u8(agreement.replyType)
    .string(hostKey.publicBlob)
    .raw(agreement.serverShare)
    .string(hostKey.sign(algorithms.hostKey, hash));
  socket.write(plainPacket(reply.finish()));
  socket.write(plainPacket(Buffer.from([21])));
  await packet();
  const sealed = await input.some();
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  return {
    software: clientIdent,
    ...names,
    clientIdent,
    serverIdent,
    clientInit: hex(clientInit),
    serverInit: hex(serverInit),
    hostKey: hex(hostKey.publicBlob),
    transcript: hex(Buffer.concat(agreement.transcript)),
    secret: hex(agreement.secret),
    sealed: hex(sealed),
  };
}

async function agree(
  run: ReturnType<typeof startKex>,
  packet: () => Promise<Buffer>,
  send: (payload: Buffer) => void,
): Promise<KexAgreement> {
  for (;;) {
    const payload = await packet();
    const step = run.receive(payload[0] ?? 0, payload);
    if (step.kind === 'agreed') return step;
    send(step.payload);
  }
}

const [ssh = 'ssh', file = '', ...cases] = process.argv.slice(2);
const recorded: RecordedHandshake[] = [];
for (const text of cases) {
  const [kex = '', cipher = '', mac = ''] = text.split(',');
  if (!kexAlgorithms.some(({ name }) => name === kex))
    throw new Error(`key exchange method ${kex} not found`);
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const fixed = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'BatchMode=yes'];
  const options = [...fixed, `KexAlgorithms=${kex}`, `Ciphers=${cipher}`, `MACs=${mac}`].flatMap((option) => [
    '-o',
    option,
  ]);
  const client = spawn(ssh, ['-F', 'none', ...options, '-p', String(port), 'x@127.0.0.1'], {
    stdio: 'ignore',
  });
  const [socket] = (await once(server, 'connection')) as [Socket];
  recorded.push(await record(socket, { kex, cipher, mac }));
  socket.destroy();
  server.close();
  client.kill();
}
writeFileSync(file, `${JSON.stringify(recorded, null, 1)}\n`);
