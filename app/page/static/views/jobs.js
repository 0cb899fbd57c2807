/**
 * A place for a view.
 * @module
 */

import { h } from "../core/dom.js";

export const title = "Jobs";

/** @param {HTMLElement} root */
export function mount(root) {
  root.append(h("p", {}, "Not there yet."));
}
