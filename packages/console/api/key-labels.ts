import { useAll } from './hooks.js';

/** Labels change rarely, and reading the keys counts their objects. */
const freshMs = 60_000;

/** Returns the label of a key of the keyring; null if it has none, if it is not there or not known yet. */
export function useKeyLabel(id: string, isEnabled = true): string | null {
  const { data } = useAll('listKeys', {}, { freshMs, isEnabled });
  return data?.items.find((key) => key.id === id)?.label || null;
}
