import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LoginMethod } from '../../model/users/logins.js';
import {
  defaultLoginSequences,
  firstMethods,
  formatSequences,
  type LoginSequences,
  nextMethods,
  parseSequences,
} from './login-methods.js';

const methods = fc.constantFrom<LoginMethod>(...firstMethods);
const sequences = fc.array(fc.array(methods, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 8 });
const parsed = (text: string): LoginSequences => parseSequences(text) ?? [];

describe('login.methods', () => {
  it('is read as it is written', () => {
    fc.assert(
      fc.property(sequences, (all) => {
        expect(parseSequences(formatSequences(all))).toEqual(all);
      }),
    );
  });

  it.each([
    '',
    'any',
    'publickey,',
    ',publickey',
    'publickey, password',
    'Publickey',
    'publickey;password',
    'hostbased',
    'publickey,publickey,publickey,publickey,publickey',
    Array.from({ length: 9 }, () => 'password').join(' '),
  ])('refuses %j', (text) => expect(parseSequences(text)).toBeNull());

  it.each<[text: string, hasTotp: boolean, passed: LoginMethod[], next: LoginMethod[] | null]>([
    ['publickey password', false, [], ['publickey', 'password', 'keyboard-interactive']],
    ['publickey password', false, ['publickey'], []],
    ['publickey password', false, ['keyboard-interactive'], []],
    ['publickey password', true, [], ['publickey', 'keyboard-interactive']],
    ['publickey password', true, ['password'], null],
    ['publickey password', true, ['keyboard-interactive'], []],
    ['publickey,keyboard-interactive', true, [], ['publickey']],
    ['publickey,keyboard-interactive', true, ['publickey'], ['keyboard-interactive']],
    ['publickey,keyboard-interactive', true, ['publickey', 'keyboard-interactive'], []],
    ['publickey,keyboard-interactive', false, ['publickey'], ['keyboard-interactive']],
    ['publickey,keyboard-interactive', false, ['keyboard-interactive'], null],
    ['publickey,password', true, ['publickey'], ['keyboard-interactive']],
    ['publickey,publickey', false, ['publickey'], ['publickey']],
    [
      'publickey,password publickey,publickey',
      false,
      ['publickey'],
      ['password', 'keyboard-interactive', 'publickey'],
    ],
    ['keyboard-interactive', false, ['password'], null],
  ])('%j (TOTP %j) after %j allows %j', (text, hasTotp, passed, next) => {
    expect(nextMethods(parsed(text), hasTotp, passed)).toEqual(next);
  });

  it('never lets in a user with TOTP after a password alone, or anyone after nothing', () => {
    fc.assert(
      fc.property(sequences, fc.boolean(), (all, hasTotp) => {
        expect(nextMethods(all, hasTotp, [])).not.toEqual([]);
        expect(nextMethods(all, true, ['password'])).toBeNull();
      }),
    );
  });

  it('lets in exactly after a whole sequence', () => {
    fc.assert(
      fc.property(sequences, fc.array(methods, { maxLength: 4 }), (all, passed) => {
        const isWhole = all.some(
          (one) =>
            one.length === passed.length &&
            one.every((required, at) => {
              const given = passed[at];
              return given === required || (required === 'password' && given === 'keyboard-interactive');
            }),
        );
        const next = nextMethods(all, false, passed);
        expect(next?.length === 0).toBe(isWhole);
      }),
    );
  });

  it('is a key or a password by default', () => {
    expect(formatSequences(defaultLoginSequences)).toBe('publickey password');
  });
});
