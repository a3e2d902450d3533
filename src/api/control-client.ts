import { type IncomingMessage, request } from 'node:http';
import { Fault, type FaultKind, faultKinds } from '../model/fault.js';
import type { LiveMirrorStatus, MirrorRunEvent, MirrorRuns } from '../model/mirror-runs.js';
import { checkSocketPath, mirrorPath, mirrorRunPath, type RunFailure } from './control-socket.js';
import { readBody } from './request-body.js';

/** Timeout in ms. A working gateway sends four or more events per second while a pass runs. */
const defaultSilenceMs = 30_000;
const maxAnswerBytes = 64 * 1024 * 1024;

/**
 * Returns the mirror of the gateway on this control socket. Its methods throw `invalid` (the path is too
 * long), `unavailable` (no gateway listens), `timed-out` (no answer for `silenceMs`), `cancelled`, and the
 * gateway's faults.
 */
export function remoteMirror(path: string, signal: AbortSignal, silenceMs = defaultSilenceMs): MirrorRuns {
  return new RemoteMirror(path, signal, silenceMs);
}

class RemoteMirror implements MirrorRuns {
  readonly #path: string;
  readonly #signal: AbortSignal;
  readonly #silenceMs: number;

  constructor(path: string, signal: AbortSignal, silenceMs: number) {
    this.#path = path;
    this.#signal = signal;
    this.#silenceMs = silenceMs;
  }

  async run(names: readonly string[] | null, report: (event: MirrorRunEvent) => void): Promise<void> {
    const answer = await this.#ask('POST', mirrorRunPath, JSON.stringify({ names }));
    try {
      for await (const line of linesOf(answer)) {
        const event = JSON.parse(line) as MirrorRunEvent | RunFailure;
        if (event.kind === 'failed') throw parseFault(event.fault, event.detail);
        report(event);
      }
    } catch (error) {
      throw this.#fault(error);
    }
  }

  async liveStatus(): Promise<readonly LiveMirrorStatus[]> {
    const answer = await this.#ask('GET', mirrorPath, null);
    try {
      return JSON.parse(
        (await readBody(answer, maxAnswerBytes)).toString('utf8'),
      ) as readonly LiveMirrorStatus[];
    } catch (error) {
      throw this.#fault(error);
    }
  }

  async #ask(method: string, path: string, body: string | null): Promise<IncomingMessage> {
    checkSocketPath(this.#path);
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const asked = request({
        socketPath: this.#path,
        path,
        method,
        signal: this.#signal,
        timeout: this.#silenceMs,
      });
      asked.on('response', resolve);
      asked.on('error', (error) => reject(this.#fault(error)));
      asked.on('timeout', () => {
        asked.destroy(
          new Fault('timed-out', `the gateway does not answer on its control socket ${this.#path}`),
        );
      });
      asked.end(body ?? undefined);
    });
    if (answer.statusCode === 200) return answer;
    throw await problemOf(answer);
  }

  #fault(error: unknown): Fault {
    if (error instanceof Fault) return error;
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (this.#signal.aborted)
      return new Fault('cancelled', 'interrupted; the gateway continues', { cause: error });
    if (code === 'EACCES' || code === 'EPERM') {
      return new Fault(
        'denied',
        `the control socket ${this.#path} belongs to another user; run the command as the gateway's owner`,
      );
    }
    const hasNoListener = code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTSOCK';
    const what = hasNoListener ? 'no gateway listens on' : 'the gateway closed the connection on';
    return new Fault('unavailable', `${what} the control socket ${this.#path}`, { cause: error });
  }
}

/** Splits the answer into lines. Throws the stream's error if the answer is interrupted. */
async function* linesOf(answer: IncomingMessage): AsyncGenerator<string> {
  answer.setEncoding('utf8');
  let rest = '';
  for await (const text of answer) {
    const lines = (rest + String(text)).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}

async function problemOf(answer: IncomingMessage): Promise<Fault> {
  const text = (await readBody(answer, maxAnswerBytes)).toString('utf8');
  try {
    const { kind, detail } = JSON.parse(text) as { readonly kind?: unknown; readonly detail?: unknown };
    return parseFault(String(kind), String(detail));
  } catch {
    return new Fault('unavailable', `the gateway answered with status ${answer.statusCode}`);
  }
}

/** Returns the gateway's fault. A kind from another version becomes `unavailable`. */
function parseFault(kind: string, detail: string): Fault {
  const known: FaultKind = faultKinds.find((one) => one === kind) ?? 'unavailable';
  return new Fault(known, detail);
}
