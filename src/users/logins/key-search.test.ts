import { describe, expect, it } from 'vitest';
import { parseAuthorizedKeys } from '../authorized-keys.js';
import { keyLine, offeredCertificate, offeredKey } from '../testing/test-users.js';
import { type KeyUse, refusalOf, searchKey } from './key-search.js';

const key = offeredKey(1);
const ca = offeredKey(100);
const use: KeyUse = { username: 'bob', address: '192.0.2.1', nowMs: Date.UTC(2026, 0, 1) };
const expired = 'expiry-time="20260101Z"';
const elsewhere = 'from="198.51.100.1"';
const linesOf = (...lines: readonly string[]) => parseAuthorizedKeys(lines.join('\n'));
const plainTerms = { touchOptional: false, verificationRequired: false };

describe('a plain key', () => {
  const search = (...lines: readonly string[]) =>
    searchKey(key, { own: linesOf(...lines), authorities: linesOf(keyLine(key)) }, use);

  it('has the terms of the first line that allows it now', () => {
    const found = search(keyLine(key, expired), keyLine(key, 'no-touch-required'), keyLine(key));
    expect(found.terms).toEqual({ ...plainTerms, touchOptional: true });
    expect(found.refusals).toEqual([{ line: 1, reason: 'its expiry-time has passed' }]);
  });

  it('is not opened by the line of an authority, nor by the file of authorities', () => {
    expect(search(keyLine(key, 'cert-authority'))).toEqual({ terms: null, refusals: [] });
    expect(search()).toEqual({ terms: null, refusals: [] });
  });
});

describe('a certificate', () => {
  const search = (
    lines: { readonly own?: readonly string[]; readonly authorities?: readonly string[] },
    principals: readonly string[] = ['bob'],
  ) => {
    const authorities = linesOf(...(lines.authorities ?? []).map((line) => `cert-authority ${line}`));
    const certificate = offeredCertificate(ca, { principals: [...principals] });
    return searchKey(certificate, { own: linesOf(...(lines.own ?? [])), authorities }, use);
  };

  it('of an authority of all users decides by itself whether a touch is needed', () => {
    expect(search({ authorities: [keyLine(ca)] }).terms).toEqual({ ...plainTerms, touchOptional: true });
  });

  it('of the user’s own authority has the terms of the line', () => {
    expect(search({ own: [keyLine(ca, 'cert-authority')] }).terms).toEqual(plainTerms);
    const ops = keyLine(ca, 'cert-authority,principals="ops,web"');
    expect(search({ own: [ops] }, ['web']).terms).toEqual({ ...plainTerms, principals: ['ops', 'web'] });
  });

  it('takes the line that accepts its principals, whichever comes first', () => {
    const ops = keyLine(ca, 'cert-authority,principals="ops"');
    const web = keyLine(ca, 'cert-authority,verify-required,principals="web"');
    expect(search({ own: [ops, web] }, ['web']).terms).toMatchObject({ verificationRequired: true });
    // The file of all users names the user; the user's own line accepts other names.
    expect(search({ own: [web], authorities: [keyLine(ca)] }, ['web']).terms).toMatchObject({
      principals: ['web'],
    });
    expect(search({ own: [web], authorities: [keyLine(ca)] }, ['bob']).terms).toEqual({
      ...plainTerms,
      touchOptional: true,
    });
    // A line without principals accepts the name of the user.
    const plain = keyLine(ca, 'cert-authority,no-touch-required');
    expect(search({ own: [ops, plain] }, ['bob']).terms).toEqual({ ...plainTerms, touchOptional: true });
    expect(search({ own: [ops] }, ['none']).terms).toMatchObject({ principals: ['ops'] });
  });

  it('is not opened by an expired line, by another address or by the line of a plain key', () => {
    const own = [
      keyLine(ca, `cert-authority,${expired}`),
      keyLine(ca, `cert-authority,${elsewhere}`),
      keyLine(ca),
      keyLine(offeredKey(101), 'cert-authority'),
    ];
    const { terms, refusals } = search({ own });
    expect(terms).toBeNull();
    expect(refusals).toEqual([
      { line: 1, reason: 'its expiry-time has passed' },
      { line: 2, reason: 'from= does not allow 192.0.2.1' },
    ]);
  });
});

it('a line ends at its expiry-time, not before', () => {
  const [line] = linesOf(keyLine(key, expired)).keys;
  if (line === undefined) throw new Error('no line');
  expect(refusalOf(line, { ...use, nowMs: use.nowMs - 1 })).toBeNull();
  expect(refusalOf(line, use)).toBe('its expiry-time has passed');
});
