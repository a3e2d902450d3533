import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { expect, it } from 'vitest';
import { apiReference } from '../../src/api/description/reference.js';
import { apiIntroduction } from '../../src/endpoints/introduction.js';
import { documentOf, publicOperations } from '../../src/endpoints/openapi.js';
import { operations } from '../../src/endpoints/operations.js';

const path = join(resolve(import.meta.dirname, '../..'), 'docs/API.md');

it('docs/API.md has every operation as the program has it', () => {
  const text = `${apiIntroduction}\n${apiReference(publicOperations(operations))}\n`;
  if (process.env['SFTPGW_DOCS'] === 'write') writeFileSync(path, text);
  expect(readFileSync(path, 'utf8'), 'run `npm run docs:api`').toBe(text);
});

it('the OpenAPI document passes a linter, with an example of each operation', async () => {
  const document = documentOf(operations, '1.0.0');
  const problems = await lintFromString({
    source: JSON.stringify(document),
    config: await createConfig({
      extends: ['recommended'],
      rules: {
        // Every answer that is not listed is a problem document, as `default` states.
        'operation-4xx-response': 'off',
        'no-server-example.com': 'off',
      },
    }),
  });
  expect(problems.map(({ ruleId, message, location }) => [ruleId, message, location[0]?.pointer])).toEqual(
    [],
  );
  expect(Object.keys(document.paths).length).toBeGreaterThan(10);
});
