import { describe, expect, it } from 'vitest';
import { parseUsername } from '../model/users.js';
import { findOverlaps, isReservedName, locationOf } from './prefix-overlaps.js';

const bucket = 'b';
const user = (name: string, given: { uploadBucket?: string; uploadPrefix?: string } = {}) =>
  locationOf(parseUsername(name), given, null, bucket);
const others = [user('bob'), user('carol', { uploadBucket: 'other', uploadPrefix: 'in/' })];

describe('the locations of a user', () => {
  it.each([
    ['the same prefix', user('eve', { uploadPrefix: 'bob/uploads/' }), ['the uploads of bob']],
    ['a directory of it', user('eve', { uploadPrefix: 'bob/uploads/eve/' }), ['the uploads of bob']],
    [
      'a directory above it',
      user('eve', { uploadPrefix: 'bob/' }),
      ['the uploads of bob', 'the downloads of bob'],
    ],
    [
      'the downloads of another user',
      user('eve', { uploadPrefix: 'bob/downloads/' }),
      ['the downloads of bob'],
    ],
    ['the shared directory', user('eve', { uploadPrefix: 'shared/' }), ['the shared directory']],
    ['the gateway’s own objects', user('eve', { uploadPrefix: '.sftpgw/keys/' }), ['the gateway itself']],
    [
      'the whole bucket of others',
      user('eve', { uploadPrefix: '' }),
      ['the uploads of bob', 'the downloads of bob', 'the shared directory', 'the gateway itself'],
    ],
  ])('overlap if they have %s', (_, eve, expected) => {
    const found = findOverlaps(eve, others, bucket).filter(({ own }) => own.startsWith('the uploads of eve'));
    expect(found.map(({ other }) => other.replace(/ \(.*/, ''))).toEqual(expected);
  });

  it.each([
    ['the default', user('eve')],
    ['a name that only begins alike', user('bo', { uploadPrefix: 'bo/' })],
    ['the same prefix in another bucket', user('eve', { uploadBucket: 'own', uploadPrefix: 'bob/uploads/' })],
    ['a whole bucket of their own', user('eve', { uploadBucket: 'own', uploadPrefix: '' })],
  ])('do not overlap with %s', (_, eve) => {
    expect(findOverlaps(eve, others, bucket)).toEqual([]);
  });

  it('do not overlap with themselves', () => {
    const eve = user('eve', { uploadPrefix: 'eve/' });
    expect(findOverlaps(user('eve'), [...others, user('eve')], bucket)).toEqual([]);
    // The downloads of the user are below the uploads, which is the user's own matter.
    expect(findOverlaps(eve, [eve], bucket)).toEqual([]);
  });

  it('are those that the settings name, else those from before', () => {
    const before = user('eve', { uploadPrefix: 'x/' });
    const name = parseUsername('eve');
    expect(locationOf(name, {}, before, bucket)).toEqual(before);
    expect(locationOf(name, { uploadPrefix: 'y/' }, before, bucket).uploadPrefix).toBe('y/');
  });

  it('of a user named shared are inside the shared directory', () => {
    expect(isReservedName(parseUsername('shared'))).toBe(true);
    expect(isReservedName(parseUsername('Shared'))).toBe(true);
    expect(isReservedName(parseUsername('sharedfiles'))).toBe(false);
    expect(findOverlaps(user('shared'), others, bucket)).toHaveLength(2);
  });
});
