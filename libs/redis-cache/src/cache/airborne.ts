import type { Flight } from './flight.js';
import { TransitMap } from './transit-map.js';

/** Every flight under way by key, those nobody may join any more among them: to be told of changes. */
export class Airborne {
  /** The last one of each key; it leads to those before it. */
  readonly #last = new TransitMap<string, Flight>();

  keys(): string[] {
    return this.#last.keys();
  }

  /** The flight of a key that new callers may join, or the refresh that stands for any other. */
  open(key: string, isRefresh: boolean): Flight | undefined {
    for (let flight = this.#last.get(key); flight !== undefined; flight = flight.earlier) {
      if (flight.isOpen && flight.isRefresh === isRefresh) return flight;
    }
    return undefined;
  }

  add(flight: Flight): void {
    flight.earlier = this.#last.get(flight.key);
    this.#last.set(flight.key, flight);
  }

  remove(flight: Flight): void {
    const last = this.#last.get(flight.key);
    if (last === flight) {
      if (flight.earlier === undefined) this.#last.delete(flight.key);
      else this.#last.set(flight.key, flight.earlier);
      return;
    }
    for (let later = last; later !== undefined; later = later.earlier) {
      if (later.earlier === flight) later.earlier = flight.earlier;
    }
  }

  /** The last flight of a key; it leads to those before it. */
  of(key: string): Flight | undefined {
    return this.#last.get(key);
  }

  *all(): Iterable<Flight> {
    for (const key of this.#last.keys()) {
      for (let flight = this.of(key); flight !== undefined; flight = flight.earlier) yield flight;
    }
  }
}
