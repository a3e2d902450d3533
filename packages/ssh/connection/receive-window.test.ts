import { describe, expect, it } from 'vitest';
import { ReceiveWindow } from './receive-window.js';
import { WindowBudget } from './window-budget.js';

const KiB = 1024;
const MiB = 1024 * KiB;
const limits = { initialWindowBytes: 2 * MiB, minWindowBytes: 64 * KiB, maxWindowBytes: 16 * MiB };
const packetBytes = 32 * KiB;

interface Link {
  readonly roundTripMs: number;
  readonly bytesPerMs: number;
}

/** Simulates a sender that fills the window over a link for `durationMs`. Returns the rate of the last half, and the window. */
function upload({ roundTripMs, bytesPerMs }: Link, budget = new WindowBudget(1024 * MiB), durationMs = 4000) {
  let now = 0;
  const size = budget.reserve(limits.initialWindowBytes, limits.minWindowBytes);
  const window = new ReceiveWindow(size, budget, limits, () => roundTripMs, { nowMs: () => now });
  let credit = size;
  let linkFreeMs = 0;
  let lateBytes = 0;
  const events: { readonly atMs: number; readonly kind: 'data' | 'grant'; readonly bytes: number }[] = [];
  const push = (atMs: number, kind: 'data' | 'grant', bytes: number) => {
    const index = events.findIndex((event) => event.atMs > atMs);
    events.splice(index < 0 ? events.length : index, 0, { atMs, kind, bytes });
  };
  const send = () => {
    // One packet at a time is put on the link, so that grants arrive in between.
    while (credit >= packetBytes && linkFreeMs <= now) {
      credit -= packetBytes;
      linkFreeMs = Math.max(linkFreeMs, now) + packetBytes / bytesPerMs;
      push(linkFreeMs + roundTripMs / 2, 'data', packetBytes);
    }
  };
  send();
  while (now < durationMs) {
    const event = events[0];
    const nextMs = Math.min(event?.atMs ?? Infinity, credit >= packetBytes ? linkFreeMs : Infinity);
    now = nextMs;
    if (event !== undefined && event.atMs <= nextMs) {
      events.shift();
      if (event.kind === 'grant') credit += event.bytes;
      else {
        window.received(event.bytes);
        if (now > durationMs / 2) lateBytes += event.bytes;
        const grant = window.consumed(event.bytes);
        if (grant > 0) push(now + roundTripMs / 2, 'grant', grant);
      }
    }
    send();
  }
  return { bytesPerMs: lateBytes / (durationMs / 2), windowBytes: window.sizeBytes, window };
}

const gigabit = 125_000;

describe('the receive window', () => {
  it('fills a link of 1 Gbit/s with a round trip of 50 ms', () => {
    const { bytesPerMs, windowBytes } = upload({ roundTripMs: 50, bytesPerMs: gigabit });
    expect(bytesPerMs).toBeGreaterThan(gigabit * 0.95);
    expect(windowBytes).toBeGreaterThan(50 * gigabit);
    expect(windowBytes).toBeLessThanOrEqual(16 * MiB);
  });

  it('stays at its initial size on a fast link with a short round trip', () => {
    expect(upload({ roundTripMs: 0.2, bytesPerMs: 10 * gigabit }, undefined, 400).windowBytes).toBe(2 * MiB);
  });

  it('stays at its initial size on a slow link with a long round trip', () => {
    expect(upload({ roundTripMs: 100, bytesPerMs: gigabit / 100 }).windowBytes).toBe(2 * MiB);
  });

  it('grows to its maximum and not beyond', () => {
    expect(upload({ roundTripMs: 200, bytesPerMs: 10 * gigabit }).windowBytes).toBe(16 * MiB);
  });

  it('reserves what it grows, and returns it', () => {
    const budget = new WindowBudget(1024 * MiB);
    const { windowBytes, window } = upload({ roundTripMs: 50, bytesPerMs: gigabit }, budget);
    expect(budget.reservedBytes).toBe(windowBytes);
    window.close();
    expect(budget.reservedBytes).toBe(0);
  });

  it('does not grow while the windows of other channels use half of the budget', () => {
    const budget = new WindowBudget(256 * MiB);
    budget.reserve(2 * MiB, 0);
    budget.growBeyondInitial(200 * MiB);
    expect(upload({ roundTripMs: 50, bytesPerMs: gigabit }, budget).windowBytes).toBeLessThanOrEqual(2 * MiB);
  });

  it('shrinks to its initial size when the budget becomes short', () => {
    const budget = new WindowBudget(256 * MiB);
    const { window } = upload({ roundTripMs: 50, bytesPerMs: gigabit }, budget);
    expect(window.sizeBytes).toBeGreaterThan(8 * MiB);
    budget.growToInitial(200 * MiB);
    let granted = 0;
    let consumed = 0;
    while (window.sizeBytes > 2 * MiB) {
      consumed += packetBytes;
      granted += window.consumed(packetBytes);
    }
    expect(granted).toBeLessThan(consumed);
  });

  it('grows to its initial size when the budget has free bytes again', () => {
    const budget = new WindowBudget(256 * MiB);
    budget.growToInitial(256 * MiB);
    expect(budget.reserve(2 * MiB, 64 * KiB)).toBe(64 * KiB);
    budget.release(256 * MiB + 64 * KiB - 140 * MiB);
    const { windowBytes } = upload({ roundTripMs: 50, bytesPerMs: gigabit }, budget, 8000);
    expect(windowBytes).toBe(2 * MiB);
  });

  it('does not grow before the round trip is measured', () => {
    let now = 0;
    const window = new ReceiveWindow(2 * MiB, new WindowBudget(1024 * MiB), limits, () => null, {
      nowMs: () => now,
    });
    for (let packet = 0; packet < 10_000; packet++) {
      now += 1;
      window.received(packetBytes);
      window.consumed(packetBytes);
    }
    expect(window.sizeBytes).toBe(2 * MiB);
  });
});
