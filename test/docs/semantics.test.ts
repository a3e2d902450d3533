import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const project = resolve(import.meta.dirname, '../..');
const text = readFileSync(join(project, 'docs/SEMANTICS.md'), 'utf8');

interface Proof {
  readonly file: string;
  readonly title: string;
}

/** `file`: title, up to the end of the line or of the table's cell. */
function proofsIn(part: string): readonly Proof[] {
  const proof = /`((?:src|test|embedded-s3)\/[\w./-]+\.ts)`: (.+?)(?= \||$)/gm;
  return [...part.matchAll(proof)].map(([, file = '', title = '']) => ({ file, title }));
}

/** The titles in a test file, with `…` for what a loop or a table fills in. */
function titlesIn(file: string): ReadonlySet<string> {
  const source = readFileSync(join(project, file), 'utf8');
  const firstArgument = /\(\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1\s*,/gs;
  const titles = [...source.matchAll(firstArgument)].map(([, , title = '']) =>
    title.replace(/\\(.)/g, '$1').replace(/\$\{[^}]*\}|\$[\w.]+|%[sdifjoO]/g, '…'),
  );
  return new Set(titles);
}

function section(heading: string): string {
  const start = text.indexOf(`\n## ${heading}\n`);
  expect(start, `the section ${heading}`).toBeGreaterThan(0);
  const end = text.indexOf('\n## ', start + 1);
  return text.slice(start, end === -1 ? undefined : end);
}

describe('docs/SEMANTICS.md', () => {
  const proofs = proofsIn(text);
  const files = [...new Set(proofs.map(({ file }) => file))];

  it.each(files)('names tests that are in %s', (file) => {
    expect(existsSync(join(project, file)), 'the file').toBe(true);
    const titles = titlesIn(file);
    const missing = proofs.filter((proof) => proof.file === file && !titles.has(proof.title));
    expect(missing.map(({ title }) => title)).toEqual([]);
  });

  it('has a proof under every promise', () => {
    const promises = section('What is promised')
      .split(/^(?=\*\*)/m)
      .slice(1);
    expect(promises.length).toBeGreaterThan(20);
    const unproven = promises.filter((promise) => proofsIn(promise).length === 0);
    expect(unproven.map((promise) => promise.split('\n')[0])).toEqual([]);
  });

  it('has in the last column of every refusal a proof, or says that there is none', () => {
    const rows = section('What is not done, or refused')
      .split('\n')
      .filter((line) => line.startsWith('| ') && !line.startsWith('| what |'));
    expect(rows.length).toBeGreaterThan(30);
    const without = rows.filter((row) => !row.endsWith(' none |') && proofsIn(row).length === 0);
    expect(without).toEqual([]);
  });

  it('links to documents that are there', () => {
    const links = [...text.matchAll(/\]\(([\w./-]+\.md)(?:#[\w-]+)?\)/g)].map(([, link = '']) => link);
    expect(links.filter((link) => !existsSync(join(project, 'docs', link)))).toEqual([]);
  });
});
