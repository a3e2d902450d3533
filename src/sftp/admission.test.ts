import { describe, expect, it } from 'vitest';
import { SessionAdmission } from './admission.js';

describe('admission', () => {
  it('bounds all connections, those of one address and those of one user', () => {
    const admission = new SessionAdmission({
      maxSessions: 3,
      maxSessionsPerAddress: 2,
      maxSessionsPerUser: 1,
    });
    expect(admission.enter('a')).toBeNull();
    expect(admission.enter('a')).toBeNull();
    expect(admission.enter('a')).toContain('from this address');
    expect(admission.enter('b')).toBeNull();
    expect(admission.enter('c')).toContain('as many connections as it takes');
    admission.leave('a');
    expect(admission.enter('c')).toBeNull();

    expect([admission.enterUser('bob'), admission.enterUser('bob'), admission.enterUser('eve')]).toEqual([
      true,
      false,
      true,
    ]);
    admission.leaveUser('bob');
    expect(admission.enterUser('bob')).toBe(true);
  });

  it('gives back the place of a connection that it refuses', () => {
    const admission = new SessionAdmission({
      maxSessions: 2,
      maxSessionsPerAddress: 1,
      maxSessionsPerUser: 1,
    });
    expect(admission.enter('a')).toBeNull();
    for (let again = 0; again < 5; again++) expect(admission.enter('a')).not.toBeNull();
    expect(admission.enter('b')).toBeNull();
  });
});
