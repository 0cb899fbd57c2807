/**
 * The start: what a language model is, and which models there are.
 * @module
 */

import { getJson } from "../core/api.js";
import { h } from "../core/dom.js";

export const title = "Models";

/**
 * @param {HTMLElement} root
 * @param {URLSearchParams} _parameters
 * @param {AbortSignal} signal
 */
export async function mount(root, _parameters, signal) {
  /** @type {import("../core/types.js").ModelList} */
  const list = await getJson("v1/models", { signal });
  root.append(h("ul", {}, list.data.map((model) => h("li", {}, model.id))));
}
