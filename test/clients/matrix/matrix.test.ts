import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lacking } from '../../ssh/client-programs.js';
import { embeddedSkip } from '../../support/s3-targets.js';
import { missing } from '../../support/tools.js';
import { areas } from './cells.js';
import { clients } from './clients.js';
import { expectedCell, shown, shownExpectation } from './expected.js';
import { type MatrixGateway, startMatrixGateway } from './matrix-gateway.js';
import { type Results, renderPage, withoutVersions } from './page.js';
import { cellName, operationsIn, runClient } from './run-client.js';

const skip = embeddedSkip ?? missing('ssh', 'ssh-keygen', 'ssh-keyscan');
const page = join(resolve(import.meta.dirname, '../../..'), 'docs/CLIENTS.md');
const results = new Map<string, Results>();

describe.skipIf(skip !== null)(`the table of clients (${skip ?? 'embedded S3'})`, () => {
  let server: MatrixGateway;

  beforeAll(async () => {
    server = await startMatrixGateway();
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
  });

  describe.concurrent('every operation', () => {
    for (const [index, client] of clients.entries()) {
      const reason = lacking(...client.needs) ?? client.obstacle?.() ?? null;
      it.skipIf(reason !== null)(
        `of ${client.name} has the expected result${reason ? ` (${reason})` : ''}`,
        async () => {
          const found = await runClient(client, server.peer, server.store, `client-${index}`);
          const cells = new Map<string, string>();
          const expected = new Map<string, string>();
          for (const area of areas) {
            for (const { id } of operationsIn(area)) {
              const name = cellName(id, area);
              const cell = found.get(name) ?? new Error('did not run');
              const wanted = expectedCell(client.name, id, area);
              cells.set(name, shown(cell, wanted));
              expected.set(name, shownExpectation(cell, wanted));
            }
          }
          expect(Object.fromEntries(cells)).toEqual(Object.fromEntries(expected));
          // Only what was expected reaches the page.
          results.set(client.name, { client: client.name, version: await client.version(), cells });
        },
      );
    }
  });

  it('is in docs/CLIENTS.md as the run found it', () => {
    const names = clients.map(({ name }) => name);
    const rendered = renderPage(names.map((name) => results.get(name) ?? expectedResults(name)));
    if (process.env['SFTPGW_WRITE_CLIENTS'] === 'yes') {
      expect([...results.keys()].sort(), 'clients with the expected results').toEqual([...names].sort());
      writeFileSync(page, rendered);
    }
    expect(withoutVersions(readFileSync(page, 'utf8'), names)).toBe(withoutVersions(rendered, names));
  });
});

/** Returns the row of a client that cannot run here, such as sshfs without /dev/fuse. */
function expectedResults(client: string): Results {
  const cells = areas.flatMap((area) =>
    operationsIn(area).map(({ id }) => {
      const expected = shownExpectation(null, expectedCell(client, id, area));
      return [cellName(id, area), expected] as const;
    }),
  );
  return { client, version: 'did not run', cells: new Map(cells) };
}
