import { expect, it } from 'vitest';
import { passedSocket, passedSocketVariable } from './passed-socket.js';

it.each<[what: string, env: NodeJS.ProcessEnv, fd: number | null]>([
  ['none', {}, null],
  ['one', { LISTEN_PID: '7', LISTEN_FDS: '1' }, 3],
  ['the first of two', { LISTEN_PID: '7', LISTEN_FDS: '2' }, 3],
  ['that of another process', { LISTEN_PID: '8', LISTEN_FDS: '1' }, null],
  ['no descriptor', { LISTEN_PID: '7', LISTEN_FDS: '0' }, null],
  ['no number', { LISTEN_PID: '7', LISTEN_FDS: 'x' }, null],
  ['that of the parent', { [passedSocketVariable]: '3', LISTEN_PID: '8', LISTEN_FDS: '1' }, 3],
])('finds the socket that systemd has passed: %s', (_what, env, fd) => {
  expect(passedSocket(env, 7)).toBe(fd);
});
