/** A choice of one value for each name. */
export type Choice<Name extends string> = Readonly<Record<Name, string>>;

/** Returns every combination of the values. */
export function allChoices<Name extends string>(
  values: Readonly<Record<Name, readonly string[]>>,
): readonly Choice<Name>[] {
  const names = Object.keys(values) as Name[];
  let choices: Choice<Name>[] = [{} as Choice<Name>];
  for (const name of names) {
    choices = choices.flatMap((choice) => values[name].map((value) => ({ ...choice, [name]: value })));
  }
  return choices;
}

/** Returns combinations that contain each pair of values of two names at least once. */
export function pairwiseChoices<Name extends string>(
  values: Readonly<Record<Name, readonly string[]>>,
): readonly Choice<Name>[] {
  const candidates = allChoices(values);
  const missing = new Set(candidates.flatMap(pairsOf));
  const chosen: Choice<Name>[] = [];
  while (missing.size > 0) {
    let best: Choice<Name> | null = null;
    let bestNew: readonly string[] = [];
    for (const candidate of candidates) {
      const news = pairsOf(candidate).filter((pair) => missing.has(pair));
      if (news.length > bestNew.length) [best, bestNew] = [candidate, news];
    }
    if (best === null) break;
    chosen.push(best);
    for (const pair of bestNew) missing.delete(pair);
  }
  return chosen;
}

function pairsOf(choice: Readonly<Record<string, string>>): string[] {
  const entries = Object.entries(choice);
  return entries.flatMap(([name, value], index) =>
    entries.slice(index + 1).map(([other, otherValue]) => `${name}=${value} ${other}=${otherValue}`),
  );
}
