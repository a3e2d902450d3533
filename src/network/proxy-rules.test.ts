import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ProxyRules } from './proxy-rules.js';

const proxy = 'http://proxy.example.com:3128';
const to = (host: string, port = 443, secure = true) => ({ secure, host, port });
const addressFor = (environment: Record<string, string>, destination = to('s3.example.com')) =>
  ProxyRules.fromEnvironment(environment).proxyFor(destination)?.address ?? null;

describe('the proxy of the environment', () => {
  it.each([
    [{}, null],
    [{ HTTPS_PROXY: proxy }, 'proxy.example.com:3128'],
    [{ https_proxy: 'http://small:1', HTTPS_PROXY: proxy }, 'small:1'],
    [{ https_proxy: '', HTTPS_PROXY: proxy }, 'proxy.example.com:3128'],
    [{ ALL_PROXY: proxy }, 'proxy.example.com:3128'],
    [{ all_proxy: 'http://all:1', HTTPS_PROXY: proxy }, 'proxy.example.com:3128'],
    [{ HTTP_PROXY: proxy }, null],
    [{ HTTPS_PROXY: 'proxy.example.com:3128' }, 'proxy.example.com:3128'],
    [{ HTTPS_PROXY: 'http://proxy.example.com' }, 'proxy.example.com:80'],
    [{ HTTPS_PROXY: 'https://proxy.example.com/' }, 'proxy.example.com:443'],
    [{ HTTPS_PROXY: 'http://[2001:db8::1]:3128' }, '[2001:db8::1]:3128'],
  ])('of %j for https is %j', (environment, expected) => {
    expect(addressFor(environment as Record<string, string>)).toBe(expected);
  });

  it('differs between http and https', () => {
    const environment = { HTTP_PROXY: 'http://plain:1', HTTPS_PROXY: 'http://secure:2' };
    expect(addressFor(environment, to('s3.example.com', 80, false))).toBe('plain:1');
    expect(addressFor(environment)).toBe('secure:2');
  });

  it.each(['socks5://proxy:1080', 'http://:0', 'http://user:p%zz@proxy:1', 'ftp://canary-password@proxy'])(
    '%j is refused without repeating it',
    (value) => {
      let text = '';
      try {
        ProxyRules.fromEnvironment({ HTTPS_PROXY: value });
      } catch (error) {
        text = inspect(error);
      }
      expect(text).toContain('HTTPS_PROXY');
      expect(text).not.toContain(value);
      expect(text).not.toContain('canary-password');
    },
  );

  it('never prints its password', () => {
    const rules = ProxyRules.fromEnvironment({ HTTPS_PROXY: 'http://user:canary-password@proxy:1' });
    const found = rules.proxyFor(to('s3.example.com'));
    const base64 = Buffer.from('user:canary-password').toString('base64');
    expect(found?.headers()).toEqual({ 'proxy-authorization': `Basic ${base64}` });
    for (const text of [inspect(rules, { depth: 9 }), JSON.stringify(found), String(found?.address)]) {
      expect(text).not.toContain('canary-password');
      expect(text).not.toContain(base64);
    }
  });
});

describe('NO_PROXY', () => {
  it.each([
    ['*', 's3.example.com', true],
    ['example.com', 's3.example.com', true],
    ['.example.com', 's3.example.com', true],
    ['*.example.com', 's3.example.com', true],
    ['example.com', 'example.com', true],
    ['.example.com', 'example.com', true],
    ['EXAMPLE.com', 'S3.Example.COM.', true],
    ['example.com.', 's3.example.com', true],
    ['ample.com', 'example.com', false],
    ['s3.example.com', 'example.com', false],
    ['a, example.com', 's3.example.com', true],
    ['a example.com', 's3.example.com', true],
    ['example.com:443', 's3.example.com', true],
    ['example.com:9000', 's3.example.com', false],
    ['192.0.2.7', '192.0.2.7', true],
    ['192.0.2.7:443', '192.0.2.7', true],
    ['192.0.2.7:444', '192.0.2.7', false],
    ['192.0.2.0/24', '192.0.2.200', true],
    ['192.0.2.0/25', '192.0.2.200', false],
    ['192.0.2.0/33', '192.0.2.0', false],
    ['0.0.0.0/0', 's3.example.com', false],
    ['2001:db8::/32', '[2001:db8:1::9]', true],
    ['2001:db8::9', '2001:db8:0:0::9', true],
    ['[2001:db8::9]', '2001:db8::9', true],
    ['[2001:db8::9]:443', '2001:db8::9', true],
    ['[2001:db8::9]:9', '2001:db8::9', false],
    ['2001:db8::/32', '2001:db9::1', false],
    ['.', 's3.example.com', false],
    [',, ,', 's3.example.com', false],
  ])('%j for %j connects directly: %j', (exceptions, host, isDirect) => {
    const environment = { HTTPS_PROXY: proxy, NO_PROXY: exceptions };
    expect(addressFor(environment, to(host)) === null).toBe(isDirect);
    expect(addressFor({ HTTPS_PROXY: proxy, no_proxy: exceptions }, to(host)) === null).toBe(isDirect);
  });

  it.each([
    '127.0.0.1',
    '127.9.9.9',
    'localhost',
    's3.localhost',
    '[::1]',
    '169.254.169.254',
    '169.254.170.2',
    '[fd00:ec2::254]',
    'fe80::1',
  ])('is not needed for %s on the same machine', (host) => {
    const environment = { ALL_PROXY: proxy };
    expect(addressFor(environment, to(host))).toBeNull();
    expect(addressFor(environment, to(host, 80, false))).toBeNull();
  });
});
