import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { countProse, countText } from './prose.js';

const project = resolve(import.meta.dirname, '../..');

/** Lower this number with every text that improves. It never rises. */
const maxHits = 13;

describe('the prose of the project', () => {
  it('uses few of the phrases that docs/STYLE.md replaces', () => {
    const { words, hits } = countProse(project);
    expect(words).toBeGreaterThan(50_000);
    const listed = hits.map(({ place, rule, text }) => `${place}: ${rule}: "${text}"`);
    expect(listed.length, listed.join('\n')).toBeLessThanOrEqual(maxHits);
  });
});

describe('the count', () => {
  it.each([
    ['a.md', 'What fails is tried again.'],
    ['a.md', 'It works. Where none fits, it waits.'],
    ['a.ts', '// The file is no link.'],
    ['a.ts', "  log.warn('the upload goes on later');"],
    ['a.ts', ' * Somebody else may have written it.'],
  ])('finds a phrase in %s: %s', (file, line) => expect(countText(file, line).hits).toHaveLength(1));

  it.each([
    ['a.md', 'What does it cost?'],
    ['a.md', 'There is no other way.'],
    ['a.md', 'It prints `goes on`.'],
    ['a.md', '```\nWhat fails is tried again.\n```'],
    ['a.ts', 'const what = nobody.goesOn;'],
  ])('ignores %s: %s', (file, line) => expect(countText(file, line).hits).toEqual([]));
});
