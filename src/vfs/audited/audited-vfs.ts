import type { LiveSession } from '../../live/live-session.js';
import type { AuditAction, AuditDetails, AuditRecorder } from '../../model/audit.js';
import type { Call } from '../../model/call.js';
import type {
  AttributeChange,
  Attributes,
  DirectoryEntry,
  FileSystemStatistics,
  ReadHandle,
  Vfs,
  WriteHandle,
  WriteMode,
} from '../../model/vfs.js';
import { AuditedRead } from './audited-read.js';
import { AuditedWrite } from './audited-write.js';
import { FileEvents } from './file-events.js';
import { NotingCall } from './noting-call.js';

/**
 * The tree of one session, with each change and each file recorded in the audit trail and shown in the
 * registry of sessions. A change is refused with `unavailable` while the trail cannot be written. It is
 * recorded before its caller gets the result.
 */
export class AuditedVfs implements Vfs {
  readonly #tree: Vfs;
  readonly #events: FileEvents;

  constructor(tree: Vfs, trail: AuditRecorder, session: LiveSession) {
    this.#tree = tree;
    this.#events = new FileEvents(trail, session);
  }

  stat(call: Call, path: string): Promise<Attributes | null> {
    return this.#tree.stat(call, path);
  }

  lstat(call: Call, path: string): Promise<Attributes | null> {
    return this.#tree.lstat(call, path);
  }

  list(call: Call, path: string): AsyncIterable<readonly DirectoryEntry[]> {
    return this.#tree.list(call, path);
  }

  readLink(call: Call, path: string): Promise<string> {
    return this.#tree.readLink(call, path);
  }

  statistics(call: Call, path: string): Promise<FileSystemStatistics> {
    return this.#tree.statistics(call, path);
  }

  setAttributes(call: Call, path: string, change: AttributeChange): Promise<void> {
    return this.#change(call, 'file.attributes', path, { ...change }, (noting) =>
      this.#tree.setAttributes(noting, path, change),
    );
  }

  makeDirectory(call: Call, path: string): Promise<void> {
    return this.#change(call, 'directory.make', path, {}, (noting) => this.#tree.makeDirectory(noting, path));
  }

  removeDirectory(call: Call, path: string): Promise<void> {
    return this.#change(call, 'directory.remove', path, {}, (noting) =>
      this.#tree.removeDirectory(noting, path),
    );
  }

  remove(call: Call, path: string): Promise<void> {
    return this.#change(call, 'file.remove', path, {}, (noting) => this.#tree.remove(noting, path));
  }

  rename(call: Call, from: string, to: string, replace: boolean): Promise<void> {
    return this.#change(call, 'file.rename', from, { to, replace }, (noting) =>
      this.#tree.rename(noting, from, to, replace),
    );
  }

  makeSymlink(call: Call, path: string, target: string): Promise<void> {
    return this.#change(call, 'file.symlink', path, { to: target }, (noting) =>
      this.#tree.makeSymlink(noting, path, target),
    );
  }

  makeHardLink(call: Call, path: string, existing: string): Promise<void> {
    return this.#change(call, 'file.link', path, { to: existing }, (noting) =>
      this.#tree.makeHardLink(noting, path, existing),
    );
  }

  async openRead(call: Call, path: string): Promise<ReadHandle> {
    const noting = new NotingCall(call);
    let handle: ReadHandle;
    try {
      handle = await this.#tree.openRead(noting, path);
    } catch (error) {
      this.#events.failed({ action: 'file.read', path, call: noting }, error);
      throw error;
    }
    // A client may keep what it reads without closing the file, so the open is recorded too.
    this.#opened(noting, path, 'download');
    const transfer = this.#events.session.openTransfer(path, 'download');
    return new AuditedRead(handle, this.#events, noting, transfer);
  }

  async openWrite(call: Call, path: string, mode: WriteMode): Promise<WriteHandle> {
    this.#events.trail.requireWritable();
    const noting = new NotingCall(call);
    let handle: WriteHandle;
    try {
      handle = await this.#tree.openWrite(noting, path, mode);
    } catch (error) {
      this.#events.failed({ action: 'file.write', path, call: noting }, error);
      throw error;
    }
    // A file on disk changes while it is written. An upload changes nothing before CLOSE.
    if (noting.facts.bucket === undefined) this.#opened(noting, path, 'upload');
    const transfer = this.#events.session.openTransfer(path, 'upload');
    return new AuditedWrite(handle, this.#events, noting, transfer);
  }

  /** Records that bytes were copied between two open files (copy-data). */
  copied(call: Call, from: string, to: string, bytes: number): void {
    const noting = new NotingCall(call);
    this.#events.done({ action: 'file.copy', path: from, call: noting, details: { to, bytes } });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tree[Symbol.asyncDispose]();
  }

  #opened(call: NotingCall, path: string, direction: 'upload' | 'download'): void {
    this.#events.ended({ action: 'file.open', path, call, details: { direction } }, 'ok');
  }

  async #change(
    call: Call,
    action: AuditAction,
    path: string,
    details: AuditDetails,
    work: (noting: NotingCall) => Promise<void>,
  ): Promise<void> {
    this.#events.trail.requireWritable();
    const noting = new NotingCall(call);
    const event = { action, path, call: noting, details };
    try {
      await work(noting);
    } catch (error) {
      this.#events.failed(event, error);
      throw error;
    }
    this.#events.done(event);
  }
}
