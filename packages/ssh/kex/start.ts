import type { KexAlgorithm } from '../algorithms/kex-methods.js';
import { Curve25519Run } from './curve25519.js';
import { DhGroupRun } from './dh-group.js';
import { DhGroupExchangeRun } from './dh-group-exchange.js';
import { EcdhRun } from './ecdh.js';
import type { KexRun } from './method.js';
import { MlkemRun } from './mlkem768x25519.js';

/** Starts one run of the method. */
export function startKex(algorithm: KexAlgorithm): KexRun {
  switch (algorithm.kind) {
    case 'mlkem768x25519':
      return new MlkemRun();
    case 'curve25519':
      return new Curve25519Run();
    case 'ecdh':
      return new EcdhRun(algorithm.group);
    case 'dh-group':
      return new DhGroupRun(algorithm.group);
    case 'dh-group-exchange':
      return new DhGroupExchangeRun();
  }
}
