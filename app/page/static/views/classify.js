/**
 * Labels of a text with their probabilities, and the words that carried them.
 * @module
 */

import { h } from "../core/dom.js";
import { bars } from "../parts/bars.js";
import { mark, markedText } from "../parts/marked_text.js";
import { taskView } from "../parts/task_view.js";

export const title = "Classify";
export const lead = "A classifier reads the whole text and gives each label a probability. Leaving out each word in turn shows which words it rests on.";

/** Words above which none is left out: each costs another reading of the whole text. */
const MOST_WORDS = 300;
/** Share of the strongest effect from which a word is marked. */
const LEAST_SHARE = 0.05;
/** Weight of the lines in the legend. */
const EXAMPLE = 0.3;
const EXAMPLES = [
  "A warm and funny film, with a cast that never puts a foot wrong.",
  "Too long, not funny at all, and the ending is a mess.",
  "It is not a bad film, but I would not call it good.",
  "The first half is dull; the second is a masterpiece.",
];

/** @typedef {{text: string, begin: number, end: number, effect: number}} Word */
/**
 * @typedef {object} Result
 * @property {string} label
 * @property {string[]} labels
 * @property {{label: string, probability: number}[]} probabilities
 * @property {Word[]} [explain]
 */

/**
 * @param {HTMLElement} root
 * @param {URLSearchParams} parameters
 * @param {AbortSignal} signal
 */
export function mount(root, parameters, signal) {
  return taskView(root, parameters, signal, {
    capability: "classify",
    fields: [{ name: "text", label: "Text" }],
    examples: EXAMPLES.map((text) => ({ title: text, values: { text } })),
    body: ({ text }) => ({ text, explain: text.split(/\s+/).length <= MOST_WORDS }),
    render,
  });
}

/**
 * @param {Result} result
 * @param {{[name: string]: string}} values
 */
function render(result, { text }) {
  const rows = result.probabilities.map(({ label, probability }) =>
    ({ label, value: probability, mark: result.labels.includes(label) }));
  return [
    bars(rows, { label: `Labels: ${result.labels.join(", ") || "none"}`, heading: "Label", max: 1 }).element,
    ...(result.explain ? carried(result.explain, text, result.label) : [h("p", { class: "help" },
      `Words are left out in turn only of texts of up to ${MOST_WORDS} words.`)]),
  ];
}

/**
 * @param {Word[]} words
 * @param {string} text
 * @param {string} label
 */
function carried(words, text, label) {
  const strongest = Math.max(...words.map(({ effect }) => Math.abs(effect)), 0);
  const marked = words.filter(({ effect }) => Math.abs(effect) >= LEAST_SHARE * strongest && effect !== 0);
  const ranked = [...words].sort((a, b) => Math.abs(b.effect) - Math.abs(a.effect));
  const rows = ranked.map((word) => h("tr", {}, h("th", { scope: "row" }, word.text), h("td", { class: "number" }, signed(word.effect))));
  return [
    h("h3", {}, `Words that speak for “${label}”, and against it`),
    markedText(text, marked, ({ effect }, word) =>
      mark(effect > 0 ? "for" : "against", word, signed(effect), Math.abs(effect) / strongest)),
    h("p", { class: "help" }, mark("for", "Solid", "+", EXAMPLE), " words speak for the label, ", mark("against", "dashed", "−", EXAMPLE),
      " ones against it; the thicker the line, the more. The numbers are nats: by so much the label’s log-probability falls (or, below zero, rises) without the word."),
    h("details", {}, h("summary", {}, "All words"), h("table", {}, h("thead", {}, h("tr", {},
      h("th", { scope: "col" }, "Word"), h("th", { scope: "col", class: "number" }, "Effect, nats"))), h("tbody", {}, rows))),
  ];
}

/** @param {number} effect */
function signed(effect) {
  return `${effect < 0 ? "−" : "+"}${Math.abs(effect).toFixed(2)}`;
}
