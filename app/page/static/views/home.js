/**
 * The start: what a language model is, a first try, and which models there are.
 * @module
 */

import { link } from "../core/address.js";
import { getJson, modelPath, postJson } from "../core/api.js";
import { h, replace } from "../core/dom.js";
import { bytes, number, tokenText } from "../core/format.js";
import { ABILITIES, OTHERS, kindText } from "../parts/abilities.js";
import { bars } from "../parts/bars.js";
import { curlBlock } from "../parts/curl_block.js";
import { figureTables } from "../parts/figures.js";
import { nameOf } from "../parts/model_picker.js";
import { notice } from "../parts/notice.js";

/** @typedef {import("../core/types.js").ModelSummary} ModelSummary */
/** @typedef {import("../core/types.js").ModelList} ModelList */
/** @typedef {import("../parts/figures.js").ModelDetail} ModelDetail */

export const title = "Models";
export const lead = "Small models of language, made to be looked into: every probability here can be asked for and taken apart.";

const FIRST_TEXT = "It was a very";
const LOOK_SECONDS = 2; // between two looks while something is being loaded
const DETAILS_AT_ONCE = 24; // models whose cards are read without being asked for
const EXPLANATION = [
  "A language model tells how probable each word is after the words before it.",
  "It has learned that from text alone: by counting what follows what, or by adjusting a network until it predicts well.",
  "What can predict the next word can also tell how usual a text is, find the word that was meant, and write on.",
  "Other models here read a whole text at once: to label it, to mark its words, to fill its blanks, to answer a question.",
];

/**
 * @param {HTMLElement} root
 * @param {URLSearchParams} _parameters
 * @param {AbortSignal} signal
 */
export async function mount(root, _parameters, signal) {
  const parts = { state: h("div"), start: h("div", { class: "columns" }), models: h("section", { class: "card" }), figures: h("section", { class: "card" }) };
  const curl = curlBlock();
  const [list, aliases] = await Promise.all([getJson("v1/models", { signal }), getJson("v1/aliases", { signal })]);
  curl.show("GET", "v1/models");
  root.append(parts.state, parts.start, parts.models, parts.figures, curl.element);
  show(parts, list, aliases.data, signal);
  watchLoading(parts, list, aliases.data, signal);
}

/**
 * Look again as long as something is being loaded.
 * @param {Parts} parts
 * @param {ModelList} list
 * @param {Alias[]} aliases
 * @param {AbortSignal} signal
 */
async function watchLoading(parts, list, aliases, signal) {
  while (list.loading.length) {
    await new Promise((resolve) => setTimeout(resolve, 1000 * LOOK_SECONDS));
    if (signal.aborted) return;
    const next = await getJson("v1/models", { signal }).catch(() => null); // the next look will tell
    if (next && JSON.stringify(next) !== JSON.stringify(list)) show(parts, (list = next), aliases, signal);
  }
}

/** @typedef {{id: string, model: string}} Alias */
/** @typedef {{state: HTMLElement, start: HTMLElement, models: HTMLElement, figures: HTMLElement}} Parts */

/**
 * @param {Parts} parts
 * @param {ModelList} list
 * @param {Alias[]} aliases
 * @param {AbortSignal} signal
 */
function show(parts, list, aliases, signal) {
  replace(parts.state, stateOf(list));
  replace(parts.start, explanation(list), firstTry(list.data, signal));
  replace(parts.models, h("h2", {}, "The models here"), list.data.length ? modelList(list.data, aliases) : noModels(list));
  parts.figures.hidden = list.data.length === 0;
  showFigures(parts.figures, list.data.filter((model) => model.newest), signal);
}

/** @param {ModelList} list */
function stateOf({ loading, problems }) {
  return [
    loading.length > 0 && h("p", { class: "notice", role: "status" }, h("strong", {}, "Being loaded: "), loading.join(", "), "."),
    problems.length > 0 && h("div", { class: "notice error" }, h("p", {}, h("strong", {}, "Cannot be used:")),
      h("ul", {}, problems.map(({ id, message }) => h("li", {}, h("strong", {}, id), `: ${message}`)))),
  ];
}

/** @param {ModelList} list */
function explanation({ data: models, loading }) {
  const lacking = loading.length ? "No model that is loaded yet can do this." : "No model here can do this yet.";
  const ways = Object.entries(ABILITIES).map(([capability, { view, title: name, says }]) => {
    const has = models.some((model) => model.capabilities.includes(capability));
    return h("li", {}, h("a", { href: link(view) }, name), " ", h("span", { class: "muted" }, has ? says : lacking));
  });
  return h("section", { class: "card" }, h("h2", {}, "What is a language model?"), h("p", {}, EXPLANATION.join(" ")),
    h("h3", {}, "Where to start"), h("ul", { class: "ways" }, ways,
      h("li", {}, h("a", { href: link("train") }, "Train"), " ", h("span", { class: "muted" }, "Drop a text file, and watch a model of your own learn."))));
}

/**
 * @param {ModelSummary[]} models
 * @param {AbortSignal} signal
 */
function firstTry(models, signal) {
  const model = firstModel(models);
  if (!model) return null;
  const name = nameOf(model);
  const place = h("div", {}, h("p", { class: "muted" }, "Asking …"));
  const message = notice(place);
  const ask = () => postJson(modelPath(name, "next"), { context: FIRST_TEXT, top_k: 6 }, { signal }).then(
    ({ next }) => replace(place, bars(next.map((/** @type {any} */ { token, probability }) => ({ label: tokenText(token), value: probability })),
      { label: `Next word by ${name}`, heading: "Word" }).element),
    (error) => message.show(error, ask),
  );
  ask();
  return h("section", { class: "card" }, h("h2", {}, "A first try"),
    h("p", { class: "quote" }, `“${FIRST_TEXT} `, h("span", { class: "blank" }, "…"), "”"), place,
    h("p", { class: "actions" }, h("a", { class: "button primary", href: link("next", { model: name, text: `${FIRST_TEXT} ` }) }, "Type your own")));
}

/**
 * The model of words that knows most of them, and of those the largest that is no mixture.
 * @param {ModelSummary[]} models
 */
function firstModel(models) {
  const able = models.filter((model) => model.newest && model.capabilities.includes("next"));
  const rank = (/** @type {ModelSummary} */ model) => [model.unit === "word" ? 1 : 0, model.vocabulary_size, model.bytes];
  return able.sort((one, other) => rank(one).reduce((order, value, at) => order || (rank(other)[at] ?? 0) - value, 0))[0];
}

/**
 * @param {ModelSummary[]} models
 * @param {Alias[]} aliases
 */
function modelList(models, aliases) {
  const [newest, older] = [models.filter((model) => model.newest), models.filter((model) => !model.newest)];
  const items = (/** @type {ModelSummary[]} */ some) => h("ul", { class: "models" },
    some.map((model) => modelItem(model, aliases.filter((alias) => alias.model === model.id).map((alias) => alias.id))));
  return [items(newest), older.length > 0 && h("details", {}, h("summary", {}, `Older versions (${older.length})`), items(older))];
}

/**
 * @param {ModelSummary} model
 * @param {string[]} aliases
 */
function modelItem(model, aliases) {
  const name = nameOf(model);
  const facts = [kindText(model.kind), `${number(model.vocabulary_size)} ${model.unit}s`, model.bytes > 0 && bytes(model.bytes), `${number(model.parameters)} parameters`];
  const shown = Object.entries(ABILITIES).filter(([capability]) => model.capabilities.includes(capability));
  const others = model.capabilities.filter((capability) => !(capability in ABILITIES) && capability !== "probability");
  return h("li", {}, h("h3", {}, name), aliases.length > 0 && h("p", {}, h("span", { class: "tag" }, `also called ${aliases.join(", ")}`)),
    h("p", { class: "muted" }, facts.filter(Boolean).join(" · ")),
    h("p", { class: "actions" }, shown.map(([, { view, title: text }]) => h("a", { href: link(view, { model: name }), "aria-label": `${text} with ${name}` }, text)),
      others.length > 0 && h("span", { class: "muted" }, `by the API: ${others.map((name) => OTHERS[name] ?? name).join(", ")}`)));
}

/** @param {ModelList} list */
function noModels(list) {
  return h("p", {}, list.loading.length ? "They are on their way." : "There are none yet. ",
    !list.loading.length && h("a", { href: link("train") }, "Train one of your own"), !list.loading.length && ": a text file is all it takes.");
}

/**
 * @param {HTMLElement} place
 * @param {ModelSummary[]} models
 * @param {AbortSignal} signal
 */
function showFigures(place, models, signal) {
  const content = h("div", { class: "figure-tables" });
  const message = notice(content);
  const load = async () => {
    /** @type {ModelDetail[]} */
    const details = await Promise.all(models.map((model) => getJson(modelPath(model.id), { signal })));
    replace(content, figureTables(details));
  };
  const start = () => load().catch((error) => message.show(error, start));
  replace(place, h("h2", {}, "How good are they?"),
    h("p", { class: "muted" }, "Perplexity: among how many equally probable words a model is in doubt, on text that it has never seen; lower is better. Figures stand in one table only where text and tokens are the same, for no others compare."),
    content);
  if (models.length <= DETAILS_AT_ONCE) start();
  else replace(content, h("button", { type: "button", onclick: start }, `Read the figures of ${models.length} models`));
}
