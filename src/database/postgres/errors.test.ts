import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { Fault, type FaultKind } from '../../model/fault.js';
import { isLostConnection, postgresFault } from './errors.js';

const withCode = (code: string, message = 'text of the server'): Error =>
  Object.assign(new pg.DatabaseError(message, message.length, 'error'), { code });
const faultOf = (error: unknown): Fault => postgresFault(error, 'database files on db.example.com');

/** Errors after which the same work may run again on a new connection. */
const lost: readonly Error[] = [
  ...[
    'ECONNREFUSED',
    'ECONNRESET',
    'EPIPE',
    'ETIMEDOUT',
    'EHOSTUNREACH',
    'ENETUNREACH',
    'ENETDOWN',
    'ENOENT',
    'ENOTFOUND',
    'EAI_AGAIN',
  ].map((code) => Object.assign(new Error(`connect ${code}`), { code })),
  // Shutdown, crash, starting up, idle timeout, too many connections, a standby, serialisation, a deadlock.
  ...['57P01', '57P02', '57P03', '57P05', '53300', '25006', '40001', '40P01'].map((code) => withCode(code)),
  // Class 08: exceptions of the connection.
  ...['08000', '08001', '08003', '08004', '08006', '08P01'].map((code) => withCode(code)),
  ...[
    'Connection terminated',
    'Connection terminated unexpectedly',
    'Connection terminated due to connection timeout',
    'Client has encountered a connection error and is not queryable',
    'Client was closed and is not queryable',
    'timeout expired',
    'timeout exceeded when trying to connect',
    'Query read timeout',
    'cached plan must not change result type',
  ].map((message) => new Error(message)),
];

/** Errors that another connection does not mend, with the kind of their fault. */
const final: readonly (readonly [Error, FaultKind])[] = [
  [withCode('57014'), 'timed-out'],
  [withCode('55P03'), 'unavailable'],
  [withCode('53100'), 'unavailable'],
  [withCode('53200'), 'unavailable'],
  [withCode('53400'), 'unavailable'],
  [withCode('28P01'), 'denied'],
  [withCode('28000'), 'denied'],
  [new Error('SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string'), 'denied'],
  [withCode('3D000'), 'not-found'],
  [withCode('42501'), 'denied'],
  [withCode('XX000'), 'corrupt'],
  [withCode('XX001'), 'corrupt'],
  [withCode('58000'), 'corrupt'],
  [withCode('58030'), 'corrupt'],
  ...[
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'CERT_HAS_EXPIRED',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'ERR_SSL_WRONG_VERSION_NUMBER',
  ].map((code) => [withCode(code), 'denied'] as const),
  [new Error('The server does not support SSL connections'), 'unsupported'],
  // Unique violation, syntax error, undefined table: the gateway has an error.
  [withCode('23505'), 'bug'],
  [withCode('42601'), 'bug'],
  [withCode('42P01'), 'bug'],
  [new TypeError('Cannot read properties of undefined'), 'bug'],
  // Parts of the texts and codes above, at another position.
  [new Error('the Connection terminated'), 'bug'],
  [new Error('a SASL error'), 'bug'],
  [withCode('10800'), 'bug'],
  [withCode('15300'), 'bug'],
  [withCode('0XX00'), 'bug'],
  [withCode('15800'), 'bug'],
  [withCode('MY_CERT_HAS_EXPIRED'), 'bug'],
  [new Error('This program knows: The server does not support SSL'), 'bug'],
];

const shown = (error: Error): string => `${'code' in error ? error.code : ''} ${error.message}`;

describe('an error of PostgreSQL', () => {
  it.each(lost.map((error) => [shown(error), error] as const))(
    'means a lost connection, and the work may run again: %s',
    (_, error) => {
      expect(isLostConnection(error)).toBe(true);
      expect(faultOf(error)).toMatchObject({ kind: 'unavailable', cause: error });
    },
  );

  it.each(final.map(([error, kind]) => [shown(error), kind, error] as const))(
    'ends the work, and is not repeated: %s is %s',
    (_, kind, error) => {
      expect(isLostConnection(error)).toBe(false);
      expect(faultOf(error)).toMatchObject({ kind, cause: error });
    },
  );

  it('names the database and what to do', () => {
    for (const code of ['ECONNREFUSED', '57014', '55P03', '53100', '28P01', '3D000', '42501', 'XX000']) {
      expect(faultOf(withCode(code)).hint, code).toContain('database files on db.example.com');
    }
    expect(faultOf(withCode('28P01')).hint).toContain('text of the server');
    expect(faultOf(withCode('CERT_HAS_EXPIRED')).hint).toContain('database.ca.file');
  });

  it('stays the fault that it is', () => {
    const fault = new Fault('conflict', 'Connection terminated');
    expect(faultOf(fault)).toBe(fault);
    expect(isLostConnection(fault)).toBe(false);
  });

  it('may be a value that is not an error', () => {
    expect(isLostConnection('timeout expired')).toBe(false);
    expect(isLostConnection(null)).toBe(false);
    expect(faultOf('timeout expired').kind).toBe('bug');
  });
});
