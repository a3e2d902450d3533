/** One process of a gateway that runs several on this machine (`workers`). */
export interface WorkerPlace {
  /** A number from 1 on, which no other process of the gateway has meanwhile. */
  readonly slot: number;
  /** The number of processes that share the gateway's limits. */
  readonly count: number;
}
