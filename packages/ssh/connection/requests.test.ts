import { describe, expect, it } from 'vitest';
import { silentLog } from '../transport/events.js';
import { Message } from '../wire/message-numbers.js';
import { WireReader } from '../wire/reader.js';
import { WireWriter } from '../wire/writer.js';
import { client } from './testing/client-messages.js';
import { TestConnection } from './testing/test-connection.js';

const successOrFailure = (message: Buffer | undefined) =>
  message?.[0] === Message.channelSuccess
    ? 'success'
    : message?.[0] === Message.channelFailure
      ? 'failure'
      : null;

function openChannel(): TestConnection {
  const connection = new TestConnection();
  connection.receive(client.open(100));
  connection.sender.take();
  return connection;
}

const stderrOf = (messages: readonly Buffer[]) =>
  messages
    .filter((message) => message[0] === Message.channelExtendedData)
    .map((message) => message.subarray(13).toString())
    .join('');

function exitStatusOf(messages: readonly Buffer[]): number | null {
  const request = messages.find((message) => message[0] === Message.channelRequest);
  if (request === undefined) return null;
  const reader = new WireReader(request, 5);
  expect([reader.name(), reader.boolean()]).toEqual(['exit-status', false]);
  return reader.u32();
}

describe('channel requests', () => {
  it('serves the subsystem sftp', () => {
    const connection = openChannel();
    connection.receive(client.subsystem(0));
    expect(connection.sessions.map(({ request }) => request)).toEqual([{ kind: 'subsystem', name: 'sftp' }]);
    expect(connection.sender.take().map(successOrFailure)).toEqual(['success']);
  });

  it.each(['scp -t /a', 'scp -f -- "b c"', '/usr/bin/scp -r -t .'])('serves %j', (command) => {
    const connection = openChannel();
    connection.receive(client.exec(0, command));
    expect(connection.sessions[0]?.request).toEqual({ kind: 'exec', command });
  });

  it.each(['ls', 'scp', 'scpx -t a', '/bin/sh -c "scp -t a"', 'rsync --server .', ''])(
    'explains on stderr that %j is not served, and ends with status 1',
    (command) => {
      const connection = openChannel();
      connection.receive(client.exec(0, command));
      const sent = connection.sender.take();
      expect(successOrFailure(sent[0])).toBe('success');
      expect(stderrOf(sent)).toBe('only SFTP is served\r\n');
      expect(exitStatusOf(sent)).toBe(1);
      expect(sent.slice(-2).map((message) => message[0])).toEqual([Message.channelEof, Message.channelClose]);
      expect(connection.sessions).toEqual([]);
    },
  );

  it('accepts a terminal and then explains that there is no shell', () => {
    const connection = openChannel();
    connection.receive(client.request(0, 'pty-req', true, Buffer.from('anything')));
    connection.receive(client.request(0, 'window-change', false), client.request(0, 'shell', true));
    const sent = connection.sender.take();
    expect(sent.slice(0, 2).map(successOrFailure)).toEqual(['success', 'success']);
    expect(stderrOf(sent)).toBe('only SFTP is served\r\n');
  });

  it.each([
    'env',
    'x11-req',
    'auth-agent-req@openssh.com',
    'keepalive@openssh.com',
    'constructor',
    '__proto__',
  ])('refuses the request %s', (type) => {
    const connection = openChannel();
    connection.receive(client.request(0, type, true));
    expect(connection.sender.take().map(successOrFailure)).toEqual(['failure']);
  });

  it('answers nothing to a request that wants no reply', () => {
    const connection = openChannel();
    connection.receive(client.request(0, 'env', false), client.request(0, 'nonsense', false));
    expect(connection.sender.take()).toEqual([]);
  });

  it('refuses another subsystem', () => {
    const connection = openChannel();
    connection.receive(client.subsystem(0, 'netconf'));
    expect(connection.sender.take().map(successOrFailure)).toEqual(['failure']);
    connection.receive(client.subsystem(0));
    expect(connection.sessions).toHaveLength(1);
  });

  it('accepts one request per channel', () => {
    const connection = openChannel();
    connection.receive(
      client.subsystem(0),
      client.subsystem(0),
      client.exec(0, 'scp -t x'),
      client.exec(0, 'ls'),
    );
    expect(connection.sender.take().map(successOrFailure)).toEqual([
      'success',
      'failure',
      'failure',
      'failure',
    ]);
    expect(connection.sessions).toHaveLength(1);
  });

  it('drops data before the first request', () => {
    const connection = openChannel();
    connection.receive(client.data(0, Buffer.from('early')), client.subsystem(0));
    connection.receive(client.data(0, Buffer.from('late')));
    expect(Buffer.concat(connection.sessions[0]?.received ?? []).toString()).toBe('late');
  });

  it('sends the text of a refusal of the application', () => {
    const connection = new TestConnection({ startsChannels: false });
    connection.openSftp().refuse('sftpgw: no more sessions');
    const sent = connection.sender.take();
    expect(stderrOf(sent)).toBe('sftpgw: no more sessions\r\n');
    expect(exitStatusOf(sent)).toBe(1);
  });

  it('refuses the session when the application fails', async () => {
    const errors: string[] = [];
    const connection = new TestConnection({
      options: {
        onSession: () => Promise.reject(new Error('broken')),
        log: { ...silentLog, warn: (_fields, message) => errors.push(message) },
      },
    });
    connection.receive(client.open(100), client.subsystem(0));
    await Promise.resolve();
    await Promise.resolve();
    expect(stderrOf(connection.sender.take())).toBe('the server failed to serve this session\r\n');
    expect(errors).toEqual(['session failed']);
  });
});

describe('global requests', () => {
  it.each([
    'tcpip-forward',
    'cancel-tcpip-forward',
    'streamlocal-forward@openssh.com',
    'keepalive@openssh.com',
  ])('answers %s with REQUEST_FAILURE', (name) => {
    const connection = new TestConnection();
    connection.receive(client.global(name, true, Buffer.from('data')));
    expect(connection.sender.take()).toEqual([Buffer.from([Message.requestFailure])]);
  });

  it('answers nothing to a request that wants no reply', () => {
    const connection = new TestConnection();
    connection.receive(client.global('keepalive@openssh.com', false));
    expect(connection.sender.take()).toEqual([]);
  });
});

describe('host keys', () => {
  const announcement = new WireWriter().string('blob-1').string('blob-2').finish();
  const proof = (data: string) =>
    client.global('hostkeys-prove-00@openssh.com', true, new WireWriter().string(data).finish());
  const prove = (request: WireReader) => {
    const named = request.text();
    return named === 'other' ? null : Buffer.from(`proof of ${named}`);
  };

  it('are announced after the login', () => {
    const connection = new TestConnection({ options: { hostKeys: { announcement, prove } } });
    connection.layer.start();
    const reader = new WireReader(connection.sender.take()[0] ?? Buffer.alloc(0), 1);
    expect([reader.name(), reader.boolean()]).toEqual(['hostkeys-00@openssh.com', false]);
    expect(reader.rest()).toEqual(announcement);
  });

  it('are not announced to a client that fails on the announcement', () => {
    const connection = new TestConnection({ options: { hostKeys: { announcement: null, prove } } });
    connection.layer.start();
    expect(connection.sender.take()).toEqual([]);
  });

  it('are proved if they are ours', () => {
    const connection = new TestConnection({ options: { hostKeys: { announcement, prove } } });
    connection.receive(proof('blob-1'), proof('other'));
    expect(connection.sender.take().map((message) => message.toString('latin1'))).toEqual([
      `${String.fromCharCode(Message.requestSuccess)}proof of blob-1`,
      String.fromCharCode(Message.requestFailure),
    ]);
  });

  it('are proved a bounded number of times', () => {
    const connection = new TestConnection({ options: { hostKeys: { announcement, prove } } });
    for (let attempt = 0; attempt < 50; attempt++) connection.receive(proof('blob-1'));
    expect(connection.sender.take(Message.requestSuccess)).toHaveLength(4);
  });
});
