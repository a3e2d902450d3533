import { spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { afterAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../testing/test-server.js';
import { Message } from '../wire/message-numbers.js';
import { WireReader } from '../wire/reader.js';
import { WireWriter } from '../wire/writer.js';

/** Another build of OpenSSH's client can be named, such as one of a later version. */
const sshCommand = process.env['SSH_TEST_CLIENT'] ?? 'ssh';
const hasSsh = spawnSync(sshCommand, ['-V']).status === 0;
const dataBytes = 24 * 1024 * 1024;
const maxPacketBytes = 32 * 1024;
const closers: (() => void)[] = [];
afterAll(() => {
  for (const close of closers) close();
});

/**
 * Accepts every login and runs a session that returns what it receives. Implements only the parts of the upper protocols that
 * OpenSSH needs, and respects the client's window.
 */
function echo({ transport, layer }: Pick<TestServer, 'transport' | 'layer'>): void {
  let channel = 0;
  let windowBytes = 0;
  let isEnded = false;
  const waiting: Buffer[] = [];
  const channelMessage = (type: number) => new WireWriter().u8(type).u32(channel);
  const flush = () => {
    for (let data = waiting[0]; data !== undefined && windowBytes >= data.byteLength; data = waiting[0]) {
      waiting.shift();
      windowBytes -= data.byteLength;
      transport.send(channelMessage(Message.channelData).string(data).finish());
    }
    if (isEnded && waiting.length === 0) {
      isEnded = false;
      transport.send(channelMessage(Message.channelEof).finish());
      transport.send(
        channelMessage(Message.channelRequest).string('exit-status').boolean(false).u32(0).finish(),
      );
      transport.send(channelMessage(Message.channelClose).finish());
    }
  };
  const handlers: Readonly<Record<number, (reader: WireReader) => void>> = {
    [Message.userauthRequest]: () => {
      transport.send(Buffer.from([Message.userauthSuccess]));
      transport.loggedIn();
    },
    [Message.channelOpen]: (reader) => {
      reader.string();
      channel = reader.u32();
      windowBytes = reader.u32();
      const confirmation = channelMessage(Message.channelOpenConfirmation);
      transport.send(confirmation.u32(0).u32(0x7fff_ffff).u32(maxPacketBytes).finish());
    },
    [Message.channelRequest]: (reader) => {
      reader.u32();
      reader.string();
      if (reader.boolean()) transport.send(channelMessage(Message.channelSuccess).finish());
    },
    [Message.channelWindowAdjust]: (reader) => {
      reader.u32();
      windowBytes += reader.u32();
      flush();
    },
    [Message.channelData]: (reader) => {
      reader.u32();
      waiting.push(Buffer.from(reader.string()));
      flush();
    },
    [Message.channelEof]: () => {
      isEnded = true;
      flush();
    },
  };
  layer.onMessage = (type, payload) => {
    layer.messages.length = 0;
    handlers[type]?.(new WireReader(payload, 1));
  };
}

async function startEchoServer(rekeyBytes: number) {
  const started: TestServer[] = [];
  const server = createServer({ pauseOnConnect: true }, (stream) => {
    const testServer = startTestServer({ stream, limits: { rekeyBytes } });
    echo(testServer);
    started.push(testServer);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  closers.push(() => server.close());
  const address = server.address();
  return { started, port: typeof address === 'object' && address !== null ? address.port : 0 };
}

/** Sends the data through `ssh` and returns the digest of what comes back. */
function throughSsh(port: number, data: Buffer, options: readonly string[]): Promise<string> {
  const fixed = [
    'StrictHostKeyChecking=no',
    'UserKnownHostsFile=/dev/null',
    'BatchMode=yes',
    'LogLevel=ERROR',
  ];
  const args = [...fixed, ...options].flatMap((option) => ['-o', option]);
  const ssh = spawn(sshCommand, ['-F', 'none', ...args, '-p', String(port), 'x@127.0.0.1', 'echo'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const hash = createHash('sha256');
  ssh.stdout.on('data', (chunk: Buffer) => hash.update(chunk));
  ssh.stdin.end(data);
  return new Promise((resolve) => {
    ssh.on('close', () => resolve(hash.digest('hex')));
  });
}

describe.skipIf(!hasSsh)('rekeying with the OpenSSH client', () => {
  const data = randomBytes(dataBytes);
  const digest = createHash('sha256').update(data).digest('hex');
  const never = 2 ** 40;

  const cases = [
    ['the client', never, ['RekeyLimit=1M']],
    ['the server', 1024 * 1024, []],
    ['both', 1_200_000, ['RekeyLimit=1M']],
  ] as const;
  const ciphers = ['aes128-gcm@openssh.com', 'chacha20-poly1305@openssh.com', 'aes256-ctr'];

  it.each(
    cases.flatMap(([side, bytes, options]) =>
      ciphers.map((cipher) => [side, cipher, bytes, options] as const),
    ),
  )('started by %s keeps every byte in both directions with %s', async (_, cipher, rekeyBytes, options) => {
    const { started, port } = await startEchoServer(rekeyBytes);
    const result = await throughSsh(port, data, [`Ciphers=${cipher}`, ...options]);
    const [server] = started;
    const exchanges = server?.events.filter(({ kind }) => kind === 'keys').length ?? 0;
    expect(result).toBe(digest);
    expect(exchanges).toBeGreaterThan(10);
  });
});
