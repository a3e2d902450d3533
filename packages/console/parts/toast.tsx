import { useSyncExternalStore } from 'react';

const shownMs = 4_000;
let text = '';
let timer: ReturnType<typeof setTimeout> | undefined;
const listeners = new Set<() => void>();

function show(next: string): void {
  text = next;
  for (const listener of listeners) listener();
}

/** Shows a short message at the edge of the page for some seconds. Screen readers announce it. */
export function toast(message: string): void {
  clearTimeout(timer);
  show(message);
  timer = setTimeout(() => show(''), shownMs);
}

/** Shows the messages. A page has one. */
export function Toasts() {
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => text,
  );
  return (
    <div className="toast" role="status" aria-live="polite">
      {shown}
    </div>
  );
}
