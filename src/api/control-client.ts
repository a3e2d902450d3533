import type { IncomingMessage } from 'node:http';
import type { Ban, BanAdministration } from '../model/bans.js';
import { isFault } from '../model/fault.js';
import type { SessionAdministration, SessionStatus } from '../model/live.js';
import type { LiveMirrorStatus, MirrorRunEvent, MirrorRuns } from '../model/mirror-runs.js';
import { ControlRequests, parseFault } from './control-request.js';

/** Operations of the API that commands call. */
const mirrorsPath = '/api/mirrors';
const mirrorRunPath = '/api/mirrors/run';
const bansPath = '/api/bans';
const sessionsPath = '/api/sessions';

/** The last line of an answer that failed after its beginning. */
interface RunFailure {
  readonly kind: 'failed';
  readonly fault: string;
  readonly detail: string;
}

/**
 * Returns the mirror of the gateway on this control socket. Its methods throw `invalid` (the path is too
 * long), `unavailable` (no gateway listens), `timed-out` (no answer for `silenceMs`), `cancelled`, and the
 * gateway's faults.
 */
export function remoteMirror(path: string, signal: AbortSignal, silenceMs?: number): MirrorRuns {
  return new RemoteMirror(new ControlRequests(path, signal, silenceMs));
}

/** A ban in an answer. */
interface BanView extends Omit<Ban, 'sinceMs' | 'untilMs'> {
  readonly since: string;
  readonly until: string;
}

/** The bans of the gateway that listens on this control socket. Faults: as `remoteMirror`. */
export function remoteBans(path: string, signal: AbortSignal): BanAdministration {
  const requests = new ControlRequests(path, signal);
  return {
    async list() {
      const { items } = (await requests.json('GET', bansPath)) as { readonly items: readonly BanView[] };
      return items.map(parseBan);
    },
    async add(address, durationMs) {
      const body = { address, seconds: Math.ceil(durationMs / 1000) };
      return parseBan((await requests.json('PUT', bansPath, body)) as BanView);
    },
    async clear(address) {
      const query = address === null ? '' : `?address=${encodeURIComponent(address)}`;
      return ((await requests.json('DELETE', bansPath + query)) as { readonly ended: number }).ended;
    },
  };
}

function parseBan({ since, until, ...ban }: BanView): Ban {
  return { ...ban, sinceMs: Date.parse(since), untilMs: Date.parse(until) };
}

/** The sessions of the gateway that listens on this control socket. Faults: as `remoteMirror`. */
export function remoteSessions(path: string, signal: AbortSignal): SessionAdministration {
  const requests = new ControlRequests(path, signal);
  return {
    async list() {
      const { items } = (await requests.json('GET', sessionsPath)) as {
        readonly items: readonly SessionStatus[];
      };
      return items;
    },
    async disconnect(id) {
      try {
        const answer = await requests.json('DELETE', `${sessionsPath}/${encodeURIComponent(id)}`);
        return answer as SessionStatus;
      } catch (error) {
        if (isFault(error, 'not-found')) return null;
        throw error;
      }
    },
  };
}

class RemoteMirror implements MirrorRuns {
  readonly #requests: ControlRequests;

  constructor(requests: ControlRequests) {
    this.#requests = requests;
  }

  async run(names: readonly string[] | null, report: (event: MirrorRunEvent) => void): Promise<void> {
    const answer = await this.#requests.ask('POST', mirrorRunPath, { names });
    try {
      for await (const line of linesOf(answer)) {
        const event = JSON.parse(line) as MirrorRunEvent | RunFailure;
        if (event.kind === 'failed') throw parseFault(event.fault, event.detail);
        report(event);
      }
    } catch (error) {
      throw this.#requests.fault(error);
    }
  }

  async liveStatus(): Promise<readonly LiveMirrorStatus[]> {
    const answer = await this.#requests.json('GET', mirrorsPath);
    return (answer as { readonly items: readonly LiveMirrorStatus[] }).items;
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
