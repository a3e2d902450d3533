/** Gives each channel the smallest number that is free, so that numbers stay below the bound on channels. */
export class ChannelNumbers {
  readonly #used = new Set<number>();

  take(): number {
    let number = 0;
    while (this.#used.has(number)) number += 1;
    this.#used.add(number);
    return number;
  }

  release(number: number): void {
    this.#used.delete(number);
  }
}
