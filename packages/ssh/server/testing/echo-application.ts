import type { SessionRequest, SshChannel } from '../../connection/ssh-channel.js';
import type { SshConnection } from '../ssh-connection.js';

/** A session of the echo application. */
export interface EchoSession {
  readonly connection: SshConnection;
  readonly channel: SshChannel;
  readonly request: SessionRequest;
}

/** An application that returns the bytes of each session, and pauses while they are not taken. */
export class EchoApplication {
  readonly sessions: EchoSession[] = [];
  /** Refuses sessions with this text. */
  refusal: string | null = null;
  readonly maxBacklogBytes: number;

  constructor(maxBacklogBytes = 4 * 1024 * 1024) {
    this.maxBacklogBytes = maxBacklogBytes;
  }

  readonly onSession = (
    connection: SshConnection,
    channel: SshChannel,
    request: SessionRequest,
    refuse: (text: string) => void,
  ): Promise<void> | void => {
    this.sessions.push({ connection, channel, request });
    if (this.refusal !== null) return refuse(this.refusal);
    return new Promise((resolve) => {
      const flow = () => {
        if (channel.backlogBytes >= this.maxBacklogBytes) channel.pause();
        else channel.resume();
      };
      channel.start({
        data: (chunk) => {
          channel.write([Buffer.from(chunk)]);
          flow();
        },
        ended: () => {
          channel.exit(0);
          channel.end();
        },
        drained: flow,
        closed: resolve,
      });
    });
  };
}
