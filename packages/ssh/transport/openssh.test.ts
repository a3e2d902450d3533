import { execFile, execFileSync } from 'node:child_process';
import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cipherAlgorithms } from '../algorithms/ciphers.js';
import { hostKeyAlgorithms } from '../algorithms/host-key-algorithms.js';
import { kexAlgorithms } from '../algorithms/kex-methods.js';
import { macAlgorithms } from '../algorithms/macs.js';
import { serverSignatureAlgorithms } from '../keys/signature-algorithms.js';
import { testHostKeys } from '../testing/test-server.js';
import { Message } from '../wire/message-numbers.js';
import { WireWriter } from '../wire/writer.js';
import { silentLog } from './events.js';
import { defaultTransportLimits } from './limits.js';
import { Transport } from './transport.js';

/** Another build of OpenSSH's client can be named, such as one of a later version. */
const ssh = process.env['SSH_TEST_CLIENT'] ?? 'ssh';

function namesOf(kind: 'kex' | 'cipher' | 'mac' | 'key'): readonly string[] {
  try {
    return execFileSync(ssh, ['-Q', kind], { encoding: 'utf8' }).split('\n');
  } catch {
    return [];
  }
}

const failure = new WireWriter().u8(Message.userauthFailure).nameList(['publickey']).boolean(false).finish();

/** Refuses every authentication request, so that the client ends after the handshake. */
function startServer(): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer({ pauseOnConnect: true }, (stream) => {
    const transport = new Transport({
      stream,
      hostKeys: testHostKeys,
      ident: 'sftpgw_test',
      limits: defaultTransportLimits,
      log: silentLog,
      signatureAlgorithms: serverSignatureAlgorithms,
      onEvent: () => undefined,
    });
    transport.setLayer({
      message: () => transport.send(failure),
      drained: () => undefined,
      closed: () => undefined,
    });
    transport.start();
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve({ server, port: typeof address === 'object' && address !== null ? address.port : 0 });
    });
  });
}

/** Returns what `ssh -v` prints on a connection with these options. */
function runSsh(port: number, options: Readonly<Record<string, string>>): Promise<string> {
  const fixed = {
    BatchMode: 'yes',
    StrictHostKeyChecking: 'no',
    UserKnownHostsFile: '/dev/null',
    GlobalKnownHostsFile: '/dev/null',
    IdentityFile: '/dev/null',
    IdentityAgent: 'none',
  };
  const args = Object.entries({ ...fixed, ...options }).flatMap(([name, value]) => [
    '-o',
    `${name}=${value}`,
  ]);
  return new Promise((resolve) => {
    execFile(ssh, ['-F', 'none', '-v', ...args, '-p', String(port), 'x@127.0.0.1'], (_, out, err) =>
      resolve(out + err),
    );
  });
}

const [offeredKex, offeredCiphers, offeredMacs] = [namesOf('kex'), namesOf('cipher'), namesOf('mac')];
const kexNames = kexAlgorithms.map(({ name }) => name).filter((name) => offeredKex.includes(name));
const protections = cipherAlgorithms
  .filter(({ name }) => offeredCiphers.includes(name))
  .flatMap(({ name, tagBytes }) =>
    (tagBytes > 0 ? macAlgorithms.slice(0, 1) : macAlgorithms)
      .filter((mac) => offeredMacs.includes(mac.name))
      .map((mac) => ({ cipher: name, mac: tagBytes > 0 ? '<implicit>' : mac.name, macOffer: mac.name })),
  );

describe.skipIf(kexNames.length === 0)('the OpenSSH client of this machine', () => {
  let started: Awaited<ReturnType<typeof startServer>>;

  beforeAll(async () => {
    started = await startServer();
  });

  afterAll(() => {
    started.server.close();
  });

  it.each(kexNames)('reaches user authentication with %s and every cipher and MAC', async (kex) => {
    for (const { cipher, mac, macOffer } of protections) {
      const output = await runSsh(started.port, { KexAlgorithms: kex, Ciphers: cipher, MACs: macOffer });
      expect(output).toContain(`kex: algorithm: ${kex}\r`);
      expect(output).toContain(`kex: server->client cipher: ${cipher} MAC: ${mac} compression: none`);
      expect(output).toContain(`kex: client->server cipher: ${cipher} MAC: ${mac} compression: none`);
      expect(output).toContain('Authentications that can continue: publickey');
      expect(output).toContain('server-sig-algs=<ssh-ed25519,');
    }
  });

  it.each(hostKeyAlgorithms.map(({ name }) => name))('accepts the signature of %s', async (name) => {
    const output = await runSsh(started.port, { HostKeyAlgorithms: name });
    expect(output).toContain(`kex: host key algorithm: ${name}\r`);
    expect(output).toContain('Authentications that can continue: publickey');
  });

  it('shows why the handshake failed when nothing is in common', async () => {
    const output = await runSsh(started.port, { Ciphers: 'aes128-cbc' });
    expect(output).toContain('no matching cipher found');
  });
});
