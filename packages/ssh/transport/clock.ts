export interface Timer {
  cancel(): void;
}

/** The package's source of time. Tests replace it. */
export interface Clock {
  /** Milliseconds from an arbitrary origin; never goes back. */
  nowMs(): number;
  /** Calls the function once after the time, unless it is cancelled. */
  after(delayMs: number, call: () => void): Timer;
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  after: (delayMs, call) => {
    const timeout = setTimeout(call, delayMs);
    return { cancel: () => clearTimeout(timeout) };
  },
};
