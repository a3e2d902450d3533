import { expect, it } from 'vitest';
import { parseListenAddress } from './listen.js';

it.each([
  ['127.0.0.1:2222', '127.0.0.1', 2222],
  ['localhost:0', 'localhost', 0],
  ['[::1]:65535', '::1', 65_535],
  [':22', '::', 22],
])('takes %s', (text, host, port) => expect(parseListenAddress(text)).toEqual({ host, port }));

it.each(['2222', '127.0.0.1', '127.0.0.1:', '::1:22', '[nope]:22', 'h:65536', 'h:-1', 'h:22x', ''])(
  'refuses %j',
  (text) => expect(() => parseListenAddress(text)).toThrow(/HOST:PORT/),
);
