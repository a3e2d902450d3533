import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { notifyTopic, RgwTopics, whyNoRgwTopics } from '../events/rgw-topics.js';
import type { Gateway } from '../support/gateway.js';
import { customerKeyArguments, gatewayTargets } from '../support/gateway-targets.js';
import { s3Targets } from '../support/s3-targets.js';
import { missing } from '../support/tools.js';
import { eventually } from '../support/wait.js';

const programs = missing('ssh-keygen', 'aws');
const [, environment] = await s3Targets();
const [, target] = await gatewayTargets();
if (environment === undefined || target === undefined) throw new Error('the environment names no S3 target');
const skip = programs ?? whyNoRgwTopics(environment);

/** Returns the address for S3's events, with the gateway's secret. */
async function eventAddress(gateway: Gateway): Promise<string> {
  const port = await eventually('the port for events is logged', () => {
    const line = gateway.output.split('\n').find((text) => text.includes('event endpoint ready'));
    return line === undefined ? null : Number((JSON.parse(line) as { port: number }).port);
  });
  const secret = readFileSync(join(gateway.root, 'var/lib/sftpgw/events.secret'), 'utf8').trim();
  return `http://sftpgw:${secret}@127.0.0.1:${port}/events/s3`;
}

describe.skipIf(skip !== null)(
  `a gateway with events from Ceph RGW${skip ? ` (skipped: ${skip})` : ''}`,
  () => {
    it('decrypts a new object to disk long before the next pass, and removes a removed one', async () => {
      const properties = { 'events.listen': '127.0.0.1:0', 'mirror.interval': '10m' };
      await using gateway = await target.start({ properties, logLevel: 'debug' });
      const { bucket, s3api } = await target.access(gateway);
      const user = await gateway.addUser('fay', ['--sse', '1', '--downloads']);
      const settings = join(gateway.root, 'home/fay/.sftpgateway');
      writeFileSync(join(settings, 'sse-sync.key'), user.key, { mode: 0o600 });
      writeFileSync(join(settings, 'user.properties'), 'sse.option=1\ndownloads=yes\nsse.sync.option=3\n');
      const topics = new RgwTopics(environment);
      const topic = await topics.create(`t-${bucket}`, await eventAddress(gateway));
      try {
        await notifyTopic(environment.client(), bucket, topic, 'fay/downloads/');
        const body = join(gateway.work, 'body');
        writeFileSync(body, 'testing123\n');
        const file = (name: string) => join(gateway.root, 'home/fay/home/fay/downloads/in', name);
        const put = async (name: string) => {
          const key = ['--key', `fay/downloads/in/${name}`];
          const done = await s3api('put-object', ...key, '--body', body, ...customerKeyArguments(user));
          expect(done.code, done.stderr).toBe(0);
          await eventually(`${name} is on disk`, () => existsSync(file(name)), 5_000);
          expect(readFileSync(file(name), 'utf8')).toBe('testing123\n');
        };
        const hasResult = (name: string, result: string) =>
          gateway.output.includes(`"path":"in/${name}","result":"${result}"`);
        await put('first');
        // A pass may find the object before the event, because passes are frequent after the start. Then try
        // the next object.
        const names: string[] = [];
        const fetched = await eventually('an event triggers a fetch', async () => {
          const name = `f${names.length}`;
          names.push(name);
          await put(name);
          return names.find((one) => hasResult(one, 'fetched')) ?? null;
        });
        expect((await s3api('delete-object', '--key', `fay/downloads/in/${fetched}`)).code).toBe(0);
        await eventually('the file is removed', () => !existsSync(file(fetched)), 5_000);
      } finally {
        await topics.remove(topic);
      }
    });
  },
);
