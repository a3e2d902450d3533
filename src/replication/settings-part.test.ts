import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sharedPart, withMachinePart } from './settings-part.js';

const own = ['sftp.listen', 'database.url'];

describe('the shared part of a settings file', () => {
  it.each([
    ['bucket=a\nsftp.listen=x\n# note\n', 'bucket=a\n# note\n'],
    ['#sftp.listen=default\nbucket=a', 'bucket=a'],
    ['sftp.listen = x \\\n  y\r\nbucket=a\r\n', 'bucket=a\r\n'],
    ['database.url=one\ndatabase.url=two\n', ''],
    ['# sftp.listen=a remark\n', '# sftp.listen=a remark\n'],
  ])('of %j is %j', (text, shared) => {
    expect(sharedPart(text, own)).toBe(shared);
  });

  it('replaces that of another machine, which keeps its own settings', () => {
    const local = 'bucket=old\n#remark\nsftp.listen=mine\n';
    expect(withMachinePart('bucket=new\n# theirs\n', local, own)).toBe(
      'bucket=new\n# theirs\nsftp.listen=mine\n',
    );
    expect(withMachinePart('sftp.listen=theirs\n', local, own)).toBe('sftp.listen=mine\n');
    expect(withMachinePart('sftp.listen=theirs\nbucket=b\n', '', own)).toBe('bucket=b\n');
  });

  it('stays as it is after any number of exchanges', () => {
    const line = fc.constantFrom(
      'bucket=a',
      'sftp.listen=x',
      '#sftp.listen=y',
      'database.url=z\\',
      '# note',
      '',
      'b=\\',
    );
    const text = fc.array(line, { maxLength: 8 }).map((lines) => lines.join('\n'));
    fc.assert(
      fc.property(text, text, (first, second) => {
        const merged = withMachinePart(sharedPart(first, own), second, own);
        const shared = sharedPart(merged, own);
        expect(sharedPart(withMachinePart(shared, second, own), own)).toBe(shared);
      }),
      { numRuns: 2_000 },
    );
  });
});
