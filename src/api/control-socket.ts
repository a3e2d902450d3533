import { Fault } from '../model/fault.js';

/**
 * `sun_path` of unix(7) has 108 bytes with its final zero; on macOS 104. The system truncates a longer path.
 */
const maxSocketPathBytes = process.platform === 'darwin' ? 103 : 107;

/** Throws `invalid` for a path that is too long for a socket. */
export function checkSocketPath(path: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes <= maxSocketPathBytes) return;
  throw new Fault(
    'invalid',
    `the path of the control socket ${path} has ${bytes} bytes, but the maximum is ${maxSocketPathBytes}; use a root with a shorter path`,
  );
}
