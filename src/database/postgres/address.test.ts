import { describe, expect, it } from 'vitest';
import { nameOfDatabase, parseDatabaseUrl, shownDatabaseUrl } from './address.js';

describe('the URL of a database', () => {
  const remote = { host: 'db.example.com', port: 5432, database: 'files', user: 'gw', isTls: true };
  const local = { ...remote, host: 'localhost', isTls: false };

  it.each([
    ['postgres://gw@db.example.com/files', remote],
    ['postgresql://gw@db.example.com:6543/files', { ...remote, port: 6543 }],
    ['postgres://gw@db.example.com/files?sslmode=verify-full', remote],
    ['postgres://a%40b@db.example.com/my%20files', { ...remote, user: 'a@b', database: 'my files' }],
    ['postgres://gw@[2001:db8::1]/files', { ...remote, host: '2001:db8::1' }],
    ['postgres://gw@localhost/files', local],
    ['postgres://gw@localhost/files?sslmode=disable', local],
    ['postgres://gw@localhost/files?sslmode=verify-full', { ...local, isTls: true }],
    ['postgres://gw@127.0.0.1/files', { ...local, host: '127.0.0.1' }],
    ['postgres://gw@127.1.2.3/files', { ...local, host: '127.1.2.3' }],
    ['postgres://gw@[::1]/files', { ...local, host: '::1' }],
    ['postgres://gw@x/files?host=/run/postgresql', { ...local, host: '/run/postgresql' }],
    ['postgres://gw@x/files?host=/run/pg&sslmode=verify-full', { ...local, host: '/run/pg' }],
    ['postgres://gw@128.0.0.1/files', { ...remote, host: '128.0.0.1' }],
    ['postgres://gw@localhost.example.com/files', { ...remote, host: 'localhost.example.com' }],
    ['postgres://gw@127.0.0.1.example.com/files', { ...remote, host: '127.0.0.1.example.com' }],
  ])('%s', (text, value) => expect(parseDatabaseUrl(text)).toEqual({ value }));

  it.each([
    'db.example.com',
    'mysql://gw@db.example.com/files',
    'xpostgres://gw@db.example.com/files',
    'postgres://gw:secret@db.example.com/files',
    'postgres://db.example.com/files',
    'postgres://gw@/files',
    'postgres://gw@x/files?host=',
    'postgres://gw@db.example.com',
    'postgres://gw@db.example.com/',
    'postgres://gw@db.example.com/files/more',
    'postgres://gw@db.example.com/files?user=x',
    'postgres://gw@db.example.com/files?sslmode=disable',
    'postgres://gw@db.example.com/files?sslmode=require',
    'postgres://gw@localhost/files?sslmode=prefer',
  ])('cannot be %s, and the problem does not quote a secret', (text) => {
    const parsed = parseDatabaseUrl(text);
    expect(parsed).toEqual({ problem: expect.any(String) });
    expect(JSON.stringify(parsed)).not.toContain('secret');
  });

  it.each([
    ['postgres://gw:secret@db/files', 'postgres://gw:***@db/files'],
    ['postgres://gw:se:c@ret@db/files', 'postgres://gw:***@db/files'],
    ['postgres://gw@db:5432/files', 'postgres://gw@db:5432/files'],
    ['postgres://gw@db/files', 'postgres://gw@db/files'],
  ])('%s is shown as %s', (text, shown) => expect(shownDatabaseUrl(text)).toBe(shown));

  it('is named in errors without its user', () => {
    expect(nameOfDatabase(remote)).toBe('PostgreSQL database files on db.example.com:5432');
    expect(nameOfDatabase({ ...remote, host: '::1' })).toBe('PostgreSQL database files on [::1]:5432');
  });
});
