/**
 * Loaded before the gateway, which must be started with a channel for messages. Answers each message with the longest
 * turns of the event loop since the last answer. Omits the first turn, which loads the modules before anything listens.
 */
export interface Turns {
  /** Max time in milliseconds by which a timer was late. */
  readonly wallMs: number;
  /** Max CPU time in milliseconds of the main thread between two timers. Other programs do not lengthen it. */
  readonly cpuMs: number;
}

/** Interval in milliseconds between two timers. */
const everyMs = 20;

let lastMs = performance.now();
let lastCpu = process.threadCpuUsage();
const noTurns: Turns = { wallMs: 0, cpuMs: 0 };
let turns = noTurns;
let isLoaded = false;

setInterval(() => {
  const nowMs = performance.now();
  const cpu = process.threadCpuUsage();
  const cpuMs = (cpu.user + cpu.system - lastCpu.user - lastCpu.system) / 1000;
  if (isLoaded) {
    const wallMs = Math.max(turns.wallMs, nowMs - lastMs - everyMs);
    turns = { wallMs, cpuMs: Math.max(turns.cpuMs, cpuMs) };
  }
  isLoaded = true;
  lastMs = nowMs;
  lastCpu = cpu;
}, everyMs).unref();

process.on('message', () => {
  process.send?.(turns);
  turns = noTurns;
});
process.channel?.unref();
