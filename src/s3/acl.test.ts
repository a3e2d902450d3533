import { expect, it } from 'vitest';
import { cannedAclOf } from './acl.js';

const owner = { Grantee: { Type: 'CanonicalUser', ID: 'me' }, Permission: 'FULL_CONTROL' } as const;
const group = (name: string, Permission: 'READ' | 'WRITE') =>
  ({
    Grantee: { Type: 'Group', URI: `http://acs.amazonaws.com/groups/global/${name}` },
    Permission,
  }) as const;

it.each([
  ['private', [owner]],
  ['public-read', [group('AllUsers', 'READ'), owner]],
  ['public-read-write', [owner, group('AllUsers', 'WRITE'), group('AllUsers', 'READ')]],
  ['authenticated-read', [owner, group('AuthenticatedUsers', 'READ')]],
  ['other', [owner, group('AuthenticatedUsers', 'WRITE')]],
  ['other', [owner, { Grantee: { Type: 'CanonicalUser', ID: 'somebody' }, Permission: 'FULL_CONTROL' }]],
] as const)('grants are %s', (acl, grants) => {
  expect(cannedAclOf(grants, 'me')).toBe(acl);
});
