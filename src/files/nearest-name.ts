/**
 * Returns the known name that was probably meant: one that differs in at most two letters, ignoring
 * dots and case. Returns null if there is none.
 */
export function nearestName(name: string, known: Iterable<string>): string | null {
  const letters = (text: string): string => text.toLowerCase().replace(/[^a-z0-9]/g, '');
  const wanted = letters(name).slice(0, 64);
  let best: string | null = null;
  let bestDistance = 3;
  for (const candidate of known) {
    const distance = editDistance(wanted, letters(candidate));
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Returns the number of letters to add, drop or replace to turn one into the other (Levenshtein). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const replaced = (row[j] ?? 0) + (a[i] === b[j] ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
