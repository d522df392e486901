// @ts-check

/**
 * Why and since when versions of a record are no longer to be read.
 * @typedef {{ below: number, sinceMs: number, cause: string }} Invalidated every version below this one, since this instant
 */

const KEPT_MS = 600_000;

/** The invalidations of one record, as seen by one process or by all: answers since when a version is invalidated. */
export class InvalidatedVersions {
  /** Both `below` and `sinceMs` grow: of two the one that says more, earlier, is enough. @type {Invalidated[]} */
  #invalidations = [];

  /** @param {Invalidated} added */
  add(added) {
    const all = this.#invalidations;
    let place = all.length;
    while (place > 0 && /** @type {Invalidated} */ (all[place - 1]).sinceMs > added.sinceMs) place -= 1;
    if (place > 0 && /** @type {Invalidated} */ (all[place - 1]).below >= added.below) return;
    let said = place;
    while (said < all.length && /** @type {Invalidated} */ (all[said]).below <= added.below) said += 1;
    all.splice(place, said - place, added);
    if (all.length > 1000)
      all.splice(
        0,
        all.findIndex(({ sinceMs }) => sinceMs > added.sinceMs - KEPT_MS),
      );
  }

  /** The first invalidation of a version. @param {number} version @returns {Invalidated | undefined} */
  of(version) {
    const all = this.#invalidations;
    let low = 0;
    let high = all.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (/** @type {Invalidated} */ (all[middle]).below > version) high = middle;
      else low = middle + 1;
    }
    return all[low];
  }
}
