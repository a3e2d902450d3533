import { renderBar } from '../table.js';
import type { Ratios } from './ratios.js';

/** A limit of a ratio. */
export type Limit = { readonly atLeast: number } | { readonly atMost: number };

/** The output of a run: Markdown for a person, and the ratios for a comparison with other runs. */
export class Report {
  readonly print: (text: string) => void;
  readonly #ratios: Ratios;

  constructor(print: (text: string) => void, ratios: Ratios) {
    this.print = print;
    this.#ratios = ratios;
  }

  /** Prints whether a ratio holds its limit, and keeps the ratio. */
  ratio(name: string, value: number, limit: Limit): void {
    const isMin = 'atLeast' in limit;
    const [holds, bound] = isMin
      ? [value >= limit.atLeast, `at least ${limit.atLeast}`]
      : [value <= limit.atMost, `at most ${limit.atMost}`];
    this.print(renderBar(`${name}, ${bound}`, value, holds));
    this.keep(name, value, isMin ? 'higher' : 'lower');
  }

  /** Keeps a ratio that has no limit. */
  keep(name: string, value: number, better: 'higher' | 'lower'): void {
    this.#ratios.add(name, value, better);
  }
}
