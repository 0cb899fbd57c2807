/**
 * A place on a view for what went wrong, or for what is going on.
 * @module
 */

import { ApiError } from "../core/api.js";
import { h, replace } from "../core/dom.js";
import { duration } from "../core/format.js";
import { askForKey } from "./key_dialog.js";

const SLOW = 500; // milliseconds after which a person is told that the page waits

/**
 * Make a place for messages within `root`, which an assistive program reads out when they change.
 * @param {Element} root
 */
export function notice(root) {
  const element = h("div", { class: "notices", role: "status" });
  root.append(element);
  return {
    element,
    /**
     * Show an error in plain words, or a text. `retry` is what a button "Try again" does.
     * Aborted work is no error: it leaves the place as it is.
     * @param {unknown} content
     * @param {() => void} [retry]
     */
    show(content, retry) {
      if (content instanceof DOMException && content.name === "AbortError") return;
      const failed = content instanceof Error;
      element.setAttribute("role", failed ? "alert" : "status");
      replace(element, failed ? errorBox(content, retry) : h("p", { class: "notice" }, String(content)));
      if (failed && !(content instanceof ApiError)) console.error(content); // a mistake of the page itself
    },
    clear() {
      replace(element);
    },
    /**
     * Say that the server is waited for, unless the function that is returned is called soon.
     * @returns {() => void} ends the waiting, and leaves any other message
     */
    wait() {
      const box = h("p", { class: "notice" }, "Waiting for the server …");
      const timer = setTimeout(() => (element.setAttribute("role", "status"), replace(element, box)), SLOW);
      return () => (clearTimeout(timer), box.remove());
    },
  };
}

/**
 * @param {Error} error
 * @param {(() => void) | undefined} retry
 * @returns {HTMLElement}
 */
function errorBox(error, retry) {
  const again = retry && h("button", { type: "button", onclick: retry }, "Try again");
  const key = needsKey(error) && h("button", { type: "button", onclick: () => enterKey(retry) }, "Enter a key");
  return h(
    "div",
    { class: "notice error" },
    h("p", {}, h("strong", {}, heading(error)), " ", advice(error)),
    h("p", { class: "detail" }, error.message),
    (again || key) && h("p", { class: "actions" }, key, again),
  );
}

/**
 * @param {(() => void) | undefined} retry
 */
async function enterKey(retry) {
  if (await askForKey("")) retry?.();
}

/** @param {Error} error */
function needsKey(error) {
  return error instanceof ApiError && (error.status === 401 || error.code === "insufficient_scope");
}

/**
 * @param {Error} error
 * @returns {string}
 */
function heading(error) {
  if (!(error instanceof ApiError)) return "This page made a mistake.";
  if (error.code === "cut_off") return "The connection broke.";
  if (error.status === 0) return "The server is down.";
  if (error.status === 401) return "The server wants a key.";
  if (error.code === "insufficient_scope") return "This key may not do that.";
  if (error.code === "model_loading") return "The model is still being loaded.";
  if (error.status === 429) return "The server is busy.";
  if (error.status === 503) return "The server cannot answer just now.";
  if (error.status >= 500) return "The server failed.";
  return "That cannot be done.";
}

/**
 * @param {Error} error
 * @returns {string}
 */
function advice(error) {
  if (!(error instanceof ApiError)) return "Reload it; if that does not help, its console says more.";
  if (error.code === "cut_off") return "What has come so far is shown. Try again once the server answers.";
  if (error.status === 0) return "Start it with `nextword serve`, or see whether it is being restarted.";
  if (error.status === 401) return "`nextword keys create` makes one, where the server runs.";
  const later = error.retryAfter ? ` in ${duration(error.retryAfter)}` : " soon";
  return error.status === 429 || error.status === 503 ? `Try again${later}.` : "";
}
