import { namePieces } from './format.js';

/** Returns the element of the document with this id. */
export function byId<E extends HTMLElement = HTMLElement>(id: string): E {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no element ${id}`);
  return found as E;
}

/** Creates an element. Text is never read as HTML. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Creates a button with an action. `label` is read out in place of the text. */
export function button(text: string, label: string, kind: string, action: () => void): HTMLButtonElement {
  const made = element('button', { type: 'button', class: kind, 'aria-label': label }, text);
  made.addEventListener('click', action);
  return made;
}

/** Creates the text of a file's name, isolated from the direction of the text around it. */
export function nameElement(name: string): HTMLElement {
  const pieces = namePieces(name).map(({ text, isStrange }) =>
    isStrange ? element('span', { class: 'strange' }, text) : text,
  );
  return element('bdi', {}, ...pieces);
}
