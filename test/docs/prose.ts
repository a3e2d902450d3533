import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Phrases that docs/STYLE.md replaces, and the rule that each breaks. */
export const phrases: readonly { readonly pattern: RegExp; readonly rule: string }[] = [
  {
    pattern:
      /(?:^|[.!;:]\s+)(?:What|Whatever|Who|Whose|Whoever|Where|Wherever|Those|That of|Of what|Which of)\b(?![^.!?]*\?)/,
    rule: 'opens with a relative clause',
  },
  {
    pattern: /\b(?<![Tt]here )(?:is|are|was|were) no (?!longer\b|more\b|such\b)\w/,
    rule: 'negates the noun',
  },
  { pattern: /\b(?:nobody|somebody)\b/i, rule: 'name the actor' },
  { pattern: /\b(?:goes|go|gone|going|went) on\b/, rule: 'resume, continue' },
  {
    pattern: /\b(?:rests?|rested|lies|lie|lay) (?:under|in the clear|there)\b/,
    rule: 'is encrypted with, is stored',
  },
  { pattern: /\b(?:takes?|taken|took) (?:it |them )?(?:in|away)\b/, rule: 'import, remove' },
  {
    pattern: /\b(?:anew|at hand|side by side|made up for|nothing of|all the same)\b/,
    rule: 'use the plain word',
  },
  { pattern: /\b(?:is|are|was|were|be|stays?) away\b/, rule: 'is unavailable' },
  { pattern: /\blook(?:s|ed|ing)? at\b/, rule: 'check, list, read' },
  { pattern: /\b(?:says?|said) (?:so|otherwise|how|which|what|that it)\b/, rule: 'set, log, report' },
  { pattern: /\b(?:bring|brings|brought) (?:back|up)\b/, rule: 'restore, sync' },
  { pattern: /\b(?:stands?|stood) (?:still|below|above|beside)\b/, rule: 'pause' },
  { pattern: /\b(?:break|breaks|broke|broken) off\b/, rule: 'interrupt' },
];

export interface ProseHit {
  readonly place: string;
  readonly rule: string;
  readonly text: string;
}

export interface ProseCount {
  readonly words: number;
  readonly hits: readonly ProseHit[];
}

/** Counts the phrases in the project's Markdown, comments, test names and texts for people. */
export function countProse(project: string): ProseCount {
  const listed = execFileSync('git', ['-C', project, 'ls-files', '-co', '--exclude-standard'], {
    encoding: 'utf8',
  });
  const counts = listed
    .split('\n')
    .filter((file) => /\.(?:md|ts|tsx|mjs)$/.test(file) && !/^(?:CHANGELOG|docs\/STYLE)\.md$/.test(file))
    // The patterns and their examples would count themselves.
    .filter((file) => !file.startsWith('test/docs/prose'))
    .map((file) => countText(file, readIfPresent(join(project, file))));
  return {
    words: counts.reduce((sum, { words }) => sum + words, 0),
    hits: counts.flatMap(({ hits }) => hits),
  };
}

/** Counts the phrases in one file. `file` decides what is prose: all of Markdown, but only comments and texts of code. */
export function countText(file: string, text: string): ProseCount {
  const hits: ProseHit[] = [];
  let words = 0;
  let isFenced = false;
  text.split('\n').forEach((line, index) => {
    if (file.endsWith('.md') && /^\s*(?:```|~~~)/.test(line)) isFenced = !isFenced;
    const prose = isFenced ? '' : proseOf(file, line);
    if (prose === '') return;
    words += prose.split(/\s+/).length;
    for (const { pattern, rule } of phrases) {
      const match = pattern.exec(prose);
      if (match !== null) hits.push({ place: `${file}:${index + 1}`, rule, text: match[0].trim() });
    }
  });
  return { words, hits };
}

function proseOf(file: string, line: string): string {
  if (file.endsWith('.md')) return /^\s*[-*] `[^`]+\.ts`/.test(line) ? '' : withoutCode(line);
  const comment = /(?:^\s*\*\s?|^\s*\/\*\*?\s?|\/\/\s?)(.*)$/.exec(line)?.[1];
  // Three words or more: shorter texts are names.
  const texts = [...line.matchAll(/(['"`])((?:(?!\1).)*\s(?:(?!\1).)*\s(?:(?!\1).)*)\1/g)].map(
    (match) => match[2],
  );
  return withoutCode([comment, ...texts].filter((part) => part !== undefined).join(' . '));
}

function withoutCode(text: string): string {
  return text.replace(/`[^`]*`/g, 'X');
}

function readIfPresent(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
