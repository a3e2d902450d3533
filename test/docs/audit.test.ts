import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { auditJson } from '../../src/audit/outputs/audit-line.js';
import { maxDetailsLength, maxTextLength } from '../../src/audit/spool-line.js';
import { auditActions } from '../../src/model/audit.js';
import { maxRefusalsPerMinute as maxRefusalsOfPeople } from '../../src/people/refusals.js';
import { maxRefusalsPerMinute } from '../../src/sftp/session-audit.js';

const text = readFileSync(resolve(import.meta.dirname, '../..', join('docs', 'AUDIT.md')), 'utf8');

/** Returns the names in the first column of a table. */
function firstColumn(heading: string): readonly string[] {
  const start = text.indexOf(`\n## ${heading}\n`);
  expect(start, heading).toBeGreaterThan(0);
  const end = text.indexOf('\n## ', start + 1);
  const rows = text
    .slice(start, end)
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  return rows.flatMap((line) =>
    [...(line.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, name = '']) => name),
  );
}

describe('docs/AUDIT.md', () => {
  it('has every action, in the order of the program', () =>
    expect(firstColumn('Actions')).toEqual(Object.keys(auditActions)));

  it('has every field of an event', () => {
    const row = {
      seq: 1,
      timeMs: 0,
      node: '',
      actor: { kind: 'user', name: '' },
      address: null,
      session: null,
      request: null,
      action: '',
      target: null,
      bucket: null,
      objectKey: null,
      result: '',
      keyId: null,
      details: '{}',
      previousHash: '',
      hash: '',
    } as const;
    expect([...firstColumn('An event')].sort()).toEqual(Object.keys(auditJson(row)).sort());
  });

  it('has the bounds of the program', () => {
    for (const bound of [maxTextLength, maxDetailsLength, maxRefusalsPerMinute, maxRefusalsOfPeople]) {
      expect(text).toContain(`${bound.toLocaleString('en')} `);
    }
  });
});
