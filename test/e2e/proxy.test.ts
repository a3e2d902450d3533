import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { type EmbeddedS3, startEmbeddedS3 } from '@sftpgw/embedded-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeSqs } from '../events/fake-sqs.js';
import { ConnectProxy, type ProxyAnswer } from '../support/connect-proxy.js';
import { FakeSts } from '../support/fake-sts.js';
import { Gateway } from '../support/gateway.js';
import { proxiedHost, proxiedTls, writeProxiedCa } from '../support/proxied-tls.js';
import { missing } from '../support/tools.js';
import { eventually } from '../support/wait.js';

const skip = missing('sftp', 'ssh-keygen');
const role = 'arn:aws:iam::111122223333:role/partner';
/** The ports that the gateway knows, of servers that only the proxy reaches. */
const ports = { s3: 9000, sts: 9443, sqs: 9324 };

describe.skipIf(skip !== null)(`a gateway behind a proxy${skip ?? ''}`, () => {
  let directory: string;
  let server: EmbeddedS3;
  let sts: FakeSts;
  let queue: FakeSqs;
  let proxy: ConnectProxy;
  let gateway: Gateway;
  const terminators: tls.Server[] = [];
  const targets = new Map<string, ProxyAnswer>();

  /** Makes a plain server reachable with TLS, through the proxy only. */
  async function publish(port: number, url: string): Promise<void> {
    const terminator = tls.createServer(proxiedTls, (outer) => {
      const inner = net.connect(Number(new URL(url).port), '127.0.0.1');
      for (const socket of [outer, inner]) socket.on('error', () => undefined);
      outer.on('close', () => inner.destroy());
      inner.on('close', () => outer.destroy());
      outer.pipe(inner).pipe(outer);
    });
    await new Promise<void>((resolve) => terminator.listen(0, '127.0.0.1', resolve));
    terminators.push(terminator);
    const address = terminator.address() as AddressInfo;
    targets.set(`${proxiedHost}:${port}`, { do: 'connect', port: address.port });
  }

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'sftpgw-proxy-'));
    sts = new FakeSts((id) =>
      id === server.credentials.accessKeyId ? server.credentials.secretAccessKey : null,
    );
    server = await startEmbeddedS3({
      directory: join(directory, 's3'),
      region: 'us-east-1',
      listen: { host: '127.0.0.1', port: 0 },
      temporaryCredentials: (accessKeyId) => sts.sessions.get(accessKeyId) ?? null,
    });
    await server.ensureBucket('default-bucket');
    await server.ensureBucket('partner-bucket');
    queue = new FakeSqs();
    await queue.start();
    await publish(ports.s3, server.endpoint);
    await publish(ports.sts, await sts.listen());
    await publish(ports.sqs, queue.queueUrl);
    proxy = await ConnectProxy.start((to) => targets.get(to) ?? { do: 'refuse', status: 403 });
    proxy.credentials = 'gateway:canary-password';
    const caFile = writeProxiedCa(directory);
    gateway = await Gateway.start({
      s3: {
        endpoint: `https://${proxiedHost}:${ports.s3}`,
        caFile,
        region: 'us-east-1',
        bucket: 'default-bucket',
        ...server.credentials,
      },
      properties: {
        'sts.endpoint': `https://${proxiedHost}:${ports.sts}`,
        'events.sqs.queue': `https://${proxiedHost}:${ports.sqs}${new URL(queue.queueUrl).pathname}`,
        's3.retry.time': '5s',
      },
      logLevel: 'debug',
      env: { HTTPS_PROXY: proxy.url, NO_PROXY: 'example.com', AWS_CA_BUNDLE: caFile },
    });
  });
  afterAll(async () => {
    await gateway?.[Symbol.asyncDispose]();
    await proxy?.[Symbol.asyncDispose]();
    for (const terminator of terminators) terminator.close();
    await queue?.[Symbol.asyncDispose]();
    await sts?.[Symbol.asyncDispose]();
    await server?.close(0);
    rmSync(directory, { recursive: true, force: true });
  });

  const source = (name: string, content: string) => {
    const path = join(gateway.work, name);
    writeFileSync(path, content);
    return path;
  };

  it('stores and returns files, with keys of the customer', async () => {
    const bob = await gateway.addUser('bob', []);
    const back = join(gateway.work, 'back');
    await bob.sftpOk(
      `put ${source('a', 'content')} /uploads/a\nrename /uploads/a /uploads/b\nget /uploads/b ${back}`,
    );
    expect(readFileSync(back, 'utf8')).toBe('content');
    expect(proxy.seen).toContain(`${proxiedHost}:${ports.s3}`);
    const doctor = await gateway.cli(['doctor', '--json']);
    expect(doctor.stdout).not.toMatch(/"severity": *"error"/);
  });

  it('assumes roles and reads its queue through it', async () => {
    const flags = ['--bucket', 'partner-bucket', '--role-arn', role];
    const carol = await gateway.addUser('carol', flags);
    await carol.sftpOk(`put ${source('c', 'content')} /uploads/c`);
    expect(sts.requests).toHaveLength(1);
    expect(proxy.seen).toContain(`${proxiedHost}:${ports.sts}`);
    await eventually('the queue is read', () => queue.requests.length > 0);
    expect(proxy.seen).toContain(`${proxiedHost}:${ports.sqs}`);
  });

  it('logs the address of the proxy, and its password nowhere', async () => {
    const { host } = new URL(proxy.url);
    const lines = gateway.output.split('\n').filter((line) => line.includes('S3 is reached through a proxy'));
    expect(lines).toEqual([expect.stringContaining(`"proxy":"${host}"`)]);
    proxy.answer = () => ({ do: 'refuse', status: 403 });
    const doctor = await gateway.cli(['doctor']);
    expect(doctor.stdout).toContain(`the proxy ${host} refuses connections to ${proxiedHost}:${ports.s3}`);
    const base64 = Buffer.from(proxy.credentials ?? '').toString('base64');
    for (const text of [gateway.output, doctor.stdout, doctor.stderr]) {
      expect(text).not.toContain('canary-password');
      expect(text).not.toContain(base64);
    }
  });
});
