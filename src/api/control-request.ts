import { type IncomingMessage, request } from 'node:http';
import { Fault, type FaultKind, faultKinds } from '../model/fault.js';
import { checkSocketPath } from './control-socket.js';
import { localIdentity, type Person } from './description/roles.js';
import { readBody } from './request-body.js';
import { personHeaders } from './server/person.js';

/** A gateway that works says something at least four times a second while a pass runs. */
const defaultSilenceMs = 30_000;
const maxAnswerBytes = 64 * 1024 * 1024;

/** Everyone who can open the socket may do everything. */
function localPerson(): Person {
  return {
    name: `uid ${process.getuid?.() ?? 0}`,
    role: 'admin',
    scope: null,
    isCommand: true,
    identity: localIdentity,
    session: null,
    client: null,
  };
}

/** Requests to the gateway that listens on a control socket. */
export class ControlRequests {
  readonly #path: string;
  readonly #signal: AbortSignal;
  readonly #silenceMs: number;

  constructor(path: string, signal: AbortSignal, silenceMs = defaultSilenceMs) {
    this.#path = path;
    this.#signal = signal;
    this.#silenceMs = silenceMs;
  }

  /** Returns the JSON of an answer. */
  async json(method: string, path: string, body?: unknown): Promise<unknown> {
    const answer = await this.ask(method, path, body);
    try {
      return JSON.parse((await readBody(answer, maxAnswerBytes)).toString('utf8'));
    } catch (error) {
      throw this.fault(error);
    }
  }

  /** Returns the answer, once it has the status 200. */
  async ask(method: string, path: string, body?: unknown): Promise<IncomingMessage> {
    checkSocketPath(this.#path);
    const text = body === undefined ? null : JSON.stringify(body);
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const asked = request({
        socketPath: this.#path,
        path,
        method,
        headers: {
          ...personHeaders(localPerson()),
          ...(text === null ? {} : { 'content-type': 'application/json' }),
        },
        signal: this.#signal,
        timeout: this.#silenceMs,
      });
      asked.on('response', resolve);
      asked.on('error', (error) => reject(this.fault(error)));
      asked.on('timeout', () => {
        asked.destroy(
          new Fault('timed-out', `the gateway does not answer on its control socket ${this.#path}`),
        );
      });
      asked.end(text ?? undefined);
    });
    if (answer.statusCode === 200) return answer;
    throw await problemOf(answer);
  }

  /** Returns an error of the exchange as a fault. */
  fault(error: unknown): Fault {
    if (error instanceof Fault) return error;
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (this.#signal.aborted)
      return new Fault('cancelled', 'interrupted; the gateway continues', { cause: error });
    if (code === 'EACCES' || code === 'EPERM') {
      return new Fault(
        'denied',
        `the control socket ${this.#path} is another user's: run the command as the gateway's owner`,
      );
    }
    const hasNoListener = code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTSOCK';
    const what = hasNoListener ? 'no gateway listens on' : 'the gateway closed the connection on';
    return new Fault('unavailable', `${what} the control socket ${this.#path}`, { cause: error });
  }
}

async function problemOf(answer: IncomingMessage): Promise<Fault> {
  const text = (await readBody(answer, maxAnswerBytes)).toString('utf8');
  try {
    const { kind, detail } = JSON.parse(text) as { readonly kind?: unknown; readonly detail?: unknown };
    return parseFault(String(kind), String(detail));
  } catch {
    return new Fault('unavailable', `the gateway answers with status ${answer.statusCode}`);
  }
}

/** A gateway of another version may know other kinds. */
export function parseFault(kind: string, detail: string): Fault {
  const known: FaultKind = faultKinds.find((one) => one === kind) ?? 'unavailable';
  return new Fault(known, detail);
}
