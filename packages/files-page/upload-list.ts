import type { Api, Part } from './api.js';
import { baseName, formatBytes, formatSeconds, plainName } from './format.js';
import { button, byId, element, nameElement } from './page-elements.js';
import { Upload, type UploadState } from './upload.js';

/** Files that are sent at the same time. */
const maxActive = 3;

const words: Readonly<Record<UploadState, string>> = {
  waiting: 'Waiting',
  sending: 'Sending',
  storing: 'Storing',
  reconnecting: 'Trying again',
  paused: 'Paused',
  done: 'Sent',
  failed: 'Not sent',
  cancelled: 'Cancelled',
};

interface Row {
  readonly item: HTMLElement;
  readonly bar: HTMLProgressElement;
  readonly state: HTMLElement;
  readonly buttons: HTMLElement;
  /** The state of the buttons, which keep the focus while nothing else changes. */
  shown: UploadState | null;
}

/** The uploads of this page, and the interrupted ones that the gateway keeps. */
export class UploadList {
  readonly #api: Api;
  readonly #changed: (path: string) => void;
  readonly #fail: (error: unknown) => void;
  readonly #rows = new Map<Upload, Row>();
  /** As the gateway lists them, which can be those that this page sends, or has stored since. */
  #parts: readonly Part[] = [];
  /** The addresses of uploads that this page has stored or discarded. */
  readonly #settled = new Set<string>();
  #isDrawing = false;

  /** `changed` is called when a file was stored or discarded, and `fail` with an error that no upload shows. */
  constructor(api: Api, changed: (path: string) => void, fail: (error: unknown) => void) {
    this.#api = api;
    this.#changed = changed;
    this.#fail = fail;
    byId('clear').addEventListener('click', () => this.#clear());
    window.addEventListener('online', () => {
      for (const upload of this.#rows.keys()) upload.retryNow();
    });
  }

  /** The paths of files of which only a part was sent. */
  get incomplete(): ReadonlySet<string> {
    const sending = [...this.#rows.keys()].filter(({ isEnded }) => !isEnded);
    // Of a part without a byte, the gateway has nothing to list: a file of its name is another one.
    const parts = this.#interrupted.filter(({ offset }) => offset > 0);
    return new Set([...parts, ...sending].map(({ path }) => path));
  }

  /** The parts that no upload of this page continues, or has continued. */
  get #interrupted(): readonly Part[] {
    const own = new Set([...this.#rows.keys()].map(({ url }) => url));
    return this.#parts.filter(({ url }) => !own.has(url) && !this.#settled.has(url));
  }

  /** Fetches the interrupted uploads. */
  async refresh(): Promise<void> {
    this.#parts = await this.#api.parts();
    this.#drawParts();
  }

  /** Returns the interrupted upload that this file continues, or null. */
  partOf(file: File, path: string): Part | null {
    const seconds = Math.floor(file.lastModified / 1000);
    const found = this.#interrupted.find(
      (part) => part.path === path && part.length === file.size && part.mtimeSeconds === seconds,
    );
    return found ?? null;
  }

  add(file: File, path: string): void {
    const part = this.partOf(file, path);
    const upload = new Upload(file, path, part?.url ?? null, this.#api, () => this.#draw());
    this.#parts = this.#parts.filter((other) => other !== part);
    this.#rows.set(upload, this.#makeRow(upload));
    this.#drawParts();
    this.#start();
  }

  /** Continues the uploads that stopped because the session had ended. */
  resumeAll(): void {
    for (const upload of this.#rows.keys()) if (upload.state === 'paused') upload.wait();
    this.#start();
  }

  /** Pauses everything, for a logout. */
  pauseAll(): void {
    for (const upload of this.#rows.keys()) upload.pause();
  }

  /** Forgets everything, for another user. */
  reset(): void {
    this.pauseAll();
    for (const { item } of this.#rows.values()) item.remove();
    this.#rows.clear();
    this.#parts = [];
    this.#settled.clear();
    this.#draw();
    this.#drawParts();
  }

  #start(): void {
    const uploads = [...this.#rows.keys()];
    let active = uploads.filter(({ isActive }) => isActive).length;
    for (const upload of uploads) {
      if (active >= maxActive) break;
      if (upload.state !== 'waiting') continue;
      active += 1;
      void upload.run().then(() => {
        if (upload.state === 'done') this.#announce(upload);
        this.#start();
      });
    }
    this.#draw();
  }

  #announce(upload: Upload): void {
    this.#settle(upload);
    byId('upload-status').textContent = `${plainName(baseName(upload.path))} was sent.`;
    this.#changed(upload.path);
  }

  /** Neither this upload nor others that it has replaced can be resumed any more. */
  #settle({ url, path }: Upload): void {
    if (url !== null) this.#settled.add(url);
    for (const part of this.#parts) if (part.path === path) this.#settled.add(part.url);
    this.#drawParts();
  }

  #clear(): void {
    for (const [upload, { item }] of this.#rows) {
      if (!upload.isEnded) continue;
      item.remove();
      this.#rows.delete(upload);
    }
    this.#draw();
    // Of an upload that failed, a part can be left.
    this.#drawParts();
  }

  #makeRow(upload: Upload): Row {
    const name = plainName(baseName(upload.path));
    const bar = element('progress', { max: '1', 'aria-label': `Progress of ${name}` });
    const state = element('div', { class: 'item-state' });
    const buttons = element('div', { class: 'item-buttons' });
    const title = element(
      'div',
      { class: 'item-name', title: plainName(upload.path) },
      nameElement(baseName(upload.path)),
    );
    const item = element('li', {}, title, bar, state, buttons);
    byId('upload-list').append(item);
    return { item, bar, state, buttons, shown: null };
  }

  /** Draws at the next frame, however many pieces arrive until then. */
  #draw(): void {
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    setTimeout(() => {
      this.#isDrawing = false;
      byId('uploads').hidden = this.#rows.size === 0;
      byId('clear').hidden = ![...this.#rows.keys()].some(({ isEnded }) => isEnded);
      for (const [upload, row] of this.#rows) this.#drawRow(upload, row);
    }, 50);
  }

  #drawRow(upload: Upload, row: Row): void {
    const { file, state, sentBytes } = upload;
    row.bar.value = file.size === 0 ? (state === 'done' ? 1 : 0) : sentBytes / file.size;
    row.bar.hidden = upload.isEnded;
    row.state.textContent = stateText(upload);
    row.state.classList.toggle('failed', state === 'failed');
    row.state.classList.toggle('done', state === 'done');
    if (row.shown === state) return;
    row.shown = state;
    replaceButtons(row.buttons, this.#buttonsOf(upload), byId('clear'));
  }

  #buttonsOf(upload: Upload): readonly HTMLElement[] {
    const name = plainName(baseName(upload.path));
    const cancel = button('Cancel', `Cancel ${name}`, 'plain danger', () => {
      void upload
        .cancel()
        .then(() => this.#settled.add(upload.url ?? ''))
        .catch(this.#fail)
        .finally(() => {
          this.#changed(upload.path);
          this.#start();
        });
    });
    const again = (text: string) =>
      button(text, `${text} ${name}`, 'plain', () => {
        upload.wait();
        this.#start();
      });
    if (upload.state === 'done' || upload.state === 'cancelled') return [];
    if (upload.state === 'failed') return [again('Try again')];
    if (upload.state === 'paused') return [again('Resume'), cancel];
    if (upload.state === 'storing') return [];
    if (upload.state === 'reconnecting') {
      return [button('Try now', `Try now: ${name}`, 'plain', () => upload.retryNow()), cancel];
    }
    const pause = button('Pause', `Pause ${name}`, 'plain', () => {
      upload.pause();
      this.#start();
    });
    return [pause, cancel];
  }

  #drawParts(): void {
    const parts = this.#interrupted;
    byId('parts').hidden = parts.length === 0;
    const items = parts.map((part) => this.#partItem(part));
    replaceButtons(byId('part-list'), items, byId('title'));
  }

  #partItem(part: Part): HTMLElement {
    const name = plainName(baseName(part.path));
    const discard = button('Discard', `Discard the interrupted ${name}`, 'plain danger', () => {
      void this.#api
        .cancelUpload(part.url)
        .then(() => {
          this.#settled.add(part.url);
          return this.refresh();
        })
        .catch(this.#fail)
        .finally(() => this.#changed(part.path));
    });
    const percent = part.length === 0 ? 0 : Math.floor((100 * part.offset) / part.length);
    return element(
      'li',
      {},
      element('div', { class: 'item-name' }, nameElement(part.path)),
      element('div', { class: 'item-state' }, `${percent} % of ${formatBytes(part.length)} received`),
      element('div', { class: 'item-buttons' }, discard),
    );
  }
}

/** Replaces the content. If the focus was in it, moves it to the first new button, or to `next` without one. */
function replaceButtons(parent: HTMLElement, content: readonly HTMLElement[], next: HTMLElement): void {
  const hadFocus = parent.contains(document.activeElement);
  parent.replaceChildren(...content);
  if (hadFocus) (parent.querySelector('button') ?? next).focus();
}

function stateText({ state, file, sentBytes, rate, problem }: Upload): string {
  if (state === 'done') return `Sent, ${formatBytes(file.size)}`;
  if (state === 'failed') return `Not sent: ${problem}`;
  const parts = [words[state]];
  if (state === 'reconnecting' || state === 'paused') parts.push(problem);
  parts.push(`${formatBytes(sentBytes)} of ${formatBytes(file.size)}`);
  if (state === 'sending' && rate > 0) {
    parts.push(`${formatBytes(rate)}/s`, `${formatSeconds((file.size - sentBytes) / rate)} left`);
  }
  return parts.filter((part) => part !== '').join(' · ');
}
