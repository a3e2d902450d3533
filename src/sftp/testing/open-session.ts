import type { Vfs } from '../../model/vfs.js';
import { defaultSftpLimits, type SessionLimits } from '../limits.js';
import { SftpSession } from '../session.js';
import { TestClient } from './client.js';
import { MemoryVfs } from './memory-vfs.js';
import { PipeStream } from './pipe-stream.js';
import { type LogLine, recordingLogger, testClock, testEntropy } from './test-logger.js';

export interface OpenedSession {
  readonly session: SftpSession;
  readonly client: TestClient;
  readonly stream: PipeStream;
  readonly memory: MemoryVfs;
  readonly lines: LogLine[];
}

/** Opens a session over a pipe for the user `bob` and initialises it. `change` may wrap the tree. */
export async function openSession(
  limits: Partial<SessionLimits> = {},
  change: (memory: MemoryVfs) => Vfs = (memory) => memory,
  software = 'OpenSSH_9.2p1',
): Promise<OpenedSession> {
  const memory = new MemoryVfs();
  const stream = new PipeStream();
  const client = new TestClient(stream);
  const lines: LogLine[] = [];
  const session = new SftpSession({
    stream,
    vfs: change(memory),
    username: 'bob',
    software,
    limits: { ...defaultSftpLimits, ...limits },
    log: recordingLogger(lines),
    clock: testClock,
    entropy: testEntropy,
  });
  await client.init();
  return { session, client, stream, memory, lines };
}

/** Returns the bytes of a path. */
export function path(text: string): Uint8Array {
  return Buffer.from(text);
}

/** Returns the tree with some of its methods replaced. */
export function replacing(memory: MemoryVfs, methods: Partial<Vfs>): Vfs {
  return new Proxy(memory, {
    get: (target, name) => {
      const replaced: unknown = methods[name as keyof Vfs];
      if (replaced !== undefined) return replaced;
      const own: unknown = Reflect.get(target, name);
      return typeof own === 'function' ? own.bind(target) : own;
    },
  });
}
