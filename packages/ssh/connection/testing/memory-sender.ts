import type { MessageSender } from '../../transport/layer.js';

/** Records the messages that a layer sends. The test sets `backlogBytes`. */
export class MemorySender implements MessageSender {
  readonly sessionId = Buffer.alloc(32, 7);
  readonly sent: Buffer[] = [];
  backlogBytes = 0;
  disconnected: { readonly reason: number; readonly text: string } | null = null;
  /** Adds each message to the backlog, as a network does that takes nothing. */
  isStuck = false;

  send(...pieces: readonly Uint8Array[]): void {
    const message = Buffer.concat(pieces);
    this.sent.push(message);
    if (this.isStuck) this.backlogBytes += message.byteLength;
  }

  disconnect(reason: number, text: string): void {
    this.disconnected ??= { reason, text };
  }

  /** Returns the messages of a type and forgets all messages. */
  take(type?: number): Buffer[] {
    const all = this.sent.splice(0);
    return type === undefined ? all : all.filter((message) => message[0] === type);
  }
}
