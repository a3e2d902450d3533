import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, relative, resolve } from 'node:path';

/** One TypeScript file with what it imports. Paths are relative to the project, with forward slashes. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
  /** Files of ours, as paths with `.ts` or `.tsx`. */
  readonly files: readonly string[];
  /** Packages by name (`@aws-sdk/client-s3`), without Node's own modules. */
  readonly packages: readonly string[];
}

export const project = resolve(import.meta.dirname, '../..');

/** Every `.ts` and `.tsx` file below the folders. */
export function readSources(...folders: readonly string[]): readonly SourceFile[] {
  const sources = folders
    .flatMap((folder) =>
      readdirSync(join(project, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
        .map((entry) => join(entry.parentPath, entry.name)),
    )
    .map((path) => parseSource(relative(project, path).replaceAll('\\', '/'), readFileSync(path, 'utf8')))
    .sort((one, other) => (one.path < other.path ? -1 : 1));
  const paths = new Set(sources.map(({ path }) => path));
  const existing = (path: string) => (!paths.has(path) && paths.has(`${path}x`) ? `${path}x` : path);
  return sources.map((source) => ({ ...source, files: source.files.map(existing) }));
}

/** Static, re-exporting, type-only and dynamic imports, `require` and a `createRequire(...)` called at once. */
const importPattern =
  /(?:\bfrom\s*|\b(?:import|require)\s*\(\s*|\bcreateRequire\([^()]*\)\(\s*|^\s*import\s+)(['"])([@\w.][\w@./-]*)\1/gm;

export function parseSource(path: string, text: string): SourceFile {
  const specifiers = [...withoutComments(text).matchAll(importPattern)].map((match) => match[2] ?? '');
  const ours = specifiers.filter((name) => name.startsWith('.'));
  const foreign = specifiers.filter((name) => !name.startsWith('.') && !name.startsWith('node:'));
  return {
    path,
    text,
    files: ours.map((name) => posix.join(posix.dirname(path), name).replace(/\.js$/, '.ts')),
    packages: foreign.map((name) => name.split('/', name.startsWith('@') ? 2 : 1).join('/')),
  };
}

/** Removes block comments and comment lines. An import does not share its line with a comment. */
export function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
}
