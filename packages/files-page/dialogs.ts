import { byId } from './page-elements.js';

export interface Question {
  readonly title: string;
  readonly text: string;
  readonly ok: string;
  /** Asks for a text. */
  readonly input?: {
    readonly label: string;
    readonly value: string;
    /** Returns why a text is wrong, null if it is right. */
    readonly check: (text: string) => string | null;
  };
}

/** Asks a question. Returns the text, which is empty without an input; null if the user cancels. */
export function ask({ title, text, ok, input }: Question): Promise<string | null> {
  const dialog = byId<HTMLDialogElement>('dialog');
  const field = byId<HTMLInputElement>('dialog-input');
  byId('dialog-title').textContent = title;
  byId('dialog-text').textContent = text;
  byId('dialog-text').hidden = text === '';
  byId('dialog-ok').textContent = ok;
  byId('dialog-row').hidden = input === undefined;
  byId('dialog-label').textContent = input?.label ?? '';
  field.value = input?.value ?? '';
  field.setCustomValidity('');
  const listening = new AbortController();
  const { signal } = listening;
  return new Promise((resolve) => {
    const end = (answer: string | null) => {
      listening.abort();
      dialog.close();
      resolve(answer);
    };
    byId('dialog-cancel').addEventListener('click', () => end(null), { signal });
    dialog.addEventListener('cancel', () => end(null), { signal });
    field.addEventListener('input', () => field.setCustomValidity(''), { signal });
    dialog.addEventListener(
      'submit',
      (event) => {
        event.preventDefault();
        const problem = input?.check(field.value) ?? null;
        if (problem === null) return end(field.value);
        field.setCustomValidity(problem);
        field.reportValidity();
      },
      { signal },
    );
    dialog.showModal();
    if (input === undefined) byId('dialog-cancel').focus();
    else field.setSelectionRange(0, stemLength(field.value));
  });
}

/** The end of the name before its extension, which people rarely change. */
function stemLength(name: string): number {
  const dot = name.lastIndexOf('.');
  return dot > 0 ? dot : name.length;
}
