import { readlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { embeddedSkip } from '../support/s3-targets.js';
import { missing } from '../support/tools.js';
import { lacking, noMount } from './client-programs.js';
import { linkingClients } from './symlink-clients.js';
import { startTestGateway, type TestGateway } from './test-gateway.js';

const skip = embeddedSkip ?? missing('ssh-keygen', 'ssh-keyscan');

describe.skipIf(skip !== null)(`symbolic links of other clients (${skip ?? 'embedded S3'})`, () => {
  let server: TestGateway;

  beforeAll(async () => {
    server = await startTestGateway();
    writeFileSync(join(localDirectory(), 'target'), 'content');
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
  });

  function localDirectory(): string {
    return join(server.gateway.root, 'home/carol/home/carol/local');
  }

  for (const [index, client] of linkingClients.entries()) {
    const reason = lacking(...client.needs) ?? (client.name.startsWith('sshfs') ? noMount() : null);
    const how = reason === null ? client.order : `${client.order} (${reason})`;
    it.skipIf(reason !== null)(`lead to their target if ${client.name} creates them, ${how}`, async () => {
      const link = `link-${index}`;
      const finished = await client.link(server, link, 'target');
      expect([finished.code, finished.stderr]).toEqual([0, expect.any(String)]);
      expect(basename(readlinkSync(join(localDirectory(), link)))).toBe('target');
    });
  }
});
