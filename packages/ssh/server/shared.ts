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
  /** The data of `hostkeys-00@openssh.com`. */
  readonly hostKeyAnnouncement: Uint8Array;
}

export function createSharedParts(options: SshServerOptions): SharedParts {
  const limits = options.limits ?? {};
  const connectionLimits = { ...defaultConnectionLimits, ...limits.connection };
  return {
    options,
    transportLimits: { ...defaultTransportLimits, ...limits.transport },
    authLimits: limits.authentication ?? {},
    connectionLimits,
    serverLimits: { ...defaultServerLimits, ...limits.server },
    clock: options.clock ?? systemClock,
    slabs: options.slabs ?? defaultSlabs,
    windowBudget: new WindowBudget(connectionLimits.maxWindowTotalBytes),
    turns: new SendTurns(connectionLimits),
    unsent: new UnsentMemory(connectionLimits.maxUnsentTotalBytes),
    hostKeyAnnouncement: hostKeysData(options.hostKeys),
  };
}
