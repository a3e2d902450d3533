import type { SshChannel, SshChannelEvents } from '@sftpgw/ssh';
import { describe, expect, it } from 'vitest';
import { releaseBytes } from '../bytes/buffer-pool.js';
import { ChannelStream } from './channel-stream.js';
import { SshSlabs } from './slab-pool.js';

/** A channel that records the calls and passes on the events. */
class RecordingChannel implements SshChannel {
  readonly calls: string[] = [];
  events: SshChannelEvents | null = null;
  readonly backlogBytes = 7;
  readonly bytesReceived = 0;
  readonly bytesSent = 0;

  start(events: SshChannelEvents): void {
    this.events = events;
  }
  pause(): void {
    this.calls.push('pause');
  }
  resume(): void {
    this.calls.push('resume');
  }
  write(pieces: readonly Uint8Array[]): void {
    this.calls.push(`write ${pieces.length}`);
  }
  writeStderr(text: string): void {
    this.calls.push(`stderr ${text}`);
  }
  exit(status: number): void {
    this.calls.push(`exit ${status}`);
  }
  end(): void {
    this.calls.push('end');
  }
}

/** Starts a stream that collects its chunks. */
function started(software = 'OpenSSH_9.2'): {
  readonly channel: RecordingChannel;
  readonly stream: ChannelStream;
  readonly chunks: Uint8Array[];
} {
  const channel = new RecordingChannel();
  const stream = new ChannelStream(channel, software);
  const chunks: Uint8Array[] = [];
  stream.start({
    data: (chunk) => void chunks.push(chunk),
    ended: () => undefined,
    drained: () => undefined,
    closed: () => undefined,
  });
  return { channel, stream, chunks };
}

describe('an SSH channel as a byte stream', () => {
  it('passes lent bytes on without a copy', () => {
    const { channel, chunks } = started();
    const slab = new SshSlabs().lend(1024);
    channel.events?.data(slab.subarray(10, 20));
    expect(chunks[0]?.buffer).toBe(slab.buffer);
    expect(chunks[0]?.byteOffset).toBe(slab.byteOffset + 10);
    releaseBytes(slab);
  });

  it('copies bytes that are not lent', () => {
    const { channel, chunks } = started();
    const memory = Buffer.from('first');
    channel.events?.data(memory);
    memory.fill('x');
    expect(chunks.map(String)).toEqual(['first']);
  });

  it.each([
    ['OpenSSH_9.2p1', true],
    ['PuTTY_Release_0.78', true],
    ['WinSCP_release_6.1', false],
    ['paramiko_2.12.0', false],
  ])('explains on stderr if the client shows it: %s', (software, isShown) => {
    const { channel, stream } = started(software);
    stream.explain('no space');
    expect(channel.calls).toEqual(isShown ? ['stderr sftpgw: no space\r\n'] : []);
  });

  it('ends with the exit status 0', () => {
    const { channel, stream } = started();
    stream.write([Buffer.from('a'), Buffer.from('b')]);
    stream.end();
    expect(channel.calls).toEqual(['write 2', 'exit 0', 'end']);
  });
});
