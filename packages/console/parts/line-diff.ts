/** One line of a difference: in both texts, only before or only after. */
export interface DiffLine {
  readonly kind: 'same' | 'removed' | 'added';
  readonly text: string;
}

/** Returns the difference of two short texts by line: the longest common part stays (quadratic in the lines). */
export function lineDiff(before: string, after: string): readonly DiffLine[] {
  const [olds, news] = [linesOf(before), linesOf(after)];
  const common = commonLengths(olds, news);
  const lines: DiffLine[] = [];
  let [at, to] = [0, 0];
  while (at < olds.length || to < news.length) {
    const [old, next] = [olds[at], news[to]];
    if (old !== undefined && old === next) {
      lines.push({ kind: 'same', text: old });
      at += 1;
      to += 1;
    } else if (
      old !== undefined &&
      (next === undefined || (common[at + 1]?.[to] ?? 0) >= (common[at]?.[to + 1] ?? 0))
    ) {
      lines.push({ kind: 'removed', text: old });
      at += 1;
    } else {
      lines.push({ kind: 'added', text: next ?? '' });
      to += 1;
    }
  }
  return lines;
}

function linesOf(text: string): readonly string[] {
  return text === '' ? [] : text.split('\n');
}

/** Returns the length of the longest common part of the two rests, for each pair of their beginnings. */
function commonLengths(olds: readonly string[], news: readonly string[]): readonly (readonly number[])[] {
  const lengths = Array.from({ length: olds.length + 1 }, () => new Array<number>(news.length + 1).fill(0));
  for (let at = olds.length - 1; at >= 0; at -= 1) {
    for (let to = news.length - 1; to >= 0; to -= 1) {
      const row = lengths[at] ?? [];
      row[to] =
        olds[at] === news[to]
          ? (lengths[at + 1]?.[to + 1] ?? 0) + 1
          : Math.max(lengths[at + 1]?.[to] ?? 0, row[to + 1] ?? 0);
    }
  }
  return lengths;
}
