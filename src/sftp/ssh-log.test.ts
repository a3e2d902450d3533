import { expect, it } from 'vitest';
import { sshLog } from './ssh-log.js';
import { type LogLine, recordingLogger } from './testing/test-logger.js';

it('writes counts as text and errors under the name that the logger knows', () => {
  const lines: LogLine[] = [];
  const error = new Error('no');
  sshLog(recordingLogger(lines)).info(
    { refusals: 3, methods: { password: 2, publickey: 1 }, err: error, user: null },
    'SSH connection closed without a login',
  );
  expect(lines).toEqual([
    {
      level: 'info',
      message: 'SSH connection closed without a login',
      fields: { refusals: 3, methods: 'password: 2, publickey: 1', error },
    },
  ]);
});
