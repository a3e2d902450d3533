import { describe, expect, it } from 'vitest';
import type { BucketAccess } from '../../model/bucket.js';
import { StoreRoutes } from './store-routes.js';

const role = (name: string): BucketAccess => ({
  region: null,
  endpoint: null,
  roleArn: `arn:aws:iam::111122223333:role/${name}`,
  externalId: null,
});
const routesOf = () => {
  const routes = new StoreRoutes(() => 'default');
  const add = (username: string, bucket: string, prefixes: readonly string[], access: BucketAccess | null) =>
    routes.set(username, { username, bucket, prefixes, access });
  return { routes, add };
};

describe('the route of an object', () => {
  it('is that of the user with the longest prefix', () => {
    const { routes, add } = routesOf();
    add('all', 'own', ['', 'all/downloads/'], role('all'));
    add('bob', 'own', ['bob/uploads/'], role('bob'));
    add('eve', 'own', ['eve/'], null);
    expect(routes.find('own', 'bob/uploads/a')?.username).toBe('bob');
    expect(routes.find('own', 'bob/uploads/')?.username).toBe('bob');
    expect(routes.find('own', 'bob/')?.username).toBe('all');
    expect(routes.find('own', 'eve/a')).toBeNull();
  });

  it('outside all prefixes is the own access in the default bucket, else that of the first user', () => {
    const { routes, add } = routesOf();
    add('bob', 'default', ['bob/uploads/'], role('bob'));
    add('eve', 'own', ['eve/uploads/'], role('eve'));
    expect(routes.find('default', 'bob/uploads/a')?.username).toBe('bob');
    expect(routes.find('default', '.sftpgw/keys/a')).toBeNull();
    expect(routes.find('default', '')).toBeNull();
    expect(routes.find('own', '')?.username).toBe('eve');
    expect(routes.find('another', 'a')).toBeNull();
  });

  it('follows changes of a user, and ends with the user', () => {
    const { routes, add } = routesOf();
    add('bob', 'own', ['a/'], role('one'));
    add('bob', 'own', ['a/'], role('two'));
    expect(routes.find('own', 'a/x')?.access.roleArn).toMatch(/two$/);
    add('bob', 'own', ['a/'], null);
    expect(routes.find('own', 'a/x')).toBeNull();
    add('bob', 'own', ['a/'], role('three'));
    routes.set('bob', null);
    expect(routes.find('own', 'a/x')).toBeNull();
  });
});

it('the accesses to a bucket are distinct', () => {
  const { routes, add } = routesOf();
  add('bob', 'own', ['a/'], role('one'));
  add('eve', 'own', ['b/'], role('one'));
  add('dan', 'own', ['c/'], role('two'));
  add('ann', 'default', ['d/'], role('one'));
  expect(routes.accessesOf('own').map((route) => route?.username)).toEqual(['bob', 'dan']);
  expect(routes.accessesOf('default').map((route) => route?.username)).toEqual([undefined, 'ann']);
  expect(routes.accessesOf('another')).toEqual([null]);
});
