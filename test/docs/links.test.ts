import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const project = resolve(import.meta.dirname, '../..');
const pages = [
  ...readdirSync(project).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(project, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];

/** Returns the anchors of a page's headings, as they are made for GitHub. */
function anchorsOf(page: string): ReadonlySet<string> {
  const text = readFileSync(page, 'utf8').replace(/^ *```.*?^ *```/gms, '');
  const headings = [...text.matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) => heading);
  return new Set(
    headings.map((heading) =>
      heading
        .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\-_ ]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

/** Returns the links of a page to pages and files of the project. */
function linksOf(page: string): readonly string[] {
  const text = readFileSync(join(project, page), 'utf8').replace(/^ *```.*?^ *```/gms, '');
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
  return links.filter((link) => !/^[a-z][a-z+.-]*:/.test(link));
}

function isBroken(page: string, link: string): boolean {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? join(project, page) : resolve(project, dirname(page), path);
  if (!existsSync(target) || relative(project, target).startsWith('..')) return true;
  return anchor !== undefined && target.endsWith('.md') && !anchorsOf(target).has(anchor);
}

describe('the links of the documentation', () => {
  it('lead to files and headings that exist', () => {
    const all = pages.flatMap((page) => linksOf(page).map((link) => ({ page, link })));
    expect(all.length).toBeGreaterThan(100);
    const broken = all.filter(({ page, link }) => isBroken(page, link));
    expect(broken.map(({ page, link }) => `${page}: ${link}`)).toEqual([]);
  });
});
