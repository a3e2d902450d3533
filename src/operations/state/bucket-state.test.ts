import { describe, expect, it } from 'vitest';
import { differences } from './bucket-state.js';

const deny = (Sid: string, Resource = 'arn:aws:s3:::b/*') => ({ Sid, Effect: 'Deny', Resource }) as const;

describe('the difference between the policy of a bucket and the plan', () => {
  it('has every statement of both, with what happens to it', () => {
    const others = { Effect: 'Allow', Action: 's3:GetObject' };
    const now = [
      others,
      deny('Same'),
      deny('Changed', 'arn:aws:s3:::b/old/*'),
      deny('Obsolete'),
      deny('Foreign'),
    ];
    const change = { statements: [deny('Same'), deny('Changed'), deny('New')], obsoleteSids: ['Obsolete'] };
    expect(differences(now, change).map(({ sid, change: what }) => [sid, what])).toEqual([
      [null, 'same'],
      ['Same', 'same'],
      ['Changed', 'changed'],
      ['Obsolete', 'removed'],
      ['Foreign', 'same'],
      ['New', 'added'],
    ]);
  });

  it('is empty for no policy and no plan', () =>
    expect(differences([], { statements: [], obsoleteSids: ['Obsolete'] })).toEqual([]));
});
