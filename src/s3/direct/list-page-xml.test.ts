import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseListPage } from './list-page-xml.js';

function contents(key: string, further = ''): string {
  return `<Contents><Key>${key}</Key><LastModified>2026-11-26T10:34:15.000Z</LastModified><ETag>&quot;0a34&quot;</ETag><Size>4096</Size>${further}</Contents>`;
}

function page(
  inner: string,
  head = '<EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>',
): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${head}${inner}</ListBucketResult>`;
}

const object = { key: 'a/b', size: 4096, etag: '"0a34"', lastModifiedMs: Date.UTC(2026, 10, 26, 10, 34, 15) };

describe('the fast reader of a listing', () => {
  it('reads the answers of AWS, Ceph and others', () => {
    const further =
      '<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><StorageClass>STANDARD</StorageClass><Owner><ID>1</ID><DisplayName/></Owner><RestoreStatus><IsRestoreInProgress>false</IsRestoreInProgress></RestoreStatus><Type>Normal</Type>';
    const head = '<Name>b</Name>\n  <Prefix/><MaxKeys>1000</MaxKeys><EncodingType>url</EncodingType>';
    const more = '<IsTruncated>true</IsTruncated><NextContinuationToken>a&amp;quot;b</NextContinuationToken>';
    const prefixes = '<CommonPrefixes><Prefix>x%20y/</Prefix></CommonPrefixes>';
    expect(parseListPage(page(contents('a%2Fb', further) + contents('a+b') + prefixes, head + more))).toEqual(
      {
        objects: [object, { ...object, key: 'a b' }],
        prefixes: ['x y/'],
        continuation: 'a&quot;b',
      },
    );
    expect(parseListPage(page(''))).toEqual({ objects: [], prefixes: [], continuation: null });
  });

  it('returns every name unchanged', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 })), (names) => {
        const read = parseListPage(page(names.map((name) => contents(encodeURIComponent(name))).join('')));
        expect(read?.objects.map(({ key }) => key)).toEqual(names);
      }),
    );
  });

  it.each([
    ['nothing', ''],
    ['an error', '<?xml version="1.0"?><Error><Code>SlowDown</Code></Error>'],
    ['a truncated page', page(contents('a')).slice(0, -30)],
    ['text after the page', `${page(contents('a'))}<More/>`],
    ['a page with unencoded names', page(contents('a'), '<IsTruncated>false</IsTruncated>')],
    ['a page without IsTruncated', page('', '<EncodingType>url</EncodingType>')],
    [
      'a page without the token of the next',
      page('', '<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>'),
    ],
    ['an object without its size', page(contents('a').replace('<Size>4096</Size>', ''))],
    ['an object with two keys', page(contents('a', '<Key>b</Key>'))],
    ['a negative size', page(contents('a').replace('4096', '-1'))],
    ['a malformed time', page(contents('a').replace('2026-11-26T', '26 Nov '))],
    ['an element with attributes', page(contents('a', '<Owner xsi:type="x">1</Owner>'))],
    ['a comment', page(contents('a', '<!-- -->'))],
    ['a section', page(contents('<![CDATA[a]]>'))],
    ['an unknown entity', page(contents('&own;'))],
    ['text between the elements', page(`${contents('a')}text`)],
    ['overlapping elements', page(contents('a', '<Owner><ID></Owner></ID>').replace('</Contents>', ''))],
    ['an element inside one of the same name', page(contents('a', '<Owner><Owner>1</Owner></Owner>'))],
  ])('leaves %s to the general parser', (_, xml) => {
    expect(parseListPage(xml)).toBeNull();
  });

  it('never misreads a page that is truncated or has a changed character', () => {
    const whole = page(contents('a%2Fb', '<Owner><ID>1</ID></Owner>'));
    fc.assert(
      fc.property(fc.nat(whole.length - 1), (length) => {
        expect(parseListPage(whole.slice(0, length))).toBeNull();
      }),
    );
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.constantFrom('<', '>', '&', '/', ' '), (at, character) => {
        const read = parseListPage(whole.slice(0, at) + character + whole.slice(at + 1));
        if (read !== null) expect(read.objects).toHaveLength(1);
      }),
    );
  });
});
