/**
 * Figures of models, side by side only where they compare: measured on the same text, in the same tokens.
 * @module
 */

import { h, scrolling } from "../core/dom.js";
import { number } from "../core/format.js";
import { nameOf } from "./model_picker.js";

/**
 * What a model's card says, as far as figures need it.
 * @typedef {import("../core/types.js").ModelSummary & {precision: string, normalized: boolean, metrics: Record<string, any>,
 *   card: {files: Record<string, {sha256: string}>, members: {model: string}[], config: Record<string, any>,
 *   provenance: {corpus: Record<string, {sha256: string}>, recipe: Record<string, any>, licence: string, command: string}}}} ModelDetail
 */

/** @typedef {{title: string, read: (figures: any) => number | undefined, low?: boolean, share?: boolean}} Column */

/** @type {Column[]} */
const COLUMNS = [
  { title: "Perplexity, line by line", read: (figures) => figures.lines?.perplexity, low: true },
  { title: "Perplexity, whole text", read: (figures) => figures.document?.perplexity, low: true },
  { title: "Bits a character", read: (figures) => (figures.document ?? figures.lines)?.bits_per_character, low: true },
  { title: "Right", read: (figures) => figures.accuracy, share: true },
  { title: "Right among ten", read: (figures) => figures.accuracy_at_10, share: true },
  { title: "F1, mean of the labels", read: (figures) => figures.macro_f1, share: true },
  { title: "F1", read: (figures) => figures.f1, share: true },
  { title: "Exact answers", read: (figures) => figures.exact_match, share: true },
  { title: "Pseudo-perplexity", read: (figures) => figures.pseudo_perplexity, low: true },
];

/**
 * Make a table for each group of models that compare, the largest first, and a list of those that stand alone.
 * @param {ModelDetail[]} details
 * @returns {HTMLElement[]}
 */
export function figureTables(details) {
  const groups = Object.values(grouped(details)).sort((one, other) => other.length - one.length);
  const alone = groups.flatMap((group) => (group.length === 1 ? group : []));
  const tables = groups.filter((group) => group.length > 1).map(figureTable);
  return alone.length ? [...tables, aloneList(alone)] : tables;
}

/**
 * Figures of a model as it is served: of int8 where it computes in int8 and was measured so.
 * @param {ModelDetail} detail
 */
function servedFigures(detail) {
  return (detail.precision === "int8" && detail.metrics.int8) || detail.metrics.validation;
}

/**
 * Models by what makes their figures comparable; models without figures are left out.
 * @param {ModelDetail[]} details
 * @returns {Record<string, ModelDetail[]>}
 */
function grouped(details) {
  const byId = new Map(details.map((detail) => [detail.id, detail]));
  /** @type {Record<string, ModelDetail[]>} */
  const groups = {};
  for (const detail of details) {
    const figures = servedFigures(detail);
    const columns = figures ? COLUMNS.filter((column) => isFigure(column.read(figures))) : [];
    if (!columns.length) continue;
    const [text, tokens] = [heldOutText(detail), tokenizerHash(detail, byId)];
    const task = figures.lines || figures.document ? "language model" : columns.map((column) => column.title).join();
    const alone = !text || !tokens || !detail.normalized;
    const key = alone ? detail.id : [text, tokens, task].join(" ");
    (groups[key] ??= []).push(detail);
  }
  return groups;
}

/** @param {number | undefined | null} value @returns {value is number} */
function isFigure(value) {
  return value !== undefined && value !== null;
}

/**
 * The text that a model was measured on, by its hash; empty where the card does not tell.
 * @param {ModelDetail} detail
 */
function heldOutText({ card: { provenance: { corpus, recipe } } }) {
  const named = recipe.validation;
  const rules = `${recipe.empty_lines ?? ""}`;
  if (named) {
    const file = corpus[named] ?? corpus[String(named).split("/").pop() ?? ""];
    return file ? `${file.sha256} ${rules}` : "";
  }
  const hashes = Object.values(corpus).map((file) => file.sha256).sort();
  return recipe.validation_fraction && hashes.length ? [...hashes, recipe.validation_fraction, recipe.split_seed, rules].join() : "";
}

/**
 * What tells whether two models cut texts into the same tokens; a composite does it as its members do.
 * @param {ModelDetail} detail
 * @param {Map<string, ModelDetail>} byId
 * @returns {string}
 */
function tokenizerHash({ card }, byId) {
  const own = card.files["tokenizer.json"]?.sha256;
  if (own) return own;
  const member = byId.get(card.members[0]?.model ?? "");
  return member ? tokenizerHash(member, byId) : "";
}

/** @param {ModelDetail[]} group */
function figureTable(group) {
  const columns = COLUMNS.filter((column) => group.some((detail) => isFigure(column.read(servedFigures(detail)))));
  const rows = group.map((detail) => ({ detail, values: columns.map((column) => column.read(servedFigures(detail))) }));
  const worst = (/** @type {Column | undefined} */ column) => (column?.low ? Infinity : -Infinity);
  rows.sort((one, other) => ((one.values[0] ?? worst(columns[0])) - (other.values[0] ?? worst(columns[0]))) * (columns[0]?.low ? 1 : -1));
  const best = columns.map((column, at) => Math[column.low ? "min" : "max"](...rows.map(({ values }) => values[at] ?? worst(column))));
  const caption = captionOf(group);
  return h("div", {}, h("h3", {}, caption), scrolling(caption,
    h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Model"),
      columns.map((column) => h("th", { scope: "col", class: "number" }, column.title)))),
    h("tbody", {}, rows.map(({ detail, values }) => h("tr", {}, h("th", { scope: "row" }, nameOf(detail)),
      columns.map((column, at) => cell(values[at], column, values[at] === best[at]))))))));
}

/**
 * @param {number | undefined} value
 * @param {Column} column
 * @param {boolean} isBest
 */
function cell(value, column, isBest) {
  if (!isFigure(value)) return h("td", { class: "number muted" }, "not measured");
  return h("td", { class: "number" }, isBest && h("span", { class: "tag good" }, "best"), " ", figureText(value, column));
}

/**
 * @param {number} value
 * @param {Column} column
 */
function figureText(value, column) {
  return column.share ? `${(100 * value).toFixed(1)} %` : value >= 1000 ? number(Math.round(value)) : value.toPrecision(4);
}

/** @param {ModelDetail[]} group */
function captionOf([first]) {
  const named = first?.card.provenance.recipe.validation;
  const text = named ? String(named).split("/").pop() : "the same held-out part of their text";
  return `Measured on ${text}, in the same ${number(first?.vocabulary_size)} ${first?.unit}s`;
}

/** @param {ModelDetail[]} details */
function aloneList(details) {
  const items = details.map((detail) => {
    const figures = servedFigures(detail);
    const texts = COLUMNS.flatMap((column) => {
      const value = column.read(figures);
      return isFigure(value) ? [`${column.title} ${figureText(value, column)}`] : [];
    });
    return h("li", {}, h("strong", {}, nameOf(detail)), ` · ${texts.join(" · ")}`);
  });
  return h("div", {}, h("h3", {}, "Each on a text or in tokens of its own"), h("ul", { class: "alone" }, items));
}
