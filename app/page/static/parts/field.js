/**
 * A control with its label and a sentence of help.
 * @module
 */

import { h } from "../core/dom.js";

let count = 0;

/**
 * Put a label above a control, and help below it.
 * @param {string} label
 * @param {HTMLElement} control
 * @param {string} [help]
 * @returns {HTMLElement}
 */
export function field(label, control, help) {
  control.id ||= `field-${++count}`;
  if (help) control.setAttribute("aria-describedby", `${control.id}-help`);
  return h("div", { class: "field" }, h("label", { for: control.id }, label), control,
    help && h("p", { id: `${control.id}-help`, class: "help" }, help));
}
