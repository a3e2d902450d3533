import { describe, expect, it } from 'vitest';
import { isPublicAddress } from './public-addresses.js';
import { allowedLookup, parseTarget, type TargetRules } from './targets.js';

const strict: TargetRules = { allowPrivate: null, allowHttp: false };

describe('an address is not public', () => {
  it.each([
    ...['0.0.0.0', '0.1.2.3', '10.0.0.1', '10.255.255.255', '100.64.0.1', '100.127.255.255', '127.0.0.1'],
    ...['127.255.255.254', '169.254.169.254', '172.16.0.1', '172.31.255.255', '192.0.0.8', '192.0.2.1'],
    ...['192.168.0.1', '198.18.0.1', '198.19.255.255', '198.51.100.7', '203.0.113.9', '224.0.0.1'],
    ...['239.255.255.255', '240.0.0.1', '255.255.255.255'],
    ...[
      '::',
      '::1',
      '::127.0.0.1',
      '::ffff:127.0.0.1',
      '::ffff:7f00:1',
      '::ffff:10.0.0.1',
      '::ffff:a9fe:a9fe',
    ],
    ...[
      '64:ff9b::7f00:1',
      '64:ff9b::169.254.169.254',
      '64:ff9b:1::8.8.8.8',
      '2002:7f00:1::',
      '2002:a00:1::1',
    ],
    ...['2001::1', '2001:0:53aa:64c::1', '2001:db8::1', '3fff::1', '100::1', 'fc00::1', 'fd00:ec2::254'],
    ...['fe80::1', 'fe80::1%eth0', '2606:4700::1%1', 'fec0::1', 'ff02::1', '5f00::1', '4000::1'],
    ...['', 'localhost', '127.1', '0x7f000001', '256.1.1.1'],
  ])('if it is %s', (address) => expect(isPublicAddress(address)).toBe(false));

  it.each([
    '8.8.8.8',
    '100.63.255.255',
    '100.128.0.0',
    '172.15.0.1',
    '172.32.0.1',
    '192.0.1.1',
    '223.255.255.255',
  ])('unlike %s', (address) => expect(isPublicAddress(address)).toBe(true));
  it.each(['2606:4700::1111', '::ffff:8.8.8.8', '64:ff9b::8.8.8.8', '2002:808:808::1', '2a00:1450:4001::1'])(
    'unlike %s',
    (address) => expect(isPublicAddress(address)).toBe(true),
  );
});

describe('the URL of a webhook', () => {
  it.each([
    ...[
      '127.0.0.1',
      '127.1',
      '0x7f.1',
      '0x7f000001',
      '2130706433',
      '017700000001',
      '0177.0.0.1',
      '127.0.0.1.',
    ],
    ...[
      '0',
      '0.0.0.0',
      '１２７.０.０.１',
      '①②⑦.0.0.1',
      '127。0。0。1',
      '%31%32%37.0.0.1',
      '10.0.0.1',
      '169.254.169.254',
    ],
    ...[
      '[::1]',
      '[::]',
      '[::ffff:127.0.0.1]',
      '[::ffff:7f00:1]',
      '[64:ff9b::7f00:1]',
      '[fe80::1]',
      '[fd00::1]',
    ],
  ])('cannot have the host %s', (host) => {
    expect(() => parseTarget(`https://${host}/hook`, strict)).toThrow(
      expect.objectContaining({ kind: 'denied' }),
    );
  });

  it.each([
    ['http://example.com/', /https/],
    ['ftp://example.com/', /https/],
    ['file:///etc/passwd', /https/],
    ['https://user:canary@example.com/', /user name/],
    ['https://example.com/#x', /fragment/],
    [`https://example.com/${'x'.repeat(2048)}`, /must be such as/],
    ['example.com', /must be such as/],
    ['https://', /must be such as/],
  ])('cannot be %s', (url, reason) => {
    let text = '';
    try {
      parseTarget(url, strict);
    } catch (error) {
      text = String(error);
    }
    expect(text).toMatch(reason);
    expect(text).not.toContain('canary');
  });

  it('can have plain HTTP and a private address if the settings allow it', () => {
    const rules: TargetRules = { allowPrivate: '10.1.0.0/16,::1', allowHttp: true };
    expect(parseTarget('http://10.1.2.3:8080/x', rules).host).toBe('10.1.2.3:8080');
    expect(parseTarget('https://[::1]/', rules).hostname).toBe('[::1]');
    expect(parseTarget('https://[::ffff:10.1.2.3]/', rules).hostname).toBe('[::ffff:a01:203]');
    expect(() => parseTarget('https://10.2.0.1/', rules)).toThrow(/webhooks.allow.private/);
    expect(parseTarget('https://example.com/', strict).host).toBe('example.com');
  });
});

describe('a name', () => {
  const lookup = (name: string, rules: TargetRules, all: boolean) =>
    new Promise<unknown>((resolve) => {
      allowedLookup(rules)(name, { all }, (error, address) => resolve(error ?? address));
    });

  it.each([true, false])(
    'that resolves to the loopback is refused at the connection (all: %s)',
    async (all) => {
      expect(await lookup('localhost', strict, all)).toMatchObject({ kind: 'denied' });
    },
  );

  it('is resolved to the addresses that were checked', async () => {
    const rules: TargetRules = { allowPrivate: '127.0.0.0/8,::1', allowHttp: false };
    const found = (await lookup('localhost', rules, true)) as readonly { readonly address: string }[];
    expect(found.map(({ address }) => address)).toContainEqual(expect.stringMatching(/^(127\.|::1)/));
    expect(await lookup('localhost', rules, false)).toMatch(/^(127\.|::1)/);
  });

  it('that does not exist is an error of the resolver', async () => {
    expect(await lookup('name.invalid', strict, true)).toMatchObject({ syscall: 'getaddrinfo' });
  });
});
