/**
 * How a distribution comes about, as a model explains it: back-off path, gates, or shares of a mixture's members.
 * @module
 */

import { h, replace, scrolling } from "../core/dom.js";
import { chance, number, probability, tokenText } from "../core/format.js";
import { kindText, smoothingText } from "./abilities.js";
import { field } from "./field.js";

const READ = 16; // last tokens of the context that are shown with their gates
/** @type {Record<string, string>} */
const COLUMNS = {
  input: "Input gate", forget: "Forget gate", output: "Output gate", reset: "Reset gate", update: "Update gate",
  saturated: "Saturated", inactive: "Inactive", cell_norm: "Cell norm", hidden_norm: "Hidden norm",
};

/**
 * Show the field `explain` of an answer.
 * @param {any} explained
 * @param {string} [word] the word whose numbers an n-gram model shows first
 * @returns {HTMLElement}
 */
export function explanation(explained, word) {
  const remembered = explained.remembered !== undefined
    && h("p", {}, `Its cache remembers ${number(explained.remembered)} tokens of this text and makes them likelier.`);
  return h("div", { class: "why" }, remembered, described(explained, word));
}

/**
 * @param {any} explained
 * @param {string | undefined} word
 * @returns {HTMLElement}
 */
function described(explained, word) {
  if (explained.members) return ofMixture(explained.members, word);
  if (explained.backoff) return ofNgrams(explained, word);
  if (explained.tokens || explained.layers) return ofNetwork(explained);
  return h("p", {}, "This kind of model tells nothing of its workings.");
}

/**
 * @param {any} explained
 * @param {string | undefined} word
 */
function ofNgrams(explained, word) {
  /** @type {string[]} */
  const words = explained.backoff[0].next.map((/** @type {any} */ entry) => entry.token);
  const body = h("tbody");
  const product = h("p", { class: "product" });
  const select = h("select", { value: word && words.includes(word) ? word : words[0], onchange: () => draw() },
    words.map((one) => h("option", { value: one }, tokenText(one))));
  const counted = explained.backoff.some((/** @type {any} */ part) => part.context_count !== undefined);
  const draw = () => {
    const path = explained.backoff.map((/** @type {any} */ part) => ({ ...part, entry: part.next[words.indexOf(select.value)] }));
    const found = path.findIndex((/** @type {any} */ part) => part.entry.listed);
    replace(body, path.map((/** @type {any} */ part, /** @type {number} */ at) => pathRow(part, at, found, counted)));
    replace(product, explained.backoff[0].delta === undefined && found >= 0 && productText(path.slice(0, found + 1)));
  };
  draw();
  const known = explained.context.length ? `“${contextText(explained.context)}”` : "none: it goes by single words";
  return h("div", { class: "why" },
    h("p", {}, `Longest context that the table knows: ${known} (matched order ${explained.matched_order}, ${smoothingText(explained.smoothing)}).`,
      explained.undefined_context ? " The whole context never occurred, so that its frequencies are undefined." : ""),
    field("Follow a word along the path", select),
    scrolling("Back-off path", h("table", { class: "path" },
      h("caption", {}, "Back-off path, from the longest context to none"),
      h("thead", {}, h("tr", {}, ["Context", "Lists", counted && "Occurs", "Word", "Passes on"].filter(Boolean)
        .map((name) => h("th", { scope: "col" }, name)))), body)),
    product);
}

/**
 * @param {any} part a context on the path, with the followed word's `entry`
 * @param {number} at
 * @param {number} found where the path ends for the word
 * @param {boolean} counted whether there is a column of counts
 */
function pathRow(part, at, found, counted) {
  const { entry } = part;
  const beyond = found >= 0 && at > found;
  const count = entry.count === undefined ? "" : `, ${number(entry.count)} times`;
  const told = beyond ? "not needed" : entry.listed ? `${probability(chance(entry.logprob))}${count}` : "not listed";
  return h("tr", { class: at === found ? "marked" : null },
    h("th", { scope: "row" }, contextText(part.context) || "no context"),
    h("td", {}, `${number(part.listed)} words`),
    counted && h("td", {}, part.context_count === undefined ? "" : `${number(part.context_count)} times`),
    h("td", {}, at === found ? "✓ " : "", told),
    h("td", {}, part.context.length ? number(part.weight) : ""));
}

/** @param {any[]} path contexts down to the one that lists the word */
function productText(path) {
  const weights = path.slice(0, -1).map((part) => part.weight);
  const factors = [...weights.map(number), probability(chance(path[path.length - 1].entry.logprob))];
  const result = weights.reduce((product, weight) => product * weight, chance(path[path.length - 1].entry.logprob));
  return factors.length > 1 ? `${factors.join(" × ")} = ${probability(result)}` : `Taken from this context: ${factors[0]}`;
}

/** @param {any} explained */
function ofNetwork(explained) {
  const rows = (explained.tokens ?? [{ token: "", layers: explained.layers }]).slice(-READ);
  const layers = rows.length ? rows[0].layers.map((/** @type {any} */ _, /** @type {number} */ layer) => layerTable(rows, layer)) : [];
  return h("div", { class: "why" },
    explained.equations && h("p", { class: "help" }, explained.equations),
    explained.open_above && h("p", { class: "help" },
      `A gate's number is the mean over the layer's units: 0 shuts everything out, 1 lets everything through.`),
    rows.length ? layers : h("p", {}, "It has read nothing yet."));
}

/**
 * @param {any[]} rows tokens that were read
 * @param {number} layer
 */
function layerTable(rows, layer) {
  const names = Object.keys(COLUMNS).filter((name) => rows[0].layers[layer][name] !== undefined);
  const most = Math.max(...rows.flatMap((row) => [row.layers[layer].cell_norm ?? 0, row.layers[layer].hidden_norm ?? 0]));
  return scrolling(`Layer ${layer + 1}`, h("table", { class: "gates" },
    h("caption", {}, `Layer ${layer + 1}, at each token that it read`),
    h("thead", {}, h("tr", {}, ["Token", ...names.map((name) => COLUMNS[name])].map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, h("th", { scope: "row" }, tokenText(row.token) || "state"),
      names.map((name) => gateCell(row.layers[layer][name], name.endsWith("norm") ? most : 1)))))));
}

/**
 * @param {any} figure a gate with its mean, or a number
 * @param {number} most number that fills the cell
 */
function gateCell(figure, most) {
  const value = figure?.mean ?? figure;
  if (typeof value !== "number") return h("td", {}, "no number");
  const title = figure.open === undefined ? null : `open ${probability(figure.open)}, closed ${probability(figure.closed)} of the units`;
  return h("td", { style: { "--share": value / most }, title }, h("span", { class: "figure" }, value.toFixed(2)));
}

/**
 * @param {any[]} members
 * @param {string | undefined} word
 */
function ofMixture(members, word) {
  const names = members.map((member) => `${kindText(member.kind)}, weight ${probability(member.weight)}`);
  const words = members[0].next ?? [];
  return h("div", { class: "why" },
    scrolling("Shares of the members", h("table", { class: "shares" },
      h("caption", {}, "Each member's share of the probability"),
      h("thead", {}, h("tr", {}, ["Word", ...names].map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, words.map((/** @type {any} */ entry, /** @type {number} */ at) => h("tr", {},
        h("th", { scope: "row" }, tokenText(entry.token)),
        members.map((member) => h("td", { style: { "--share": member.next[at].share } },
          h("span", { class: "figure" }, `${probability(member.next[at].share)}`)))))))),
    members.map((member, index) => h("details", {}, h("summary", {}, names[index]), described(member, word))));
}

/** @param {string[]} context */
function contextText(context) {
  return context.map(tokenText).join(" ");
}
