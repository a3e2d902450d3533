import { describe, expect, it } from 'vitest';
import { makeUserKey } from '../testing/user-keys.js';
import { DisconnectReason } from '../wire/disconnect-reasons.js';
import { WireWriter } from '../wire/writer.js';
import { refusalDelayMs } from './refusal-delay.js';
import { TestClient } from './testing/test-client.js';
import { TestUsers } from './testing/test-users.js';

const key = makeUserKey('ssh-ed25519');
const second = makeUserKey('ecdsa-sha2-nistp256');
const all = ['publickey', 'password', 'keyboard-interactive'];
const failure = { kind: 'failure', methods: all, isPartial: false };

function users() {
  return new TestUsers({
    alice: { password: 'right', keys: [{ key }, { key: second }] },
  });
}

describe('a name', () => {
  it('stands for its account in everything that is checked, counted and reported', async () => {
    const application = Object.assign(new TestUsers({ bob: { password: 'right' } }), {
      accountOf: (name: string) => (name === 'alice' ? 'bob' : name),
    });
    const client = new TestClient(application);
    await client.password('wrong');
    expect(client.refusals).toMatchObject([{ username: 'bob' }]);
    expect(await client.password('right')).toEqual({ kind: 'success' });
    expect(client.logins).toMatchObject([{ username: 'bob' }]);
    expect(application.calls[0]).toBe('begin bob 192.0.2.7');
  });
});

describe('a password', () => {
  it('that is right logs in', async () => {
    const client = new TestClient(users());
    expect(await client.none()).toEqual(failure);
    expect(await client.password('right')).toEqual({ kind: 'success' });
    expect(client.logins).toEqual([
      { username: 'alice', address: '192.0.2.7', methods: ['password'], keys: [] },
    ]);
    expect(client.refusals).toEqual([]);
  });

  it('that is wrong is refused, and another may follow', async () => {
    const client = new TestClient(users());
    expect(await client.password('wrong')).toEqual(failure);
    expect(client.refusals).toMatchObject([
      { username: 'alice', method: 'password', reason: 'wrong password' },
    ]);
    expect(await client.password('right')).toEqual({ kind: 'success' });
  });

  it('that is not UTF-8 or that changes is refused without a check', async () => {
    const application = users();
    const client = new TestClient(application);
    expect(await client.password(Buffer.of(0x70, 0xe4))).toEqual(failure);
    const change = new WireWriter().boolean(true).string('right').string('new').finish();
    expect(await client.request('password', change)).toEqual(failure);
    expect(application.calls).not.toContain('password');
  });

  it('above 1 KiB ends the connection', async () => {
    expect(await new TestClient(users()).password('x'.repeat(1025))).toMatchObject({
      kind: 'disconnect',
      reason: 2,
    });
  });
});

describe('a busy application', () => {
  it('ends the connection with a text of its own and does not count an attempt', async () => {
    const application = users();
    const client = new TestClient(application);
    application.isBusy = true;
    expect(await client.password('right')).toEqual({
      kind: 'disconnect',
      reason: DisconnectReason.tooManyConnections,
      text: 'the server is busy: try again in a few seconds',
    });
    expect(client.refusals).toEqual([]);
    expect(client.busy).toEqual(['alice']);
  });

  it('that fails is reported, and its client gets the same text', async () => {
    const application = users();
    application.error = new Error('disk');
    for (const attempt of [
      (client: TestClient) => client.password('right'),
      (client: TestClient) => client.sign({ key }),
    ]) {
      const client = new TestClient(application);
      expect(await attempt(client)).toMatchObject({
        kind: 'disconnect',
        text: 'the server is busy: try again in a few seconds',
      });
      expect(client.failures).toEqual([application.error]);
    }
  });

  it('that gives up because the connection ended is not reported', async () => {
    const application = users();
    let asked = () => {};
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    application.begin = async (_username, _address, signal) => ({
      methods: () => ['password'],
      publicKey: async () => null,
      password: () => {
        asked();
        return new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason));
        });
      },
      dialogue: () => ({ start: async () => ({ prompts: [] }), respond: async () => 'refused' }),
    });
    const client = new TestClient(application);
    void client.password('right');
    await isAsked;
    client.layer.closed();
    await new Promise(setImmediate);
    expect(client.failures).toEqual([]);
    expect(client.unread).toEqual([]);
  });

  it('is notified when the connection ends before the login, but not after it', async () => {
    const application = users();
    const client = new TestClient(application);
    await client.none();
    client.layer.closed();
    expect(application.signals.map((signal) => signal.aborted)).toEqual([true]);
    const other = new TestClient(application);
    await other.password('right');
    other.layer.closed();
    expect(application.signals[1]?.aborted).toBe(false);
  });
});

describe('the bounds of the authentication', () => {
  it('one none request is free, and further ones count', async () => {
    const client = new TestClient(users(), { maxAuthAttempts: 2 });
    expect(await client.none()).toEqual(failure);
    expect(client.refusals).toEqual([]);
    expect(await client.none()).toEqual(failure);
    expect(await client.none()).toMatchObject({ kind: 'disconnect', reason: 14 });
  });

  it('the connection ends with the tenth refusal, of whatever kind', async () => {
    const client = new TestClient(users());
    const foreign = Array.from({ length: 6 }, () => makeUserKey('ssh-ed25519'));
    await client.none();
    for (const other of foreign) expect(await client.query({ key: other })).toEqual(failure);
    expect(await client.password('wrong')).toEqual(failure);
    expect(await client.request('gssapi-with-mic', Buffer.of(1, 2, 3))).toEqual(failure);
    expect(await client.request('hostbased')).toEqual(failure);
    expect(await client.password('wrong')).toEqual({
      kind: 'disconnect',
      reason: DisconnectReason.noMoreAuthMethodsAvailable,
      text: 'too many authentication failures (10): if your agent has many keys, select one',
    });
    expect(client.layer.tally.methods).toEqual({ publickey: 6, password: 2, other: 2 });
    expect(client.layer.tally.reasons).toEqual({
      'the key is not authorised': 6,
      'wrong password': 2,
      'the method is not offered': 2,
    });
    expect(client.refusals.filter((refusal) => refusal.isQuery)).toHaveLength(6);
  });

  it('nothing is checked after the connection has ended', async () => {
    const application = users();
    const client = new TestClient(application, { maxAuthAttempts: 1 });
    await client.password('wrong');
    const calls = application.calls.length;
    client.send(new WireWriter().u8(50).string('alice').string('ssh-connection').string('none').finish());
    await Promise.resolve();
    expect(application.calls).toHaveLength(calls);
    expect(client.unread).toEqual([]);
  });

  it('requests after the login are ignored', async () => {
    const client = new TestClient(users());
    expect(await client.password('right')).toEqual({ kind: 'success' });
    for (let at = 0; at < 20; at++) void client.password('right');
    await new Promise(setImmediate);
    expect(client.unread).toEqual([]);
    expect(client.logins).toHaveLength(1);
  });

  it('accepted queries are bounded', async () => {
    const client = new TestClient(users(), { maxAcceptedQueries: 3 });
    for (let at = 0; at < 3; at++)
      expect(await client.query({ key })).toMatchObject({ kind: 'keyAcceptable' });
    expect(await client.query({ key })).toMatchObject({ kind: 'disconnect', text: 'too many key queries' });
  });

  it('requests that are sent ahead are checked in order, up to a bound', async () => {
    const application = users();
    const client = new TestClient(application);
    const answers = [
      client.none(),
      client.password('wrong'),
      client.password('right'),
      client.password('wrong'),
    ];
    expect(await Promise.all(answers.slice(0, 3))).toEqual([failure, failure, { kind: 'success' }]);
    expect(application.calls).toEqual(['begin alice 192.0.2.7', 'password', 'password']);
    expect(client.unread).toEqual([]);
    const flood = new TestClient(users());
    const first = Array.from({ length: 12 }, () => flood.password('wrong'))[0];
    expect(await first).toMatchObject({
      kind: 'disconnect',
      text: 'too many authentication requests at once',
    });
  });

  it('a change of the user name or another service ends the connection', async () => {
    const client = new TestClient(users());
    await client.none();
    client.username = 'bob';
    expect(await client.none()).toMatchObject({
      kind: 'disconnect',
      text: 'the user name changed during authentication',
    });
    const other = new TestClient(users());
    other.service = 'ssh-userauth';
    expect(await other.none()).toMatchObject({
      kind: 'disconnect',
      reason: DisconnectReason.serviceNotAvailable,
    });
  });

  it.each([51, 52, 53, 60, 66, 79])('message %i ends the connection', async (type) => {
    const client = new TestClient(users());
    client.send(Buffer.of(type, 0, 0, 0, 0));
    expect(await client.answer()).toMatchObject({ kind: 'disconnect', reason: 2 });
  });

  it('an application without methods logs in no user', async () => {
    const application = users();
    application.begin = async () => ({
      methods: () => [],
      publicKey: async () => ({}),
      password: async () => 'accepted',
      dialogue: () => ({ start: async () => ({ prompts: [] }), respond: async () => 'accepted' }),
    });
    const client = new TestClient(application);
    for (const answer of [
      await client.none(),
      await client.password('x'),
      await client.sign({ key }),
      await client.keyboard(),
    ]) {
      expect(answer).toEqual({ kind: 'failure', methods: [], isPartial: false });
    }
  });
});

describe('refusals of users that exist and of those that do not', () => {
  it('have the same text, the same work and the same delays', async () => {
    const script = async (username: string) => {
      const application = users();
      const client = new TestClient(application);
      client.username = username;
      const foreign = makeUserKey('ssh-ed25519');
      const answers = [
        await client.none(),
        await client.query({ key: foreign }),
        await client.sign({ key: foreign }),
        await client.sign({ key: foreign, signature: Buffer.from('bad') }),
        await client.password('wrong'),
        await client.keyboard(),
        await client.answers('wrong'),
        await client.request('other'),
      ];
      const calls = application.calls.map((call) => call.replace(username, 'USER'));
      const reasons = client.refusals.map(({ reason }) => reason);
      return { answers, calls, reasons, delays: client.delaysMs };
    };
    const existing = await script('alice');
    expect(existing).toEqual(await script('nobody'));
    expect(existing.calls).toEqual([
      'begin USER 192.0.2.7',
      'publicKey plain',
      'publicKey plain',
      'publicKey plain',
      'password',
      'answer',
    ]);
    expect(existing.delays).toEqual(Array(7).fill(5));
  });

  it('wait until the next power of two times the shortest delay', () => {
    expect([0, 1, 5, 5.1, 10, 10.5, 79, 80, 81].map((ms) => ms + refusalDelayMs(ms, 5))).toEqual([
      5, 5, 5, 10, 10, 20, 80, 80, 160,
    ]);
    expect(refusalDelayMs(3, 0)).toBe(0);
  });
});
