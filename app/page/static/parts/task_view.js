/**
 * What the views of whole texts share: texts with examples to choose from, and a card of answers for each model.
 * @module
 */

import { remember } from "../core/address.js";
import { modelPath, postJson } from "../core/api.js";
import { h, replace } from "../core/dom.js";
import { curlBlock } from "./curl_block.js";
import { debounced } from "./debounced.js";
import { field } from "./field.js";
import { modelPicker } from "./model_picker.js";
import { notice } from "./notice.js";

/** @typedef {import("../core/dom.js").Child} Child */
/** @typedef {Record<string, string>} Values texts by the name of their field */
/**
 * @typedef {object} TextField
 * @property {string} name in the address
 * @property {string} label
 * @property {string} [help]
 * @property {boolean} [line] whether it is one line
 */
/**
 * @typedef {object} Example
 * @property {string} title
 * @property {Values} values
 */
/**
 * @typedef {object} Task
 * @property {string} capability name of the route
 * @property {TextField[]} fields
 * @property {Example[]} examples the first is shown where the address has no text
 * @property {(values: Values) => Record<string, unknown>} body of the request
 * @property {(result: any, values: Values) => Child[]} render what a model's card shows of its first result
 */

/**
 * Make fields for texts, and the choice of an example.
 * @param {TextField[]} fields
 * @param {Example[]} examples
 * @param {URLSearchParams} parameters
 * @param {() => void} onChange
 */
export function textForm(fields, examples, parameters, onChange) {
  const stated = fields.some(({ name }) => parameters.has(name));
  const first = stated ? Object.fromEntries(parameters) : (examples[0]?.values ?? {});
  const controls = fields.map(({ name, line }) => {
    const properties = { name, value: first[name] ?? "", oninput: onChange, spellcheck: "false" };
    return line ? h("input", { type: "text", ...properties }) : h("textarea", { rows: 4, ...properties });
  });
  const choice = h("select", { onchange: () => {
    const example = examples[Number(choice.value)];
    if (!example) return;
    controls.forEach((control) => (control.value = example.values[control.name] ?? ""));
    onChange();
  } }, h("option", { value: "" }, "Choose one"), examples.map(({ title }, i) => h("option", { value: i }, title)));
  return {
    controls,
    element: h("div", { class: "texts" }, field("Example", choice),
      fields.map(({ label, help }, i) => field(label, controls[i], help))),
    /** @returns {Values} */
    values: () => Object.fromEntries(controls.map((control) => [control.name, control.value])),
  };
}

/**
 * Keep models and texts in the address.
 * @param {[string, string][]} models pairs of parameter and name
 * @param {Values} values
 */
export function rememberTask(models, values) {
  remember(new URLSearchParams([...models, ...Object.entries(values).filter(([, value]) => value)]));
}

/**
 * Build the view of a task: models, texts, the answer of each model, and the call.
 * @param {HTMLElement} root
 * @param {URLSearchParams} parameters
 * @param {AbortSignal} signal
 * @param {Task} task
 */
export async function taskView(root, parameters, signal, task) {
  const output = h("div", { class: "columns" });
  const curl = curlBlock();
  const path = (/** @type {string} */ model) => modelPath(model, task.capability);
  const picker = await modelPicker({
    capability: task.capability, multiple: true, value: parameters.getAll("model"), onChange: () => ask(), signal,
  });
  const form = textForm(task.fields, task.examples, parameters, () => ask());
  root.append(h("div", { class: "card" }, picker.element, form.element));
  const message = notice(root);
  root.append(output, curl.element);

  const ask = debounced(async (inner) => {
    const models = picker.values();
    const values = form.values();
    rememberTask(models.map((model) => ["model", model]), values);
    message.clear();
    const missing = task.fields.find(({ name }) => !values[name].trim());
    if (missing || !models.length) {
      replace(output);
      message.show(missing ? `Write something: ${missing.label.toLowerCase()}.` : "Choose a model.");
      return;
    }
    const body = task.body(values);
    curl.show("POST", path(models[0]), body);
    const cards = await Promise.all(models.map((model) => card(model, body, values, inner)));
    if (!inner.aborted) replace(output, cards);
  }, { signal, place: message, onError: (error) => message.show(error, () => ask()) });

  /**
   * @param {string} model
   * @param {Record<string, unknown>} body
   * @param {Values} values
   * @param {AbortSignal} inner
   */
  async function card(model, body, values, inner) {
    const element = h("section", { class: "card", "aria-label": model }, h("h2", {}, model));
    try {
      const answer = await postJson(path(model), body, { signal: inner });
      element.append(...h("div", {}, task.render(answer.results[0], values)).childNodes);
    } catch (error) {
      notice(element).show(error, () => ask());
    }
    return element;
  }
  ask();
}
