import type { Duplex } from 'node:stream';
import type { AlgorithmOffer } from '../algorithms/negotiate.js';
import type { HostKey } from '../host-keys/host-key.js';
import type { Clock } from './clock.js';
import type { TransportEvent, TransportLog } from './events.js';
import type { Extension } from './ext-info.js';
import type { SlabPool } from './layer.js';
import type { TransportLimits } from './limits.js';

export interface TransportOptions {
  /** The connection. A socket must be paused (`pauseOnConnect`) to be read without copies. */
  readonly stream: Duplex;
  readonly hostKeys: readonly HostKey[];
  /** Name and version in the identification: `SSH-2.0-` comes before it. */
  readonly ident: string;
  readonly limits: TransportLimits;
  readonly log: TransportLog;
  /** Names of EXT_INFO's `server-sig-algs` (RFC 8308 section 3.1). */
  readonly signatureAlgorithms: readonly string[];
  /** Further extensions of EXT_INFO. */
  readonly extensions?: readonly Extension[];
  /** Replaces lists of the full offer. */
  readonly offer?: Partial<AlgorithmOffer>;
  readonly slabs?: SlabPool;
  readonly clock?: Clock;
  /** Bytes of the connection that were read before. */
  readonly firstBytes?: Uint8Array;
  onEvent(event: TransportEvent): void;
}
