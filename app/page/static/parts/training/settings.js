/**
 * All settings of a kind of job, as the API's own description has them: a control for each, with its default.
 *
 * Values are kept as the address has them: a text as it is, anything else as JSON.
 * @module
 */

import { getJson } from "../../core/api.js";
import { h } from "../../core/dom.js";
import { field } from "../field.js";
import { inWords } from "./figure_names.js";
import { FIXED } from "./kinds.js";

/** @typedef {{type?: string, enum?: string[], items?: {enum?: string[]}, anyOf?: Schema[], properties?: Record<string, Schema>, default?: any, description?: string}} Schema */

/** Tables of a request in words, in the order in which they are shown. @type {Record<string, string>} */
const TABLES = { config: "Model", encoder: "Network", training: "Training", tokenizer: "Tokens", format: "Format of the file", "": "Job" };

/** The API's description, fetched once. @type {Promise<any> | null} */
let description = null;

/**
 * Make the controls of a kind.
 * @param {string} kind
 * @param {Record<string, any>} usual values of the size, by place
 * @param {Record<string, string>} chosen values by place; changed as the controls are
 * @param {() => void} onChange
 * @param {AbortSignal} signal
 * @returns {Promise<HTMLElement[]>}
 */
export async function settings(kind, usual, chosen, onChange, signal) {
  description ??= getJson("openapi.json").catch((error) => ((description = null), Promise.reject(error)));
  const { schemas } = (await description).components;
  signal.throwIfAborted();
  const schema = schemas[schemas.JobRequest.discriminator.mapping[kind].split("/").pop()];
  const control = (/** @type {string} */ place, /** @type {Schema} */ each) => controlOf(place, each, usual[place], chosen, onChange);
  /** @type {Record<string, HTMLElement[]>} */
  const tables = {};
  for (const [name, each] of Object.entries(/** @type {Record<string, Schema>} */ (schema.properties))) {
    if (FIXED.includes(name)) continue;
    const inner = tableOf(each);
    if (inner) tables[name] = Object.entries(inner).map(([key, value]) => control(`${name}.${key}`, value));
    else (tables[""] ??= []).push(control(name, each));
  }
  const names = Object.keys(TABLES).filter((name) => tables[name]?.length);
  return names.map((name) => h("details", { class: "settings" }, h("summary", {}, TABLES[name]), h("div", { class: "columns" }, tables[name])));
}

/** @param {Schema} schema */
const tableOf = (schema) => schema.properties ?? schema.anyOf?.find((each) => each.properties)?.properties;

/**
 * @param {string} place
 * @param {Schema} schema
 * @param {any} usual
 * @param {Record<string, string>} chosen
 * @param {() => void} onChange
 */
function controlOf(place, schema, usual, chosen, onChange) {
  const plain = schema.anyOf?.find((each) => each.type !== "null") ?? schema;
  const standard = usual ?? schema.default;
  const unset = standard === undefined || standard === "" || standard?.length === 0 ? "none" : typeof standard === "string" ? standard : JSON.stringify(standard);
  const choices = plain.enum ?? (plain.type === "boolean" ? ["true", "false"] : null);
  const numeric = plain.type === "integer" || plain.type === "number";
  const control = choices
    ? h("select", {}, h("option", { value: "" }, `${unset} (usual)`), choices.map((each) => h("option", { value: each }, each)))
    : h("input", { type: numeric ? "number" : "text", step: plain.type === "integer" ? 1 : "any", placeholder: unset, spellcheck: "false" });
  control.value = chosen[place] ?? "";
  control.addEventListener("input", () => {
    if (control.value === "") delete chosen[place];
    else chosen[place] = plain.type === "string" ? asText(control.value) : plain.type === "array" ? asList(control.value) : control.value;
    onChange();
  });
  return field(inWords(place.split(".").pop() ?? ""), control, schema.description?.replaceAll("`", ""));
}

/** A value of the address. @param {string} value @returns {any} */
export function parsed(value) {
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

/** Of a text that would read as something else, JSON. @param {string} value */
export const asText = (value) => (typeof parsed(value) === "string" && !value.startsWith('"') ? value : JSON.stringify(value));

/** A list, written with commas. @param {string} value */
const asList = (value) => (value.startsWith("[") ? value : JSON.stringify(value.split(",").map((each) => parsed(each.trim()))));
