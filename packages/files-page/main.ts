import { Api, type Entry, RequestFailure, type Right, type Session } from './api.js';
import { ask } from './dialogs.js';
import { baseName, joined, nameProblem, plainName } from './format.js';
import { hashOf, Listing } from './listing.js';
import { LoginForm } from './login.js';
import { byId, element, nameElement } from './page-elements.js';
import { UploadList } from './upload-list.js';

/** The page of a user who is logged in. */
class FilesPage {
  readonly #api = new Api();
  readonly #login: LoginForm;
  readonly #listing: Listing;
  readonly #uploads: UploadList;
  #session: Session | null = null;
  #directory = '/uploads';
  #loading = new AbortController();
  #isReloading = false;

  constructor() {
    this.#login = new LoginForm(this.#api, (session) => this.#enter(session));
    this.#listing = new Listing({
      rename: (entry) => this.#attempt(() => this.#rename(entry)),
      remove: (entry) => this.#attempt(() => this.#remove(entry)),
    });
    this.#uploads = new UploadList(
      this.#api,
      (path) => this.#reloadLater(path),
      (error) => this.#fail(error),
    );
    const picker = byId<HTMLInputElement>('picker');
    byId('send').addEventListener('click', () => picker.click());
    picker.addEventListener('change', () => {
      const files = [...(picker.files ?? [])];
      picker.value = '';
      this.#attempt(() => this.#send(files));
    });
    byId('make').addEventListener('click', () => this.#attempt(() => this.#makeDirectory()));
    byId('logout').addEventListener('click', () => this.#attempt(() => this.#logout()));
    window.addEventListener('hashchange', () => this.#attempt(() => this.#open()));
    this.#watchDrops();
  }

  async start(): Promise<void> {
    try {
      const session = await this.#api.session();
      if (session === null) this.#login.show('');
      else this.#enter(session);
    } catch (error) {
      this.#login.show(textOf(error));
    }
  }

  #enter(session: Session): void {
    if (this.#session !== null && this.#session.username !== session.username) this.#uploads.reset();
    this.#session = session;
    byId('user').textContent = session.username;
    byId('user').title = session.username;
    byId('app').hidden = false;
    this.#uploads.resumeAll();
    this.#attempt(async () => {
      try {
        await this.#uploads.refresh();
      } finally {
        // The listing marks the interrupted uploads.
        await this.#open();
      }
    });
  }

  async #logout(): Promise<void> {
    this.#uploads.reset();
    await this.#api.logout();
    this.#session = null;
    this.#listing.hide();
    this.#login.show('');
  }

  get #rights(): readonly Right[] {
    const top = this.#session?.directories.find(
      ({ path }) => this.#directory === path || this.#directory.startsWith(`${path}/`),
    );
    return top?.rights ?? [];
  }

  /** Shows the directory that the address names. */
  async #open(): Promise<void> {
    if (this.#session === null) return;
    const path = decodedHash(location.hash) ?? '/uploads';
    const isOther = path !== this.#directory;
    this.#directory = path;
    this.#say('');
    this.#drawPlace();
    if (isOther) {
      this.#listing.hide();
      byId('title').focus();
    }
    await this.#reload();
  }

  #drawPlace(): void {
    const names = this.#directory.split('/').filter((name) => name !== '');
    const name = names.at(-1);
    byId('title').replaceChildren(name === undefined ? 'All folders' : nameElement(name));
    document.title = `${plainName(name ?? 'Files')} – ${this.#session?.username ?? ''}`;
    const crumbs = names.map((_, at) => `/${names.slice(0, at + 1).join('/')}`);
    const items = ['/', ...crumbs].map((path) => {
      const label = path === '/' ? 'Files' : nameElement(baseName(path));
      const current = path === this.#directory ? { 'aria-current': 'page' } : {};
      return element('li', {}, element('a', { href: hashOf(path), ...current }, label));
    });
    byId('crumbs').replaceChildren(...items);
    const maySend = this.#rights.includes('create') || this.#rights.includes('overwrite');
    byId('send').hidden = !maySend;
    byId('make').hidden = !this.#rights.includes('create');
  }

  async #reload(): Promise<void> {
    this.#loading.abort();
    this.#loading = new AbortController();
    const { signal } = this.#loading;
    const directory = this.#directory;
    const rights = this.#rights;
    if (directory !== '/' && !rights.includes('list') && rights.length > 0) {
      return this.#showEmpty('You can send files to this folder. Its content is not shown to you.');
    }
    const entries: Entry[] = [];
    try {
      const isComplete = await this.#api.list(directory, (more) => entries.push(...more), signal);
      if (signal.aborted) return;
      const canSend = rights.includes('create');
      this.#listing.show(directory, entries, { rights, incomplete: this.#uploads.incomplete });
      const empty = canSend ? 'This folder is empty. Drop files here to send them.' : 'This folder is empty.';
      if (entries.length === 0) this.#showEmpty(empty);
      else byId('empty').hidden = true;
      const count = entries.length.toLocaleString();
      const counted = `${count} ${entries.length === 1 ? 'entry' : 'entries'}`;
      byId('count').textContent = isComplete ? counted : `The first ${counted}; the folder has more`;
    } catch (error) {
      if (signal.aborted) return;
      this.#listing.hide();
      byId('count').textContent = '';
      byId('empty').hidden = true;
      throw error;
    }
  }

  #showEmpty(text: string): void {
    this.#listing.hide();
    byId('count').textContent = '';
    byId('empty').textContent = text;
    byId('empty').hidden = false;
  }

  async #send(files: readonly File[]): Promise<void> {
    if (this.#session === null) return;
    const directory = this.#directory;
    const wrong = files.find(({ name }) => nameProblem(name) !== null);
    if (wrong !== undefined) {
      throw new Error(`${plainName(wrong.name)} cannot be sent. ${nameProblem(wrong.name)}`);
    }
    const present = new Set(this.#listing.entries.map(({ name }) => name));
    // An interrupted upload was confirmed when it began.
    const isNew = (file: File) => this.#uploads.partOf(file, joined(directory, file.name)) === null;
    const same = files.filter((file) => present.has(file.name) && isNew(file));
    let chosen = files;
    if (same.length > 0) {
      const [first] = same;
      const names = same.length === 1 ? plainName(first?.name ?? '') : `${same.length} files`;
      const answer = await ask({
        title: `Replace ${names}?`,
        text: 'This folder has files of the same name. Replacing them cannot be undone here.',
        ok: 'Replace',
      });
      if (answer === null) chosen = files.filter((file) => !same.includes(file));
    }
    for (const file of chosen) this.#uploads.add(file, joined(directory, file.name));
  }

  /** Lists the directory again if this file in it has changed. */
  #reloadLater(path: string): void {
    const directory = path.slice(0, Math.max(1, path.lastIndexOf('/')));
    if (directory !== this.#directory || this.#isReloading) return;
    // Many small files end shortly after each other.
    this.#isReloading = true;
    setTimeout(() => {
      this.#isReloading = false;
      // A message about an action of the person stays.
      const { logins } = this.#api;
      void this.#reload().catch((error: unknown) => this.#fail(error, logins));
    }, 300);
  }

  async #makeDirectory(): Promise<void> {
    const name = await ask({
      title: 'New folder',
      text: '',
      ok: 'Create',
      input: { label: 'Name', value: '', check: nameProblem },
    });
    if (name === null) return;
    await this.#api.makeDirectory(joined(this.#directory, name));
    await this.#reload();
  }

  async #rename({ name }: Entry): Promise<void> {
    const renamed = await ask({
      title: `Rename ${plainName(name)}`,
      text: '',
      ok: 'Rename',
      input: { label: 'New name', value: name, check: nameProblem },
    });
    if (renamed === null || renamed === name) return;
    await this.#api.rename(joined(this.#directory, name), joined(this.#directory, renamed));
    await this.#reload();
    this.#listing.focusRename(renamed);
  }

  async #remove({ name, type }: Entry): Promise<void> {
    const isDirectory = type === 'directory';
    const answer = await ask({
      title: `Delete ${plainName(name)}?`,
      text: isDirectory ? 'Only an empty folder can be deleted.' : 'This cannot be undone here.',
      ok: 'Delete',
    });
    if (answer === null) return;
    await this.#api.remove(joined(this.#directory, name), isDirectory ? 'directory' : 'file');
    await this.#reload();
  }

  #watchDrops(): void {
    let depth = 0;
    const mark = (change: number) => {
      depth = Math.max(0, depth + change);
      document.body.classList.toggle('dragging', depth > 0 && this.#session !== null);
    };
    const hasFiles = ({ dataTransfer }: DragEvent) => dataTransfer?.types.includes('Files') === true;
    document.addEventListener('dragenter', (event) => hasFiles(event) && mark(1));
    document.addEventListener('dragleave', (event) => hasFiles(event) && mark(-1));
    document.addEventListener('dragover', (event) => hasFiles(event) && event.preventDefault());
    document.addEventListener('drop', (event) => {
      event.preventDefault();
      mark(-depth);
      this.#attempt(() => this.#send(droppedFiles(event)));
    });
  }

  /** Runs an action, and shows why it failed. */
  #attempt(action: () => Promise<void>): void {
    this.#say('');
    const { logins } = this.#api;
    void action().catch((error: unknown) => this.#fail(error, logins));
  }

  /** Shows an error. `logins` is the number of logins when the action began. */
  #fail(error: unknown, logins = this.#api.logins): void {
    if (error instanceof DOMException && error.name === 'AbortError') return;
    if (this.#api.isOfEarlierSession(error, logins)) {
      this.#say('Your session had ended before the last action. Do it again.');
      return;
    }
    if (error instanceof RequestFailure && error.status === 401) {
      this.#login.show('Your session has ended. Log in to continue.', this.#session?.username);
      return;
    }
    this.#say(textOf(error));
  }

  #say(text: string): void {
    byId('message').replaceChildren(...(text === '' ? [] : [element('p', {}, text)]));
  }
}

/** Throws an error for a folder: browsers would send it as an empty file. */
function droppedFiles({ dataTransfer }: DragEvent): File[] {
  for (const item of dataTransfer?.items ?? []) {
    if (item.webkitGetAsEntry()?.isDirectory === true) {
      throw new Error('Folders cannot be sent. Open the folder and choose its files.');
    }
  }
  return [...(dataTransfer?.files ?? [])];
}

/** Returns the path in the address; null without one. */
function decodedHash(hash: string): string | null {
  if (!hash.startsWith('#/')) return null;
  try {
    const path = decodeURIComponent(hash.slice(1));
    return path === '/' ? path : path.replace(/\/+$/, '');
  } catch {
    return null;
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

await new FilesPage().start();
