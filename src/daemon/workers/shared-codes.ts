import type { Core } from '../../assembly/core.js';
import type { WorkerLink } from './worker-link.js';

type Codes = Core['codes'];

interface CodeMessage {
  readonly username: string;
  readonly state: Parameters<Codes['learn']>[1];
}

/** Lets all workers know which codes of a second factor were used, so that none is accepted twice. */
export function shareCodes(link: WorkerLink, codes: Codes): void {
  codes.share((username, state) => link.tellOthers('code', { username, state } satisfies CodeMessage));
  link.answer('code', async (body) => {
    const { username, state } = body as CodeMessage;
    codes.learn(username, state);
  });
}
