import type { Duplex } from 'node:stream';
import { type ProxyHeader, ProxyProtocolError, parseProxyHeader } from './proxy-header.js';

/**
 * Reads the PROXY header at the start of a connection and leaves the stream paused behind it: the bytes that follow the header are
 * put back. Rejects with `ProxyProtocolError` if the header is malformed, if the stream ends or fails first, or if the header is not
 * complete after `timeoutMs`. The stream is then paused too, and the caller destroys it. The caller listens for errors of the
 * stream itself: this listener ends with the promise. At most one chunk of the stream beyond an
 * incomplete header is held.
 */
export function readProxyHeader(stream: Duplex, timeoutMs: number): Promise<ProxyHeader> {
  return new Promise((resolve, reject) => {
    let received: Buffer = Buffer.alloc(0);
    const settle = (finish: () => void) => {
      clearTimeout(timer);
      stream.pause();
      stream.off('data', onData);
      stream.off('end', onEnd);
      stream.off('close', onEnd);
      stream.off('error', onError);
      finish();
    };
    const onData = (chunk: Buffer) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      try {
        const header = parseProxyHeader(received);
        if (header === null) return;
        const rest = received.subarray(header.bytes);
        settle(() => {
          if (rest.length > 0) stream.unshift(rest);
          resolve(header);
        });
      } catch (error) {
        settle(() => reject(error));
      }
    };
    const onEnd = () =>
      settle(() => reject(new ProxyProtocolError('the connection ended before its PROXY header')));
    const onError = (error: Error) =>
      settle(() =>
        reject(new ProxyProtocolError(`the connection failed before its PROXY header: ${error.message}`)),
      );
    const timer = setTimeout(
      () => settle(() => reject(new ProxyProtocolError(`no PROXY header after ${timeoutMs} ms`))),
      timeoutMs,
    );
    stream.on('data', onData);
    stream.on('end', onEnd);
    stream.on('close', onEnd);
    stream.on('error', onError);
    stream.resume();
  });
}
