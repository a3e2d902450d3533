import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { MirrorRemoval, MirrorUse } from '../../model/mirror.js';
import type { WorkerLink } from './worker-link.js';

/** A removal may wait for a running pass and for S3, in milliseconds. */
const removalTimeoutMs = 60_000;

interface OpenedMessage {
  readonly id: number;
  readonly names: readonly string[];
}

interface RemovalMessage {
  readonly name: string;
  readonly path: string;
  readonly actor: string;
}

/** The mirror of the machine, which runs in the lead. All processes serve its directories. */
export class SharedMirror implements MirrorRemoval, MirrorUse {
  readonly #link: WorkerLink;
  readonly #local: MirrorRemoval & MirrorUse;
  /** Sessions of this process that see mirrored directories. */
  readonly #own = new Map<number, { readonly names: readonly string[]; close: (() => void) | null }>();
  /** In the lead: how to close the sessions of other processes, by slot and number. */
  readonly #others = new Map<string, { readonly from: number; readonly close: () => void }>();
  #lead: number | null;
  #nextId = 1;

  /** `local` is the mirror of this process, which works while this process leads. */
  constructor(link: WorkerLink, local: MirrorRemoval & MirrorUse, call: Call) {
    this.#link = link;
    this.#local = local;
    this.#lead = link.lead;
    link.onMembers(() => this.#membersChanged());
    link.answer('mirror-opened', async (body, from) => this.#opened(body as OpenedMessage, from));
    link.answer('mirror-closed', async (body, from) => this.#closed(`${from} ${String(body)}`));
    link.answer('mirror-remove', async (body) => {
      const { name, path, actor } = body as RemovalMessage;
      await local.removeFile(call, name, path, actor);
    });
  }

  sessionOpened(names: readonly string[]): () => void {
    const id = this.#nextId++;
    this.#own.set(id, { names, close: this.#announce(id, names) });
    return () => {
      this.#own.get(id)?.close?.();
      this.#own.delete(id);
    };
  }

  async removeFile(call: Call, name: string, path: string, actor: string): Promise<void> {
    if (this.#link.isLead) return await this.#local.removeFile(call, name, path, actor);
    const { lead } = this.#link;
    if (lead === null) throw new Fault('unavailable', 'the mirror moves to another process: try again');
    const message: RemovalMessage = { name, path, actor };
    await this.#link.ask(lead, 'mirror-remove', message, removalTimeoutMs);
  }

  /** Returns the function that reports the end; null without a lead. */
  #announce(id: number, names: readonly string[]): (() => void) | null {
    const { lead, isLead } = this.#link;
    if (isLead) return this.#local.sessionOpened(names);
    if (lead === null) return null;
    this.#link.tell(lead, 'mirror-opened', { id, names } satisfies OpenedMessage);
    return () => this.#link.tell(lead, 'mirror-closed', id);
  }

  #opened({ id, names }: OpenedMessage, from: number): void {
    this.#others.set(`${from} ${id}`, { from, close: this.#local.sessionOpened(names) });
  }

  #closed(key: string): void {
    this.#others.get(key)?.close();
    this.#others.delete(key);
  }

  #membersChanged(): void {
    const { members, lead } = this.#link;
    for (const [key, { from }] of this.#others) if (!members.includes(from)) this.#closed(key);
    if (lead === this.#lead) return;
    this.#lead = lead;
    // The last lead has ended its mirror.
    for (const [id, session] of this.#own) session.close = this.#announce(id, session.names);
  }
}
