import type { IncomingMessage } from 'node:http';
import type { Ban, BanAdministration } from '../model/bans.js';
import type { LiveMirrorStatus, MirrorRunEvent, MirrorRuns } from '../model/mirror-runs.js';
import { ControlRequests, parseFault } from './control-request.js';
import {
  type BanClearAnswer,
  type BanClearRequest,
  type BanRequest,
  bansClearPath,
  bansPath,
  mirrorPath,
  mirrorRunPath,
  type RunFailure,
} from './control-socket.js';

/**
 * Returns the mirror of the gateway on this control socket. Its methods throw `invalid` (the path is too
 * long), `unavailable` (no gateway listens), `timed-out` (no answer for `silenceMs`), `cancelled`, and the
 * gateway's faults.
 */
export function remoteMirror(path: string, signal: AbortSignal, silenceMs?: number): MirrorRuns {
  return new RemoteMirror(new ControlRequests(path, signal, silenceMs));
}

/** The bans of the gateway that listens on this control socket. Faults: as `remoteMirror`. */
export function remoteBans(path: string, signal: AbortSignal): BanAdministration {
  const requests = new ControlRequests(path, signal);
  return {
    list: async () => (await requests.json('GET', bansPath, undefined)) as readonly Ban[],
    async add(address, durationMs) {
      const request: BanRequest = { address, durationMs };
      return (await requests.json('POST', bansPath, request)) as Ban;
    },
    async clear(address) {
      const request: BanClearRequest = { address };
      return ((await requests.json('POST', bansClearPath, request)) as BanClearAnswer).ended;
    },
  };
}

class RemoteMirror implements MirrorRuns {
  readonly #requests: ControlRequests;

  constructor(requests: ControlRequests) {
    this.#requests = requests;
  }

  async run(names: readonly string[] | null, report: (event: MirrorRunEvent) => void): Promise<void> {
    const answer = await this.#requests.ask('POST', mirrorRunPath, JSON.stringify({ names }));
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
    return (await this.#requests.json('GET', mirrorPath, undefined)) as readonly LiveMirrorStatus[];
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
