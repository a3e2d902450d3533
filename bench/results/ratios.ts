import { readFileSync, writeFileSync } from 'node:fs';

/** Whether a higher or a lower ratio is better. */
export type Better = 'higher' | 'lower';

interface Ratio {
  readonly name: string;
  readonly value: number;
  readonly better: Better;
}

/** A ratio that is worse than that of a kept result. */
export interface Regression {
  readonly name: string;
  readonly before: number;
  readonly now: number;
}

/** A ratio may be worse than the kept one by this share. */
export const tolerance = 0.1;

/** The ratios of a run between the gateway and the other contenders. Rates alone depend on the machine. */
export class Ratios {
  readonly #ratios = new Map<string, Ratio>();

  /** Adds a ratio. One that is not a number was not measured, and is left out. */
  add(name: string, value: number, better: Better): void {
    if (Number.isFinite(value)) this.#ratios.set(name, { name, value, better });
  }

  /** Writes the ratios as JSON, with a description of the run. */
  save(path: string, run: Readonly<Record<string, unknown>>): void {
    const ratios = [...this.#ratios.values()].map((ratio) => ({
      ...ratio,
      value: Number(ratio.value.toFixed(3)),
    }));
    writeFileSync(path, `${JSON.stringify({ run, ratios }, null, 2)}\n`);
  }

  /**
   * Compares this run with a saved one. Returns the ratios that are worse by more than `tolerance`, and the number of
   * those that both runs have. Throws if the file cannot be read.
   */
  compare(path: string): { readonly compared: number; readonly regressions: readonly Regression[] } {
    const { ratios } = JSON.parse(readFileSync(path, 'utf8')) as { readonly ratios: readonly Ratio[] };
    const regressions: Regression[] = [];
    let compared = 0;
    for (const { name, value: before, better } of ratios) {
      const now = this.#ratios.get(name)?.value;
      if (now === undefined) continue;
      compared += 1;
      const change = better === 'higher' ? now / before : before / now;
      if (change < 1 - tolerance) regressions.push({ name, before, now });
    }
    return { compared, regressions };
  }
}
