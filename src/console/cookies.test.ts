import { describe, expect, it } from 'vitest';
import { cookieName, readCookie, setCookie } from './cookies.js';

describe('cookies', () => {
  it('are read by their whole name, and not if there are two', () => {
    expect(readCookie('a=1; sftpgw=x-_1; b=2', 'sftpgw')).toBe('x-_1');
    expect(readCookie('xsftpgw=1;sftpgw2=2', 'sftpgw')).toBeNull();
    expect(readCookie('sftpgw=1; sftpgw=2', 'sftpgw')).toBeNull();
    expect(readCookie('sftpgw=', 'sftpgw')).toBeNull();
    expect(readCookie(undefined, 'sftpgw')).toBeNull();
  });

  it('are Secure with the prefix __Host-, except on a loopback address', () => {
    expect(cookieName('sftpgw', true)).toBe('__Host-sftpgw');
    expect(setCookie('__Host-sftpgw', 'x', { isSecure: true, sameSite: 'Strict' })).toBe(
      '__Host-sftpgw=x; Path=/; HttpOnly; SameSite=Strict; Secure',
    );
    expect(setCookie('sftpgw', '', { isSecure: false, sameSite: 'Strict' })).toBe(
      'sftpgw=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0',
    );
  });
});
