/**
 * The choice of a model, or of several, among those that can do something.
 * @module
 */

import { getJson } from "../core/api.js";
import { h } from "../core/dom.js";
import { field } from "./field.js";

/** @typedef {import("../core/types.js").ModelSummary} ModelSummary */
/** @typedef {import("../core/types.js").ModelList} ModelList */

const LOOK = 500; // milliseconds between two looks at models that are being loaded

/**
 * Make the control once the models are known. A model that is asked for and not there stays in the list and says so:
 * no other is taken in its place. Where none can do it yet and some are being loaded, these are waited for.
 * Throws ApiError where the list cannot be had.
 * @param {{capability: string, value?: string | string[] | null, onChange?: () => void, label?: string, multiple?: boolean,
 *   signal?: AbortSignal, filter?: (model: ModelSummary) => boolean, usual?: (models: ModelSummary[]) => string[]}} options
 *   `usual`: names that are chosen where `value` has none; unset, the first of the list
 */
export async function modelPicker({ capability, value, onChange, label, multiple = false, signal, filter = () => true, usual = () => [] }) {
  const given = [value ?? []].flat().filter(Boolean);
  const isAble = (/** @type {ModelSummary} */ model) => model.capabilities.includes(capability) && filter(model);
  const list = await modelList((/** @type {ModelList} */ { data, loading }) => given.length > 0 || !loading.length || data.some(isAble), signal);
  const models = list.data.filter(isAble);
  const wanted = given.length ? given : usual(models);
  const isNamed = (/** @type {ModelSummary} */ model, /** @type {string} */ name) => nameOf(model) === name || model.id === name;
  const strangers = wanted.filter((name) => !models.some((model) => isNamed(model, name)));
  const aliases = strangers.length ? await meaningOfAliases(signal) : new Map();
  const modelOf = (/** @type {string} */ name) => models.find((model) => isNamed(model, name) || model.id === aliases.get(name));
  const names = [...new Set([...models.map((model) => (wanted.includes(model.id) ? model.id : nameOf(model))), ...wanted])];
  const chosen = new Set(wanted.length ? wanted : names.slice(0, 1));
  const title = (/** @type {string} */ name) => {
    const model = modelOf(name);
    if (model) return `${name} · ${shortKind(model)}${aliases.has(name) ? ` (means ${model.id})` : ""}`;
    return `${name} (${list.loading.some((id) => id === name || id.startsWith(`${name}@`)) ? "being loaded" : "not here"})`;
  };
  const changed = () => onChange?.();
  const control = multiple
    ? checkboxes(label ?? "Models", names, chosen, title, changed)
    : selection(label ?? "Model", names, chosen, title, changed);
  return {
    element: names.length ? control : h("p", { class: "notice" }, `No model here can do this (${capability}).`),
    models,
    modelOf,
    /** @returns {string[]} names of the chosen models, in the order of the list */
    values: () => names.filter((name) => chosen.has(name)),
    /** @returns {string} name of the chosen model; empty where there is none */
    value: () => names.find((name) => chosen.has(name)) ?? "",
    /** @returns {ModelSummary | undefined} the chosen model, unless it is not here */
    model: () => modelOf(names.find((name) => chosen.has(name)) ?? ""),
  };
}

/**
 * List the models, again and again until the list will do.
 * @param {(list: ModelList) => boolean} willDo
 * @param {AbortSignal} [signal]
 * @returns {Promise<ModelList>}
 */
async function modelList(willDo, signal) {
  for (;;) {
    const list = await getJson("v1/models", { signal });
    if (willDo(list)) return list;
    await new Promise((resolve) => setTimeout(resolve, LOOK));
    signal?.throwIfAborted();
  }
}

/** @param {AbortSignal} [signal] @returns {Promise<Map<string, string>>} ids of models by their other names */
async function meaningOfAliases(signal) {
  const { data } = await getJson("v1/aliases", { signal });
  return new Map(data.map((/** @type {{id: string, model: string}} */ { id, model }) => [id, model]));
}

/**
 * A model's plain name where that means it, and `name@version` otherwise.
 * @param {ModelSummary} model
 */
export function nameOf(model) {
  return model.newest ? model.name : model.id;
}

/** @param {ModelSummary} model */
function shortKind({ kind, unit }) {
  const text = kind === "ngram" ? "n-gram" : /^(lstm|gru|rnn)$/.test(kind) ? kind.toUpperCase() : kind.replaceAll("_", " ");
  return unit === "word" ? text : `${text} of ${unit}s`;
}

/**
 * @param {string} label
 * @param {string[]} names
 * @param {Set<string>} chosen
 * @param {(name: string) => string} title
 * @param {() => void} changed
 */
function selection(label, names, chosen, title, changed) {
  const select = h("select", { value: [...chosen][0] ?? "", onchange: () => {
    chosen.clear();
    chosen.add(select.value);
    changed();
  } }, names.map((name) => h("option", { value: name }, title(name))));
  return field(label, select);
}

/**
 * @param {string} label
 * @param {string[]} names
 * @param {Set<string>} chosen
 * @param {(name: string) => string} title
 * @param {() => void} changed
 */
function checkboxes(label, names, chosen, title, changed) {
  const boxes = names.map((name) => h("label", { class: "choice" },
    h("input", { type: "checkbox", value: name, checked: chosen.has(name), onchange: (/** @type {Event} */ event) => {
      if (/** @type {HTMLInputElement} */ (event.target).checked) chosen.add(name);
      else chosen.delete(name);
      changed();
    } }), ` ${title(name)}`));
  return h("fieldset", { class: "choices" }, h("legend", {}, label), boxes);
}
