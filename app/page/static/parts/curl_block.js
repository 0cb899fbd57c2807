/**
 * The call that a view has just made, as a command for the terminal.
 * @module
 */

import { apiKey, apiUrl } from "../core/api.js";
import { h, replace } from "../core/dom.js";

/** Make a place that shows the equivalent call; it is folded until somebody wants it. */
export function curlBlock() {
  const code = h("code");
  const copy = h("button", { type: "button", class: "quiet", onclick: () => copyText(code.textContent ?? "", copy) }, "Copy");
  const element = h("details", { class: "curl" }, h("summary", {}, "The same call with curl"),
    h("pre", { tabindex: "0", role: "region", "aria-label": "Command" }, code), copy);
  element.hidden = true;
  return {
    element,
    /**
     * @param {string} method
     * @param {string} path such as `v1/models`
     * @param {unknown} [body] sent as JSON
     */
    show(method, path, body) {
      replace(code, curlCommand(method, path, body));
      element.hidden = false;
    },
  };
}

/**
 * Write a call as a command. A key is told by the variable that `nextword` reads, never by itself.
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @returns {string}
 */
function curlCommand(method, path, body) {
  const parts = [`curl -s${isStream(body) ? "N" : ""} ${quoted(apiUrl(path))}`];
  if (method !== "GET" && !(method === "POST" && body !== undefined)) parts.push(`-X ${method}`);
  if (apiKey()) parts.push('-H "authorization: Bearer $NEXTWORD_API_KEY"');
  if (body !== undefined) parts.push("-H 'content-type: application/json'", `-d ${quoted(JSON.stringify(body))}`);
  return parts.join(" \\\n  ");
}

/** @param {unknown} body */
function isStream(body) {
  return typeof body === "object" && body !== null && "stream" in body && body.stream === true;
}

/** @param {string} text */
function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * @param {string} text
 * @param {HTMLElement} button
 */
async function copyText(text, button) {
  await navigator.clipboard.writeText(text).then(
    () => replace(button, "Copied"),
    () => replace(button, "Select it and copy"),
  );
}
