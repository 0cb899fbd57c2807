/**
 * Addresses of views: `#/<view>?key=value`. All of it is in the fragment, which browsers send to no server.
 * @module
 */

/**
 * Tell which view the address names, and its parameters.
 * @returns {{view: string, parameters: URLSearchParams}}
 */
export function current() {
  const [path, query] = split(location.hash);
  return { view: path.replace(/^#?\/?/, "") || "home", parameters: new URLSearchParams(query) };
}

/**
 * Write the view's state into the address, without a new entry of the history.
 * @param {URLSearchParams | Record<string, string | number | boolean | null | undefined>} parameters
 */
export function remember(parameters) {
  history.replaceState(null, "", link(current().view, parameters));
}

/**
 * Make the address of a view; parameters that are null, undefined or empty are left out.
 * @param {string} view
 * @param {URLSearchParams | Record<string, string | number | boolean | null | undefined>} [parameters]
 * @returns {string}
 */
export function link(view, parameters = {}) {
  const entries = parameters instanceof URLSearchParams ? [...parameters] : Object.entries(parameters);
  const stated = entries.filter(([, value]) => value !== null && value !== undefined && value !== "");
  const query = new URLSearchParams(stated.map(([name, value]) => [name, String(value)]));
  return `#/${view}${query.size ? `?${query}` : ""}`;
}

/**
 * @param {string} hash
 * @returns {[string, string]}
 */
function split(hash) {
  const mark = hash.indexOf("?");
  return mark < 0 ? [hash, ""] : [hash.slice(0, mark), hash.slice(mark + 1)];
}
