import { Duplex } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatIpAddress } from '../addresses/ip-address.js';
import { maxProxyHeaderBytes, ProxyProtocolError, parseProxyHeader } from './proxy-header.js';
import { readProxyHeader } from './read-proxy-header.js';

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

function v2(command: number, family: number, body: Uint8Array): Buffer {
  const fixed = Buffer.from([command, family, body.byteLength >> 8, body.byteLength & 255]);
  return Buffer.concat([signature, fixed, body]);
}

const ports = Buffer.from('dc04 0016'.replace(' ', ''), 'hex');
const tcp4 = Buffer.concat([Buffer.from([192, 0, 2, 1, 198, 51, 100, 7]), ports]);
const tcp6 = Buffer.concat([
  Buffer.from('20010db8000000000000000000000001', 'hex'),
  Buffer.from('20010db8000000000000000000000002', 'hex'),
  ports,
]);

describe('a PROXY header of version 1', () => {
  it('names the client of an IPv4 connection', () => {
    const line = Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.7 56324 22\r\nSSH-2.0-x\r\n');
    expect(parseProxyHeader(line)).toEqual({
      version: 1,
      source: { address: '192.0.2.1', port: 56324 },
      destination: { address: '198.51.100.7', port: 22 },
      bytes: 44,
    });
  });

  it('names the client of an IPv6 connection in canonical form', () => {
    const header = parseProxyHeader(Buffer.from('PROXY TCP6 2001:DB8:0::1 ::ffff:10.0.0.1 1 2\r\n'));
    expect(header?.source).toEqual({ address: '2001:db8::1', port: 1 });
    expect(header?.destination).toEqual({ address: '10.0.0.1', port: 2 });
  });

  it.each(['PROXY UNKNOWN\r\n', 'PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n'])(
    'does not name a client: %j',
    (line) => {
      expect(parseProxyHeader(Buffer.from(line))?.source).toBeNull();
    },
  );

  it.each([
    'PROXY TCP4 192.0.2.1 198.51.100.7 56324\r\n',
    'PROXY TCP4 192.0.2.1 198.51.100.7 56324 22 1\r\n',
    'PROXY TCP4  192.0.2.1 198.51.100.7 56324 22\r\n',
    'PROXY TCP4 192.0.2.1 198.51.100.7 56324 65536\r\n',
    'PROXY TCP4 192.0.2.1 198.51.100.7 056324 22\r\n',
    'PROXY TCP4 192.0.2.1 198.51.100.7 -1 22\r\n',
    'PROXY TCP4 ::1 198.51.100.7 1 22\r\n',
    'PROXY TCP6 192.0.2.1 ::1 1 22\r\n',
    'PROXY TCP6 fe80::1%eth0 ::1 1 22\r\n',
    'PROXY UDP4 192.0.2.1 198.51.100.7 1 22\r\n',
    'PROXY UNKNOWNS\r\n',
    'PROXY \r\n',
    'PROXX TCP4',
    'SSH-2.0-OpenSSH_9.2\r\n',
    `PROXY TCP4 ${'1'.repeat(100)}`,
    'PROXY TCP4 192.0.2.1 198.51.100.7 56324 22\n'.padEnd(107, ' '),
  ])('is refused: %j', (line) => {
    expect(() => parseProxyHeader(Buffer.from(line))).toThrow(ProxyProtocolError);
  });
});

describe('a PROXY header of version 2', () => {
  it('names the client of an IPv4 connection and skips extensions', () => {
    const header = v2(0x21, 0x11, Buffer.concat([tcp4, Buffer.from('04000100', 'hex')]));
    expect(parseProxyHeader(Buffer.concat([header, Buffer.from('SSH-')]))).toEqual({
      version: 2,
      source: { address: '192.0.2.1', port: 56324 },
      destination: { address: '198.51.100.7', port: 22 },
      bytes: header.length,
    });
  });

  it('names the client of an IPv6 connection', () => {
    expect(parseProxyHeader(v2(0x21, 0x21, tcp6))?.source).toEqual({ address: '2001:db8::1', port: 56324 });
  });

  it('does not name a client for LOCAL, UNSPEC and UNIX', () => {
    for (const header of [
      v2(0x20, 0x11, tcp4),
      v2(0x20, 0, Buffer.alloc(0)),
      v2(0x21, 0, Buffer.alloc(7)),
      v2(0x21, 0x31, Buffer.alloc(216)),
    ]) {
      expect(parseProxyHeader(header)).toMatchObject({ source: null, bytes: header.length });
    }
  });

  it.each([
    ['another version', v2(0x11, 0x11, tcp4)],
    ['an unknown command', v2(0x22, 0x11, tcp4)],
    ['UDP', v2(0x21, 0x12, tcp4)],
    ['an unknown family', v2(0x21, 0x41, tcp4)],
    ['addresses that are too short', v2(0x21, 0x21, tcp4)],
    ['too many bytes', v2(0x21, 0x11, Buffer.alloc(maxProxyHeaderBytes)).subarray(0, 16)],
    ['a wrong signature', Buffer.from('\r\n\r\n\0\r\nQUIT\r', 'latin1')],
  ])('is refused with %s', (_name, header) => {
    expect(() => parseProxyHeader(header)).toThrow(ProxyProtocolError);
  });
});

describe('the parser of PROXY headers', () => {
  const endpoint = (family: 4 | 6) =>
    fc.record({
      address: fc
        .uint8Array({ minLength: family === 4 ? 4 : 16, maxLength: family === 4 ? 4 : 16 })
        .map(formatIpAddress)
        .filter((text) => text.includes(':') === (family === 6)),
      port: fc.nat(65_535),
    });

  it('asks for more bytes until the header is complete, whatever follows', () => {
    const pair = fc.oneof(fc.tuple(endpoint(4), endpoint(4)), fc.tuple(endpoint(6), endpoint(6)));
    fc.assert(
      fc.property(pair, fc.uint8Array(), ([source, destination], rest) => {
        const family = source.address.includes(':') ? 6 : 4;
        const line = `PROXY TCP${family} ${source.address} ${destination.address} ${source.port} ${destination.port}\r\n`;
        const whole = Buffer.concat([Buffer.from(line), rest]);
        for (let length = 0; length < line.length; length++) {
          expect(parseProxyHeader(whole.subarray(0, length))).toBeNull();
        }
        expect(parseProxyHeader(whole)).toEqual({ version: 1, source, destination, bytes: line.length });
      }),
    );
  });

  it('throws nothing but its own error on arbitrary bytes', () => {
    const start = fc.constantFrom(
      Buffer.alloc(0),
      signature,
      v2(0x21, 0x11, tcp4),
      Buffer.from('PROXY TCP4 '),
    );
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 300 }), (prefix, rest) => {
        const bytes = Buffer.concat([prefix, rest]);
        try {
          const header = parseProxyHeader(bytes);
          expect(header === null || header.bytes <= bytes.length).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(ProxyProtocolError);
        }
      }),
      { numRuns: 5000 },
    );
  });
});

class TestStream extends Duplex {
  override _read(): void {}
}

describe('reading a PROXY header from a stream', () => {
  it('leaves the bytes behind the header to the next reader', async () => {
    const stream = new TestStream();
    const reading = readProxyHeader(stream, 1000);
    for (const byte of Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.7 56324 2'))
      stream.push(Buffer.from([byte]));
    stream.push('2\r\nSSH-2.0-test\r\n');
    expect((await reading).source?.address).toBe('192.0.2.1');
    expect(stream.isPaused()).toBe(true);
    expect(stream.listenerCount('data')).toBe(0);
    expect(String(stream.read())).toBe('SSH-2.0-test\r\n');
  });

  it('rejects at the first byte that cannot be a header', async () => {
    const stream = new TestStream();
    const reading = readProxyHeader(stream, 1000);
    stream.push('S');
    await expect(reading).rejects.toThrow('does not begin with a PROXY header');
  });

  it('rejects when the peer sends nothing', async () => {
    await expect(readProxyHeader(new TestStream(), 5)).rejects.toThrow('no PROXY header after 5 ms');
  });

  it('rejects when the stream ends or fails first', async () => {
    const ended = new TestStream();
    const reading = readProxyHeader(ended, 1000);
    ended.push('PROXY ');
    ended.push(null);
    await expect(reading).rejects.toThrow(ProxyProtocolError);
    const failed = new TestStream();
    const failing = readProxyHeader(failed, 1000);
    failed.destroy(new Error('reset'));
    await expect(failing).rejects.toThrow('reset');
  });
});
