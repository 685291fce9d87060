/** A kind of work during which a host waits, as it is made ready for one measurement. */

/** The worker's work, on places that have been made ready for it, and the host beside it. */
export interface Beside {
  /** By the name of its program. */
  readonly host: 'map-host' | 'store-host';
  /** Where it writes. */
  readonly place: string;
  /** @throws where it has not done what it was to do */
  work(): Promise<void>;
}

export interface Kind {
  readonly name: string;
  makeReady(): Promise<Beside>;
}
