import { describe, expect, it } from 'vitest';
import { testEntropy } from '../sftp/testing/test-logger.js';
import { JoinToken } from './join-token.js';

describe('a join token', () => {
  it('opens what it has sealed, and another one does not', async () => {
    const token = JoinToken.create(testEntropy);
    const sealed = await token.seal('the identity');
    const parsed = JoinToken.parse(` ${token.text}\n`);
    expect(parsed.hash).toBe(token.hash);
    expect(await parsed.open(sealed)).toBe('the identity');
    await expect(JoinToken.create(testEntropy).open(sealed)).rejects.toMatchObject({ kind: 'key-mismatch' });
    expect(token.text).not.toContain(token.hash);
  });

  it.each(['', 'sftpgw-join-short', `sftpgw-join-${'A'.repeat(44)}`, 'AGE-SECRET-KEY-1SECRET'])(
    'is refused if it is %j, without the text',
    (text) => {
      expect(() => JoinToken.parse(text)).toThrow(/is not one of `sftpgw cluster token`/);
      if (text !== '') expect(() => JoinToken.parse(text)).not.toThrow(text);
    },
  );
});
