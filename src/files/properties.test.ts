import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PropertiesDocument } from './properties.js';

const parse = PropertiesDocument.parse;

/** Text of the special characters, so that every rule meets every other. */
const awkwardText = fc
  .array(
    fc.constantFrom(
      'a',
      'b',
      'sse.option',
      '=',
      ':',
      ' ',
      '\t',
      '\f',
      '\\',
      '\\u0041',
      '\\u00',
      '#',
      '!',
      '\n',
      '\r\n',
      '\r',
      'é',
      '\ufeff',
    ),
    { maxLength: 40 },
  )
  .map((pieces) => pieces.join(''));
const keys = fc.string({ minLength: 1, maxLength: 12, unit: 'binary' });
const values = fc.string({ maxLength: 20, unit: 'binary' });

function lines(text: string): readonly string[] {
  return text.split(/\r\n|\r|\n/);
}

describe('reading', () => {
  it.each([
    ['a=1', 'a', '1'],
    ['a = 1', 'a', '1'],
    ['  a: 1', 'a', '1'],
    ['a 1', 'a', '1'],
    ['a', 'a', ''],
    ['a=', 'a', ''],
    ['a==1', 'a', '=1'],
    ['key.arn=arn:aws:kms:eu-west-1:1:key/x', 'key.arn', 'arn:aws:kms:eu-west-1:1:key/x'],
    ['a=b\\\n   c', 'a', 'bc'],
    ['a=b\\\r\n\tc\r\n', 'a', 'bc'],
    ['a=b\\\\\nc=d', 'a', 'b\\'],
    ['a\\ b\\:c\\=d=e', 'a b:c=d', 'e'],
    ['a=\\ x', 'a', ' x'],
    ['a=\\u00e9\\t\\n\\q', 'a', 'é\t\nq'],
    ['a=1\r\n', 'a', '1'],
    ['\ufeffa=1', 'a', '1'],
    ['a=x # no comment here', 'a', 'x # no comment here'],
    ['a=b\\\n\nc=d', 'a', 'b'],
    ['a=b\\', 'a', 'b'],
  ])('%j has %j = %j', (text, key, value) => {
    expect(parse(text).get(key)).toBe(value);
  });

  it('comments and blank lines are not entries', () => {
    expect(parse('# a=1\n! b=2\n\n  # c=3\n').entries()).toEqual([]);
  });

  it('a comment cannot be continued', () => {
    expect(parse('# note \\\na=1').get('a')).toBe('1');
  });

  it('lines are counted through comments, continuations and every kind of line end', () => {
    const document = parse('# head\r\na=1\\\r\n  2\r\n\r\nb=3\rc=4\n');
    expect(document.entries()).toEqual([
      { key: 'a', value: '12', line: 2 },
      { key: 'b', value: '3', line: 5 },
      { key: 'c', value: '4', line: 6 },
    ]);
    expect(document.lineOf('b')).toBe(5);
    expect(document.lineOf('x')).toBeNull();
  });

  it('the later of two entries is effective, and both lines are reported', () => {
    const document = parse('a=1\nb=2\na=3\n');
    expect(document.get('a')).toBe('3');
    expect(document.entries().map((entry) => entry.key)).toEqual(['b', 'a']);
    expect(document.problems()).toEqual([
      { severity: 'notice', line: 3, text: 'a is also set on line 1; the later line is effective' },
    ]);
  });

  it('a malformed escape and a missing name are reported with their lines', () => {
    expect(parse('ok=1\nbad=\\u12\n=x\n').problems()).toEqual([
      { severity: 'error', line: 2, text: 'a \\u escape needs four hexadecimal digits' },
      { severity: 'error', line: 3, text: 'the name before the value is missing' },
    ]);
  });
});

describe('writing', () => {
  it('a changed value keeps its place, its indent and its separator', () => {
    const document = parse('# settings\n  sse.option : 1\nother=x\n');
    document.set('sse.option', '3');
    expect(document.render()).toBe('# settings\n  sse.option : 3\nother=x\n');
  });

  it('a value over several lines becomes one line', () => {
    const document = parse('a=1,\\\n  2\nb=x\n');
    document.set('a', '9');
    expect(document.render()).toBe('a=9\nb=x\n');
  });

  it('changes the effective one of two entries', () => {
    const document = parse('a=1\na=2\n');
    document.set('a', '3');
    expect(document.render()).toBe('a=1\na=3\n');
  });

  it('a new key takes the place of its commented-out line', () => {
    const document = parse(
      '# The bucket. # bucket=x is an example.\n#bucket=example\n#bucket.other=1\nregion=r\n',
    );
    document.set('bucket', 'mine');
    expect(document.render()).toBe(
      '# The bucket. # bucket=x is an example.\nbucket=mine\n#bucket.other=1\nregion=r\n',
    );
  });

  it('a new key goes to the end, with the line ends of the file', () => {
    const document = parse('a=1\r\nb=2');
    document.set('c', '3');
    expect(document.render()).toBe('a=1\r\nb=2\r\nc=3\r\n');
    expect(document.lineOf('c')).toBe(3);
  });

  it('a file that ends in a backslash does not swallow the new key', () => {
    const document = parse('a=1\\');
    document.set('b', '2');
    expect(
      parse(document.render())
        .entries()
        .map(({ key, value }) => [key, value]),
    ).toEqual([
      ['a', '1'],
      ['b', '2'],
    ]);
  });

  it('removes every entry of the name, with its continuation lines', () => {
    const document = parse('a=1\n# kept\na=2\\\n  3\nb=4\n');
    expect(document.remove('a')).toBe(true);
    expect(document.render()).toBe('# kept\nb=4\n');
    expect(document.remove('a')).toBe(false);
  });
});

describe('properties of the format', () => {
  it('an unchanged document is rendered as it was', () => {
    fc.assert(
      fc.property(awkwardText, (text) => {
        expect(parse(text).render()).toBe(text);
      }),
      { numRuns: 2000 },
    );
  });

  it('any key and value are read back, and the other entries stay', () => {
    fc.assert(
      fc.property(awkwardText, keys, values, (text, key, value) => {
        const document = parse(text);
        const others = document.entries().filter((entry) => entry.key !== key);
        document.set(key, value);
        const again = parse(document.render());
        expect(again.get(key)).toBe(value);
        expect(document.entries()).toEqual(again.entries());
        const kept = again.entries().filter((entry) => entry.key !== key);
        expect(kept.map((entry) => [entry.key, entry.value])).toEqual(
          others.map((entry) => [entry.key, entry.value]),
        );
      }),
      { numRuns: 2000 },
    );
  });

  it('setting a key changes only one line', () => {
    const oneLineEntries = fc.uniqueArray(fc.tuple(keys, values), { selector: ([key]) => key, minLength: 1 });
    fc.assert(
      fc.property(oneLineEntries, fc.nat(), values, (entries, pick, value) => {
        const document = parse('# head\n\n');
        for (const [key, initial] of entries) document.set(key, initial);
        const before = lines(document.render());
        const chosen = entries[pick % entries.length];
        if (chosen === undefined) throw new Error('no entry');
        document.set(chosen[0], value);
        const after = lines(document.render());
        expect(after.length).toBe(before.length);
        const changed = after.filter((line, at) => line !== before[at]);
        expect(changed.length).toBe(chosen[1] === value ? 0 : 1);
      }),
    );
  });

  it('removing a key removes nothing else', () => {
    fc.assert(
      fc.property(awkwardText, (text) => {
        const document = parse(text);
        const [first, ...others] = document.entries();
        if (first === undefined) return;
        document.remove(first.key);
        expect(
          parse(document.render())
            .entries()
            .map(({ key, value }) => [key, value]),
        ).toEqual(others.map(({ key, value }) => [key, value]));
      }),
      { numRuns: 2000 },
    );
  });
});
