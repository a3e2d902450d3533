import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAst } from 'vitest/node';
import {
  defaultAuthLimits,
  defaultConnectionLimits,
  defaultServerLimits,
  defaultTransportLimits,
} from '../../packages/ssh/index.js';
import { defaultDefenceLimits } from '../../src/sftp/defence/penalties.js';
import { defaultSftpLimits } from '../../src/sftp/limits.js';

const project = resolve(import.meta.dirname, '../..');
const pages = readdirSync(join(project, 'docs/semantics')).filter((name) => name.endsWith('.md'));
const index = readFileSync(join(project, 'docs/SEMANTICS.md'), 'utf8');
const text = pages.map((name) => textOf(name)).join('\n');
/** The pages of refusals have tables. All others have promises. */
const refusals = ['limits-of-settings.md', 'other-refusals.md', 'refusals-in-uploads.md'];
const security = readFileSync(join(project, 'docs/SECURITY.md'), 'utf8');

/** Values of units in the units of the bounds: milliseconds and bytes. */
const unitValues: Readonly<Record<string, number>> = {
  s: 1_000,
  minutes: 60_000,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};

interface Proof {
  readonly file: string;
  readonly path: string;
}

/** Returns the proofs in a part of the page: `file`: suite > test, up to the end of the line or of the table cell. */
function proofsIn(part: string): readonly Proof[] {
  const proof = /`((?:src|test|packages)\/[\w./-]+\.ts)`: (.+?)(?= \||$)/gm;
  return [...part.matchAll(proof)].map(([, file = '', path = '']) => ({ file, path }));
}

interface Node {
  readonly type: string;
  readonly [field: string]: unknown;
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value;
}

function nodesIn(value: unknown): readonly Node[] {
  if (Array.isArray(value)) return value.flatMap((item) => nodesIn(item));
  return isNode(value) ? [value] : [];
}

function childrenOf(node: Node): readonly Node[] {
  return Object.values(node).flatMap((value) => nodesIn(value));
}

/** Returns the innermost name of a callee: `describe` for `describe.skipIf(...)` and `describe.each(...)`. */
function nameOf(callee: unknown): string | null {
  if (!isNode(callee)) return null;
  if (callee.type === 'Identifier') return String(callee['name']);
  return nameOf(callee['callee'] ?? callee['object'] ?? callee['tag'] ?? callee['expression']);
}

/**
 * Reads the tests of one file as full paths: every describe around a test, then the test, joined with " > ".
 * `…` stands for a part that a variable, a loop or a table fills in.
 */
class TestFile {
  readonly paths = new Set<string>();
  /** The functions and values that the file declares, by name. */
  readonly #functions = new Map<string, Node>();
  readonly #values = new Map<string, Node>();
  /** Functions called inside a suite. Their tests belong to that suite only. */
  readonly #called = new Set<string>();
  readonly #active = new Set<string>();

  constructor(source: string) {
    const program: unknown = parseAst(source, { lang: 'ts' });
    if (!isNode(program)) throw new Error('the parser returned no program');
    this.#declare(program);
    this.#visit(program, []);
    for (const [name, body] of this.#functions) if (!this.#called.has(name)) this.#visit(body, []);
  }

  #declare(node: Node): void {
    const { id, init, body } = node;
    if (isNode(id) && node.type === 'FunctionDeclaration' && isNode(body))
      this.#functions.set(String(id['name']), body);
    if (isNode(id) && node.type === 'VariableDeclarator' && isNode(init))
      this.#values.set(String(id['name']), init);
    for (const child of childrenOf(node)) this.#declare(child);
  }

  #visit(node: Node, suites: readonly string[]): void {
    if (node.type === 'FunctionDeclaration') return;
    const path = node.type === 'CallExpression' ? this.#call(node, suites) : suites;
    for (const child of childrenOf(node)) this.#visit(child, path);
  }

  /** Returns the suites that surround the arguments of a call. */
  #call(node: Node, suites: readonly string[]): readonly string[] {
    const name = nameOf(node['callee']);
    const [title, ...others] = nodesIn(node['arguments']);
    const takesBody = others.some(({ type }) => type.endsWith('FunctionExpression'));
    if (name === 'describe' && takesBody) return [...suites, this.#title(title)];
    if (['it', 'itOnce', 'test'].includes(name ?? '') && takesBody)
      this.paths.add([...suites, this.#title(title)].join(' > '));
    else if (name !== null && suites.length > 0) this.#follow(name, suites);
    return suites;
  }

  /** Visits the body of a function that is called inside a suite. */
  #follow(name: string, suites: readonly string[]): void {
    const body = this.#functions.get(name);
    if (body === undefined || this.#active.has(name)) return;
    this.#called.add(name);
    this.#active.add(name);
    this.#visit(body, suites);
    this.#active.delete(name);
  }

  #title(node: Node | undefined): string {
    return this.#text(node).replace(/…+/g, '…');
  }

  #text(node: Node | undefined): string {
    const filledIn = (raw: unknown) => String(raw).replace(/\$[\w.]+|%[sdifjoO]/g, '…');
    if (node?.type === 'Literal') return filledIn(node['value']);
    if (node?.type === 'TemplateLiteral')
      return nodesIn(node['quasis'])
        .map(({ value }) => filledIn((value as { cooked: string }).cooked))
        .join('…');
    const value = node?.type === 'Identifier' ? this.#values.get(String(node['name'])) : undefined;
    return value?.type === 'Literal' || value?.type === 'TemplateLiteral' ? this.#text(value) : '…';
  }
}

function textOf(page: string): string {
  return readFileSync(join(project, 'docs/semantics', page), 'utf8');
}

describe('the test reader', () => {
  it.each([
    ["test('alone', () => {})", ['alone']],
    ["describe('a', () => { describe('b', () => { it('c', () => {}) }) })", ['a > b > c']],
    ["describe.skipIf(x)('a', () => it.each([1])('is %s of $b.c', () => {}))", ['a > is … of …']],
    [
      `const title = \`in \${'x'}\${'y'}\`; describe(title, () => { it('b', { timeout: 1 }, () => {}) })`,
      ['in … > b'],
    ],
    ["describe('a', () => suite()); function suite() { it('b', () => {}) }", ['a > b']],
    ["export function suite(): void { describe('a', () => { it('b', async () => {}) }) }", ['a > b']],
    ["/re/.test('x'); const s = \"it('no', () => {})\"; // it('no', () => {})", []],
  ])('reads %s', (source, paths) => {
    expect([...new TestFile(source).paths]).toEqual(paths);
  });
});

describe('docs/semantics', () => {
  it('has each page in its index', () => {
    expect(pages.length).toBeGreaterThan(10);
    expect(pages.filter((page) => !index.includes(`](semantics/${page})`))).toEqual([]);
  });

  const proofs = proofsIn(text);
  const files = [...new Set(proofs.map(({ file }) => file))];

  it.each(files)('names tests that exist in %s', (file) => {
    expect(existsSync(join(project, file)), 'the file').toBe(true);
    const { paths } = new TestFile(readFileSync(join(project, file), 'utf8'));
    const missing = proofs.filter((proof) => proof.file === file && !paths.has(proof.path));
    expect(missing.map(({ path }) => path)).toEqual([]);
  });

  it('has a proof under every promise', () => {
    const promises = pages
      .filter((page) => !refusals.includes(page))
      .flatMap((page) =>
        textOf(page)
          .split(/^(?=\*\*)/m)
          .slice(1),
      );
    expect(promises.length).toBeGreaterThan(50);
    const unproven = promises.filter((promise) => proofsIn(promise).length === 0);
    expect(unproven.map((promise) => promise.split('\n')[0])).toEqual([]);
  });

  it('names exactly one test in every item of a proof list', () => {
    const items = text.split('\n').filter((line) => line.startsWith('- '));
    expect(items.filter((line) => proofsIn(line).length !== 1)).toEqual([]);
  });

  it('has a proof in the last column of every refusal, or says that there is none', () => {
    const rows = refusals
      .flatMap((page) => textOf(page).split('\n'))
      .filter((line) => line.startsWith('| ') && !line.startsWith('| what |'));
    expect(rows.length).toBeGreaterThan(30);
    const without = rows.filter((row) => !row.endsWith(' none |') && proofsIn(row).length === 0);
    expect(without).toEqual([]);
  });
});

describe('docs/SECURITY.md', () => {
  const proofs = proofsIn(security);
  const files = [...new Set(proofs.map(({ file }) => file))];

  it.each(files)('names tests that exist in %s', (file) => {
    expect(existsSync(join(project, file)), 'the file').toBe(true);
    const { paths } = new TestFile(readFileSync(join(project, file), 'utf8'));
    const missing = proofs.filter((proof) => proof.file === file && !paths.has(proof.path));
    expect(missing.map(({ path }) => path)).toEqual([]);
  });

  it('has a proof in every row of its attacks', () => {
    const start = security.indexOf('| attack |');
    const rows = security
      .slice(start)
      .split('\n')
      .filter((line) => line.startsWith('| ') && !line.startsWith('| attack |'));
    expect(rows.length).toBeGreaterThan(20);
    expect(rows.filter((row) => proofsIn(row).length !== 1)).toEqual([]);
  });

  it('names the bounds of the code with their values', () => {
    const bounds: Readonly<Record<string, number>> = {
      ...defaultAuthLimits,
      ...defaultServerLimits,
      ...defaultTransportLimits,
      ...defaultConnectionLimits,
      ...defaultSftpLimits,
      ...defaultDefenceLimits,
    };
    const rows = security.split('\n').filter((line) => line.startsWith('| '));
    const named = [
      ...rows.join('\n').matchAll(/`([a-z]+[A-Z]\w*)`(?: (\d[\d,]*)(?: (s|minutes|KiB|MiB|GiB))?)?/g),
    ];
    expect(named.length).toBeGreaterThan(25);
    for (const [, name = '', digits, unit = ''] of named) {
      expect(bounds, name).toHaveProperty(name);
      if (digits === undefined) continue;
      expect(bounds[name], name).toBe(Number(digits.replaceAll(',', '')) * (unitValues[unit] ?? 1));
    }
  });
});
