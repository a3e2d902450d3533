import type { AuthLimits } from '../auth/limits.js';
import { type ConnectionLimits, defaultConnectionLimits } from '../connection/limits.js';
import { SendTurns } from '../connection/send-turns.js';
import { UnsentMemory } from '../connection/unsent-memory.js';
import { WindowBudget } from '../connection/window-budget.js';
import { hostKeysData } from '../host-keys/prove.js';
import { type Clock, systemClock } from '../transport/clock.js';
import type { SlabPool } from '../transport/layer.js';
import { defaultTransportLimits, type TransportLimits } from '../transport/limits.js';
import { defaultSlabs } from '../transport/slabs.js';
import { BoundedLines } from './bounded-lines.js';
import { defaultServerLimits, type ServerLimits } from './limits.js';
import type { SshServerOptions } from './server-options.js';

/** The parts of a server that its connections share. */
export interface SharedParts {
  readonly options: SshServerOptions;
  readonly transportLimits: TransportLimits;
  readonly authLimits: Partial<AuthLimits>;
  readonly connectionLimits: ConnectionLimits;
  readonly serverLimits: ServerLimits;
  readonly clock: Clock;
  readonly slabs: SlabPool;
  readonly windowBudget: WindowBudget;
  readonly turns: SendTurns;
  readonly unsent: UnsentMemory;
  /** Log lines of connections that ended without a login. */
  readonly failedLines: BoundedLines;
  /** Log lines of logins that the application was too busy to check. */
  readonly busyLines: BoundedLines;
  /** The data of `hostkeys-00@openssh.com`. */
  readonly hostKeyAnnouncement: Uint8Array;
}

export function createSharedParts(options: SshServerOptions): SharedParts {
  const limits = options.limits ?? {};
  const clock = options.clock ?? systemClock;
  const { log } = options;
  const connectionLimits = { ...defaultConnectionLimits, ...limits.connection };
  return {
    options,
    transportLimits: { ...defaultTransportLimits, ...limits.transport },
    authLimits: limits.authentication ?? {},
    connectionLimits,
    serverLimits: { ...defaultServerLimits, ...limits.server },
    clock,
    slabs: options.slabs ?? defaultSlabs,
    windowBudget: new WindowBudget(connectionLimits.maxWindowTotalBytes),
    turns: new SendTurns(connectionLimits),
    unsent: new UnsentMemory(connectionLimits.maxUnsentTotalBytes),
    failedLines: new BoundedLines(log, clock, 'SSH connection closed without a login'),
    busyLines: new BoundedLines(log, clock, 'login not checked: server is busy'),
    hostKeyAnnouncement: hostKeysData(options.hostKeys),
  };
}
