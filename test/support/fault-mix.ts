import type { ProxyAction, SeenRequest } from './fault-proxy.js';
import type { SeededRandom } from './random.js';

/** The classes of faults between the gateway and S3. */
export const faultClasses = [
  'delay',
  'reset',
  'reset in the body',
  'lost answer',
  'no answer',
  'cut body',
  '500',
  '503',
  '200 with an error',
  'bit of a request body',
  'bit of a request header',
  'bit of a response body',
  'bit of a response header',
] as const;

export type FaultClass = (typeof faultClasses)[number];

/** Classes that may leave a request without an answer. A changed header may announce a longer body. */
const stalling: ReadonlySet<FaultClass> = new Set([
  'no answer',
  'bit of a request header',
  'bit of a response header',
]);

function isSlow({ method, url, headers }: SeenRequest): boolean {
  const isComplete = method === 'POST' && url.includes('uploadId=');
  return isComplete || headers['x-amz-copy-source'] !== undefined;
}

const errorBody = (code: string) =>
  `<?xml version="1.0"?><Error><Code>${code}</Code><Message>m</Message></Error>`;
const answer = (status: number, code: string, headers = {}): ProxyAction => ({
  do: 'answer',
  status,
  headers,
  body: errorBody(code),
});

/** Injects faults of every class at random, and counts them. */
export class FaultMix {
  readonly counts = new Map<FaultClass, number>();
  readonly #random: SeededRandom;
  readonly #share: number;
  readonly #stalls: boolean;

  /**
   * `share` of the requests get a fault. S3 may take minutes to complete an upload or to copy, so the gateway waits up
   * to 15 minutes for these answers. If `stalls` is false, they get no fault that could leave them without one.
   */
  constructor(random: SeededRandom, share: number, stalls: boolean) {
    this.#random = random;
    this.#share = share;
    this.#stalls = stalls;
  }

  decide(request: SeenRequest): ProxyAction {
    if (this.#random.next() >= this.#share) return { do: 'pass' };
    const chosen = this.#random.pick(faultClasses);
    if (!this.#stalls && isSlow(request) && stalling.has(chosen)) return { do: 'pass' };
    const action = this.#action(chosen, request);
    if (action === null) return { do: 'pass' };
    this.counts.set(chosen, (this.counts.get(chosen) ?? 0) + 1);
    return action;
  }

  /** Returns null for a class that does not fit the request. */
  #action(chosen: FaultClass, { method, headers }: SeenRequest): ProxyAction | null {
    const bodyBytes = Number(headers['content-length'] ?? 0);
    const at = this.#random.next();
    switch (chosen) {
      case 'delay':
        return { do: 'delay', ms: this.#random.between(50, 1500) };
      case 'reset':
        return { do: 'reset' };
      case 'reset in the body':
        return bodyBytes < 2 ? null : { do: 'reset', afterBodyBytes: Math.ceil(bodyBytes * at) };
      case 'lost answer':
        return { do: 'lose-answer' };
      case 'no answer':
        return { do: 'hang' };
      case 'cut body':
        return method === 'GET'
          ? { do: 'cut-answer', afterBodyBytes: this.#random.between(1, 2_000_000) }
          : null;
      case '500':
        return answer(500, 'InternalError');
      case '503':
        return answer(503, 'SlowDown', this.#random.next() < 0.2 ? { 'retry-after': '1' } : {});
      case '200 with an error':
        return method === 'HEAD' || method === 'DELETE' ? null : answer(200, 'InternalError');
      case 'bit of a request body':
        return bodyBytes === 0 ? null : { do: 'flip-bit', of: 'request', in: 'body', at };
      case 'bit of a request header':
        return { do: 'flip-bit', of: 'request', in: 'headers', at };
      case 'bit of a response body':
        return method === 'HEAD' ? null : { do: 'flip-bit', of: 'response', in: 'body', at };
      case 'bit of a response header':
        return { do: 'flip-bit', of: 'response', in: 'headers', at };
    }
  }
}
