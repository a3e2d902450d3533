/** Returns the fields that differ, with their values before and after. */
export function differences(
  before: object,
  after: object,
): { readonly previous: Readonly<Record<string, unknown>>; readonly now: Readonly<Record<string, unknown>> } {
  const previous: Record<string, unknown> = {};
  const now: Record<string, unknown> = {};
  const old = new Map<string, unknown>(Object.entries(before));
  const current = new Map<string, unknown>(Object.entries(after));
  for (const name of new Set([...old.keys(), ...current.keys()])) {
    if (JSON.stringify(old.get(name)) === JSON.stringify(current.get(name))) continue;
    if (old.has(name)) previous[name] = old.get(name);
    if (current.has(name)) now[name] = current.get(name);
  }
  return { previous, now };
}
