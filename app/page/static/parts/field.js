/**
 * A control with its label and a sentence of help.
 * @module
 */

import { h, replace } from "../core/dom.js";

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

/**
 * Make a slider whose number is written beside its label.
 * @param {string} label
 * @param {{min: number, max: number, step: number, value: string}} range
 * @param {(value: number) => string} written what the number means
 * @param {string} help
 */
export function slider(label, range, written, help) {
  const output = h("output");
  const draw = () => {
    replace(output, written(Number(input.value)));
    input.setAttribute("aria-valuetext", written(Number(input.value)));
  };
  const { value, ...limits } = range;
  const input = h("input", { type: "range", ...limits, oninput: draw });
  input.value = value; // after its limits, which round it
  const element = field(label, input, help);
  element.classList.add("slider");
  element.querySelector("label")?.append(" ", output);
  draw();
  return { element, value: () => Number(input.value) };
}
