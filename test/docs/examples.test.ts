import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseYaml } from '@redocly/openapi-core';
import { afterAll, describe, expect, it } from 'vitest';
import { readSettings } from '../../src/config/settings.js';
import { settingsTable } from '../../src/config/settings-table.js';
import { PropertiesDocument } from '../../src/files/properties.js';
import { run } from '../support/command.js';

const project = resolve(import.meta.dirname, '../..');
const text = readFileSync(join(project, 'examples/kubernetes/sftpgw.yaml'), 'utf8');

/** A manifest of Kubernetes, as far as the tests read it. */
interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
  readonly spec?: {
    readonly template?: { readonly spec: { readonly terminationGracePeriodSeconds: number } };
  };
}

const manifests = text.split(/^---$/m).map((part) => parseYaml(part) as Manifest);
const ofKind = (kind: string) => manifests.filter((manifest) => manifest.kind === kind);
/** The module of the published schema of a manifest. */
const moduleOf = ({ apiVersion, kind }: Manifest) => `kubernetes-models/${apiVersion}/${kind}`;

describe('the example for Kubernetes', () => {
  const directory = mkdtempSync(join(project, 'node_modules/.sftpgw-examples-'));
  afterAll(() => rmSync(directory, { recursive: true }));

  it.each(manifests.map((manifest) => [`${manifest.kind} ${manifest.metadata.name}`, manifest] as const))(
    'has values of the published schema in %s',
    async (_name, manifest) => {
      const module = (await import(moduleOf(manifest))) as Record<
        string,
        new (
          data: Manifest,
        ) => { validate(): void }
      >;
      const Model = module[manifest.kind];
      if (Model === undefined) throw new Error(`there is no schema of ${manifest.kind}`);
      new Model(manifest).validate();
    },
  );

  it('has no fields that the schema does not know', async () => {
    const file = join(directory, 'manifests.ts');
    const lines = manifests.flatMap((manifest, index) => [
      `import type { I${manifest.kind} as Kind${index} } from '${moduleOf(manifest)}';`,
      `export const manifest${index}: Kind${index} = ${JSON.stringify(manifest)};`,
    ]);
    writeFileSync(file, lines.join('\n'));
    const compiler = join(project, 'node_modules/.bin/tsc');
    const flags = [
      '--noEmit',
      '--strict',
      '--skipLibCheck',
      '--ignoreConfig',
      '--module',
      'NodeNext',
      '--types',
      '',
    ];
    const { code, stdout } = await run(compiler, [...flags, file]);
    expect([stdout, code]).toEqual(['', 0]);
  });

  it('has settings and variables that the gateway knows', () => {
    const environment = Object.assign(
      {},
      ...manifests.map(({ data, stringData }) => ({ ...data, ...stringData })),
    );
    const known = new Set(settingsTable.map(({ environmentVariable }) => environmentVariable));
    known.add('SFTPGW_DATABASE_PASSWORD');
    expect(Object.keys(environment).filter((name) => !known.has(name))).toEqual([]);
    // The name of the bucket is a placeholder.
    const values = { ...environment, SFTPGW_DEFAULT_BUCKET: 'bucket' };
    const { settings, problems } = readSettings(PropertiesDocument.parse(''), 'none', values, '/srv/sftpgw');
    expect(problems).toEqual([]);
    const graceMs =
      1_000 * (ofKind('StatefulSet')[0]?.spec?.template?.spec.terminationGracePeriodSeconds ?? 0);
    expect(graceMs).toBeGreaterThan(settings.drainDelayMs + settings.drainTimeoutMs);
  });
});
