/**
 * The dialog that asks for an API key. The key is kept in this tab alone.
 * @module
 */

import { apiKey, setApiKey } from "../core/api.js";
import { h } from "../core/dom.js";

/** @type {Promise<boolean> | null} */
let asked = null;

/**
 * Ask for a key; whoever asks meanwhile waits for the same answer. Resolves to whether there is a new key.
 * @param {string} message the server's reason
 * @returns {Promise<boolean>}
 */
export function askForKey(message) {
  asked ??= open(message).finally(() => (asked = null));
  return asked;
}

/**
 * @param {string} message
 * @returns {Promise<boolean>}
 */
function open(message) {
  const input = h("input", {
    type: "password", id: "key", name: "key", autocomplete: "off", spellcheck: "false", value: apiKey(),
    "aria-describedby": "key-help",
  });
  const forget = h("button", { type: "button", class: "quiet", onclick: () => close("forget") }, "Forget the key");
  const form = h(
    "form",
    { method: "dialog" },
    h("h2", { id: "key-title" }, "API key"),
    message && h("p", {}, message.split(": ")[0]), // what follows tells a program how to send it
    h("p", { class: "field" }, h("label", { for: "key" }, "Key"), input),
    h("p", { id: "key-help", class: "help" },
      "It is kept in this tab until you close it, and sent to this server alone. ",
      h("code", {}, "nextword keys create"), " makes one, where the server runs."),
    h("p", { class: "actions" },
      h("button", { value: "use", class: "primary" }, "Use it"),
      h("button", { value: "cancel", formnovalidate: true }, "Cancel"),
      apiKey() && forget),
  );
  const dialog = h("dialog", { class: "key", "aria-labelledby": "key-title" }, form);
  const close = (/** @type {string} */ answer) => dialog.close(answer);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const answer = dialog.returnValue;
      const key = answer === "forget" ? "" : input.value.trim();
      if (answer === "forget" || (answer === "use" && key)) setApiKey(key);
      dialog.remove();
      resolve(answer === "use" && key !== "");
    });
  });
}
