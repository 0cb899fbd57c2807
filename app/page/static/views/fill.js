/**
 * A blank in a sentence, filled from both sides, beside what a language model expects from the left alone.
 * @module
 */

import { modelPath, postJson } from "../core/api.js";
import { h, replace } from "../core/dom.js";
import { number, probability } from "../core/format.js";
import { curlBlock } from "../parts/curl_block.js";
import { debounced } from "../parts/debounced.js";
import { mark, markedText } from "../parts/marked_text.js";
import { modelPicker } from "../parts/model_picker.js";
import { notice } from "../parts/notice.js";
import { rememberTask, textForm } from "../parts/task_view.js";

export const title = "Fill";
export const lead = "What stands in the blank? A model that reads both sides knows what follows; one that reads from left to right does not yet.";

const BLANK = /(?<=^|\s)_{3,}(?=\s|$)/gu;
/** Fillings asked for: enough to look up the words that the left side suggests. */
const FILLINGS = 200;
/** Words of each side in the table. */
const SHOWN = 8;
const EXAMPLES = [
  "We ___ been waiting for an hour .",
  "It was a ___ of water .",
  "They ___ going home .",
  "She ___ her eyes and looked up .",
  "He had ___ to the sea again .",
  "The captain of the ___ gave his ___ .",
];

/** @typedef {{words: string[], oov: boolean[], probability: number}} Filling */
/** @typedef {{blanks: {begin: number, end: number}[], fillings: Filling[], considered: number, exact: boolean}} Filled */
/** @typedef {{p: number, rank: number | null}} Place a word's probability and its rank, null where that is not told */
/** @typedef {{word: string, both: Place | null, left: Place | null}} Row */

/**
 * @param {HTMLElement} root
 * @param {URLSearchParams} parameters
 * @param {AbortSignal} signal
 */
export async function mount(root, parameters, signal) {
  const output = h("div", { class: "card", hidden: true });
  const curl = curlBlock();
  const [both, left] = await Promise.all([
    modelPicker({ capability: "fill", label: "From both sides", onChange: () => ask(), signal, value: parameters.get("model") }),
    modelPicker({ capability: "next", label: "From the left alone", onChange: () => ask(), signal, value: parameters.get("left"), filter: isOfWords }),
  ]);
  const form = textForm([{ name: "text", label: "Text", help: "The blank is three underscores: ___" }],
    EXAMPLES.map((text) => ({ title: text, values: { text } })), parameters, () => ask());
  const insert = h("button", { type: "button", onclick: () => insertBlank(form.controls[0], () => ask()) }, "Insert a blank");
  root.append(h("div", { class: "card" }, h("div", { class: "columns" }, both.element, left.element), form.element,
    h("p", { class: "actions" }, insert)));
  const message = notice(root);
  root.append(output, curl.element);

  const ask = debounced(async (inner) => {
    const { text } = form.values();
    rememberTask([["model", both.value()], ["left", left.value()]], { text });
    message.clear();
    if (!text.match(BLANK)) {
      output.hidden = true;
      message.show("Put a blank of three underscores, ___, in the place of a word.");
      return;
    }
    const body = { text, top_k: FILLINGS };
    const path = modelPath(both.value(), "fill");
    curl.show("POST", path, body);
    const unit = both.model()?.unit ?? "word";
    const filled = (await postJson(path, body, { signal: inner })).results[0];
    const rows = filled.blanks.length === 1 && left.value() && unit === "word" ? await compare(text, filled, left.value(), inner) : null;
    replace(output, ...shown(text, filled, rows, both.value(), left.value(), unit));
    output.hidden = false;
  }, { signal, place: message, onError: (error) => {
    output.hidden = true;
    message.show(error, () => ask());
  } });
  ask();
}

/** @param {import("../core/types.js").ModelSummary} model */
function isOfWords(model) {
  return model.unit === "word";
}

/**
 * @param {HTMLInputElement | HTMLTextAreaElement} control
 * @param {() => void} changed
 */
function insertBlank(control, changed) {
  const [begin, end] = [control.selectionStart ?? control.value.length, control.selectionEnd ?? control.value.length];
  const before = control.value.slice(0, begin).replace(/\S$/, "$& ");
  const after = control.value.slice(end).replace(/^(?=\S)/, " ");
  control.value = `${before}___${after}`;
  control.focus();
  changed();
}

/**
 * Ask a language model for the best words of both sides, after what stands on the left of the blank.
 * @param {string} text
 * @param {Filled} filled
 * @param {string} model
 * @param {AbortSignal} signal
 * @returns {Promise<Row[]>}
 */
async function compare(text, filled, model, signal) {
  const context = [...text].slice(0, filled.blanks[0].begin).join("").trimEnd();
  const { next } = await postJson(modelPath(model, "next"), { context, top_k: SHOWN }, { signal });
  const best = filled.fillings.slice(0, SHOWN).map(({ words }) => words[0]);
  const words = [...new Set([...best, ...next.map((/** @type {{token: string}} */ { token }) => token)])];
  const { results } = await postJson(modelPath(model, "probability"), { context, text: words, eos: false, top_logprobs: 1 }, { signal });
  const rows = words.map((word, i) => {
    const at = filled.fillings.findIndex((filling) => filling.words[0] === word);
    const { probability: p, tokens } = results[i];
    return {
      word,
      both: at < 0 ? null : { p: filled.fillings[at].probability, rank: at + 1 },
      left: { p, rank: tokens.length === 1 ? tokens[0].rank : null },
    };
  });
  return rows.sort((a, b) => (b.both?.p ?? -1) - (a.both?.p ?? -1) || (b.left?.p ?? 0) - (a.left?.p ?? 0));
}

/**
 * @param {string} text
 * @param {Filled} filled
 * @param {Row[] | null} rows null where the left side is not compared
 * @param {string} both
 * @param {string} left
 * @param {string} unit kind of the tokens that fill the blank
 */
function shown(text, filled, rows, both, left, unit) {
  const best = filled.fillings[0];
  const least = filled.fillings[filled.fillings.length - 1]?.probability ?? 0;
  const listed = rows ?? filled.fillings.slice(0, SHOWN).map(({ words, probability: p }, i) =>
    ({ word: words.join(" … "), both: { p, rank: i + 1 }, left: null }));
  const considered = number(filled.considered);
  const counted = filled.exact ? `All ${considered} fillings were compared.` : `The ${considered} most promising fillings were compared.`;
  const alone = unit === "word" ? "With several blanks, fillings are judged together, and the left side is not compared."
    : `This model fills a blank with one ${unit}, and the left side is not compared.`;
  return [
    h("h2", {}, best?.probability ? "The most probable filling" : "No filling is possible, says this model"),
    markedText(text, filled.blanks, (_, __, i) => mark("filled", best?.words[i] ?? "", "")),
    table(listed, rows ? [both, left] : [both], least),
    h("p", { class: "help" }, `${counted} ${rows
      ? "Both columns are about the same words: the best of either side, with the rank that each side gives them."
      : alone}`),
  ];
}

/**
 * @param {Row[]} rows
 * @param {string[]} models
 * @param {number} least smallest probability of a filling that is told
 */
function table(rows, models, least) {
  const most = Math.max(...rows.flatMap(({ both, left }) => [both?.p ?? 0, left?.p ?? 0]));
  const headings = ["From both sides", "From the left alone"];
  return h("table", { class: "bars compared" },
    h("caption", {}, models.length > 1 ? "The same words, judged from both sides and from the left alone" : "Fillings, judged from both sides"),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Word"),
      models.map((model, i) => h("th", { scope: "col" }, headings[i], h("span", { class: "note" }, ` ${model}`))))),
    h("tbody", {}, rows.map(({ word, both, left }) => h("tr", {}, h("th", { scope: "row" }, word),
      cell(both, most, least ? `below ${probability(least)}` : probability(0)), models.length > 1 && cell(left, most, "unknown")))));
}

/**
 * @param {Place | null} place
 * @param {number} most
 * @param {string} otherwise
 */
function cell(place, most, otherwise) {
  return h("td", { style: { "--share": place && most > 0 ? place.p / most : 0 } }, h("span", { class: "figure" },
    place ? probability(place.p) : otherwise, place?.rank && h("span", { class: "note" }, ` no.\u00a0${place.rank}`)));
}
