import type { Socket } from 'node:net';
import { Fault } from '../../model/fault.js';
import { maxPrefaceBytes } from './preface.js';

/**
 * Returns the first line of a connection, without its line feed. Leaves the socket paused, with the bytes behind the line unread.
 * Throws `invalid` if the line is too long, and `unavailable` if the connection ends before it.
 */
export function readLine(socket: Socket, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const settle = (finish: () => void) => {
      socket.pause();
      for (const [name, listener] of Object.entries(listeners)) socket.off(name, listener);
      signal.removeEventListener('abort', ended);
      finish();
    };
    const data = (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      const end = received.indexOf('\n');
      if (end >= 0 && end <= maxPrefaceBytes) {
        const rest = received.subarray(end + 1);
        settle(() => {
          if (rest.length > 0) socket.unshift(rest);
          resolve(received.toString('utf8', 0, end));
        });
      } else if (received.length > maxPrefaceBytes) {
        settle(() => reject(new Fault('invalid', 'the first line is too long')));
      }
    };
    const ended = () =>
      settle(() => reject(new Fault('unavailable', 'the connection ended before its first line')));
    const listeners = { data, end: ended, close: ended };
    for (const [name, listener] of Object.entries(listeners)) socket.on(name, listener);
    signal.addEventListener('abort', ended, { once: true });
    socket.resume();
  });
}
