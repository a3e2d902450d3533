import { describe, expect, it } from 'vitest';
import { makeUserKey } from '../testing/user-keys.js';
import { TestClient } from './testing/test-client.js';
import { TestUsers } from './testing/test-users.js';

const key = makeUserKey('ssh-ed25519');
const second = makeUserKey('ecdsa-sha2-nistp256');
const all = ['publickey', 'password', 'keyboard-interactive'];
const failure = { kind: 'failure', methods: all, isPartial: false };

function users() {
  return new TestUsers({
    alice: { password: 'right', keys: [{ key }, { key: second }] },
    bob: {
      password: 'right',
      code: '123456',
      keys: [{ key }],
      sequence: ['publickey', 'keyboard-interactive'],
    },
    carol: { keys: [{ key }, { key: second }], sequence: ['publickey', 'publickey'] },
  });
}

describe('keyboard-interactive', () => {
  it('asks for the password and logs in', async () => {
    const client = new TestClient(users());
    expect(await client.keyboard()).toEqual({
      kind: 'prompts',
      name: '',
      instruction: '',
      prompts: ['Password: *'],
    });
    expect(await client.answers('right')).toEqual({ kind: 'success' });
    expect(client.logins[0]?.methods).toEqual(['keyboard-interactive']);
  });

  it('asks for a second factor in a second round', async () => {
    const application = new TestUsers({ dave: { password: 'right', code: '123456' } });
    for (const [password, code, kind] of [
      ['right', '123456', 'success'],
      ['wrong', '123456', 'failure'],
      ['right', '000000', 'failure'],
    ] as const) {
      const client = new TestClient(application);
      client.username = 'dave';
      await client.keyboard();
      expect(await client.answers(password)).toEqual({
        kind: 'prompts',
        name: 'Second factor',
        instruction: 'Enter it',
        prompts: ['Code: '],
      });
      expect((await client.answers(code)).kind).toBe(kind);
    }
  });

  it('refuses a wrong number of answers and answers that are not UTF-8', async () => {
    const application = users();
    const client = new TestClient(application);
    for (const answers of [[], ['right', 'right'], [Buffer.of(0xff)]]) {
      await client.keyboard();
      expect(await client.answers(...answers)).toEqual(failure);
    }
    expect(application.calls).not.toContain('answer');
  });

  it('answers without a question end the connection', async () => {
    const client = new TestClient(users());
    expect(await client.answers('right')).toMatchObject({
      kind: 'disconnect',
      text: 'answers without a question',
    });
    const twice = new TestClient(users());
    await twice.keyboard();
    await twice.answers('wrong');
    expect(await twice.answers('right')).toMatchObject({
      kind: 'disconnect',
      text: 'answers without a question',
    });
  });

  it('ends with a new request and counts as an attempt', async () => {
    const client = new TestClient(users());
    await client.keyboard();
    expect(await client.password('right')).toEqual({ kind: 'success' });
    expect(client.refusals).toMatchObject([
      { method: 'keyboard-interactive', reason: 'the client ended the dialogue' },
    ]);
    const other = new TestClient(users(), { maxAuthAttempts: 3 });
    await other.keyboard();
    await other.keyboard();
    await other.keyboard();
    expect(await other.keyboard()).toMatchObject({ kind: 'disconnect', reason: 14 });
  });

  it('ends after eight rounds', async () => {
    const application = users();
    application.begin = async () => ({
      methods: () => ['keyboard-interactive'],
      publicKey: async () => null,
      password: async () => 'refused',
      dialogue: () => ({ start: async () => ({ prompts: [] }), respond: async () => ({ prompts: [] }) }),
    });
    const client = new TestClient(application);
    await client.keyboard();
    for (let round = 2; round <= 8; round++) expect((await client.answers()).kind).toBe('prompts');
    expect((await client.answers()).kind).toBe('failure');
  });
});

describe('a sequence of methods', () => {
  it('offers one after another and logs in with the last', async () => {
    const client = new TestClient(users());
    client.username = 'bob';
    expect(await client.none()).toEqual({ kind: 'failure', methods: ['publickey'], isPartial: false });
    expect(await client.password('right')).toMatchObject({
      kind: 'failure',
      methods: ['publickey'],
      isPartial: false,
    });
    expect(await client.sign({ key })).toEqual({
      kind: 'failure',
      methods: ['keyboard-interactive'],
      isPartial: true,
    });
    expect(await client.sign({ key })).toMatchObject({ kind: 'failure', isPartial: false });
    await client.keyboard();
    await client.answers('right');
    expect(await client.answers('123456')).toEqual({ kind: 'success' });
    expect(client.logins).toMatchObject([
      { methods: ['publickey', 'keyboard-interactive'], keys: [{ type: 'ssh-ed25519' }] },
    ]);
  });

  it('does not log in when the second method fails', async () => {
    const client = new TestClient(users());
    client.username = 'bob';
    await client.sign({ key });
    await client.keyboard();
    await client.answers('right');
    expect(await client.answers('999999')).toEqual({
      kind: 'failure',
      methods: ['keyboard-interactive'],
      isPartial: false,
    });
    expect(client.logins).toEqual([]);
  });

  it('of two keys needs two different keys', async () => {
    const client = new TestClient(users());
    client.username = 'carol';
    expect(await client.sign({ key })).toMatchObject({ isPartial: true });
    expect(await client.query({ key })).toMatchObject({ kind: 'failure', isPartial: false });
    expect(await client.sign({ key })).toMatchObject({ kind: 'failure', isPartial: false });
    expect(await client.sign({ key: second })).toEqual({ kind: 'success' });
    expect(client.logins[0]?.keys).toHaveLength(2);
  });
});
