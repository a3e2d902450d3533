import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { S3Error } from './errors.js';
import { parseXml, xmlDocument } from './xml.js';

const read = (text: string, root = 'Delete') => parseXml(Buffer.from(text), root);

describe('a document', () => {
  it('carries any text of a key unchanged', () => {
    const text = fc.string({
      unit: fc.constantFrom(
        'a',
        ' ',
        '\n',
        '\r',
        '\t',
        '&',
        '<',
        '>',
        '"',
        "'",
        ';',
        '#',
        'é',
        '😀',
        ']',
        '%',
        '0',
        '1.0',
        '+1',
      ),
    });
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 4 }), (keys) => {
        const document = xmlDocument(
          'Delete',
          keys.map((key) => ['Object', [['Key', key]]]),
        );
        const objects = read(document).all('Object');
        expect(objects.map((object) => object.text('Key'))).toEqual(keys);
      }),
      { numRuns: 500 },
    );
  });

  it('may hold character references, CDATA, comments and a prefix', () => {
    expect(read('<Delete><Key>&#97;&#x62;&#13;</Key></Delete>').text('Key')).toBe('ab\r');
    expect(read('<Delete><Key><![CDATA[<&>]]></Key></Delete>').text('Key')).toBe('<&>');
    expect(
      read('<?xml version="1.0"?>\n<!-- c --><s:Delete xmlns:s="x"><s:Key>k</s:Key></s:Delete>').text('Key'),
    ).toBe('k');
    expect(read('<Delete>\n  <Key>k</Key>\n</Delete>\n').text('Key')).toBe('k');
  });

  it('keeps the order and number of repeated elements, and has no others', () => {
    const document = read('<Delete><A>1</A><B/><A>2</A></Delete>');
    expect(document.all('A').map((element) => element.own())).toEqual(['1', '2']);
    expect(document.text('B')).toBe('');
    for (const name of ['constructor', 'toString', '__proto__', 'C']) expect(document.child(name)).toBeNull();
  });

  it.each([
    '',
    'text',
    '<Other/>',
    '<Delete>',
    '<Delete><Key></Delete>',
    '<Delete/><Delete/>',
    '<!DOCTYPE Delete [<!ENTITY a "b">]><Delete>&a;</Delete>',
    '<Delete><__proto__><Key>k</Key></__proto__></Delete>',
  ])('%j is malformed or contains no key', (text) => {
    let key: string | null = null;
    try {
      key = read(text).text('Key');
    } catch (error) {
      expect(error).toMatchObject({ code: 'MalformedXML', status: 400 });
      expect(error).toBeInstanceOf(S3Error);
    }
    expect(key).toBeNull();
  });

  it('that is not UTF-8 is malformed', () => {
    expect(() => parseXml(Buffer.from([0x3c, 0x61, 0xff, 0x3e]), 'a')).toThrow(S3Error);
  });
});
