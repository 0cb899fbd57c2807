/**
 * Entities or parts of speech, marked in the text, with a legend.
 * @module
 */

import { h, replace } from "../core/dom.js";
import { probability } from "../core/format.js";
import { mark, markedText } from "../parts/marked_text.js";
import { taskView } from "../parts/task_view.js";

export const title = "Tag";
export const lead = "A tagger gives each word a tag: its part of speech, or whether it belongs to a name.";

const EXAMPLES = [
  "The old man sat by the fire and told us about his ship .",
  "Time flies like an arrow ; fruit flies like a banana .",
  "They can fish . They bought a can of fish .",
  "Mary Smith met John in London on Monday .",
];
/** Probability below which a tag is said to be unsure. */
const SURE = 0.8;
/** Tags of the Penn Treebank in words. @type {Record<string, string>} */
const MEANINGS = {
  CC: "conjunction", CD: "number", DT: "article, determiner", EX: "“there” that exists", FW: "foreign word",
  IN: "preposition, subordinating conjunction", JJ: "adjective", JJR: "adjective, comparative", JJS: "adjective, superlative",
  MD: "modal verb", NN: "noun", NNS: "noun, plural", NNP: "name", NNPS: "name, plural", PDT: "predeterminer",
  POS: "possessive ending", PRP: "pronoun", PRP$: "possessive pronoun", RB: "adverb", RBR: "adverb, comparative",
  RBS: "adverb, superlative", RP: "particle", TO: "“to”", UH: "interjection", VB: "verb, base form", VBD: "verb, past tense",
  VBG: "verb, -ing form", VBN: "verb, past participle", VBP: "verb, present", VBZ: "verb, present, third person",
  WDT: "wh-determiner", WP: "wh-pronoun", WP$: "possessive wh-pronoun", WRB: "wh-adverb",
  PER: "person", LOC: "place", ORG: "organization", MISC: "other name", person: "person", location: "place",
};

/** @typedef {{begin: number, end: number, kind: string, probability: number, text: string}} Tagged */
/**
 * @typedef {object} Result
 * @property {{token: string, begin: number, end: number, tag: string, probability: number}[]} tokens
 * @property {{type: string, text: string, begin: number, end: number, probability: number}[]} spans
 */

/**
 * @param {HTMLElement} root
 * @param {URLSearchParams} parameters
 * @param {AbortSignal} signal
 */
export function mount(root, parameters, signal) {
  return taskView(root, parameters, signal, {
    capability: "tag",
    fields: [{ name: "text", label: "Text", help: "Each line is a sentence." }],
    examples: EXAMPLES.map((text) => ({ title: text, values: { text } })),
    body: ({ text }) => ({ text }),
    render,
  });
}

/**
 * @param {Result} result
 * @param {{[name: string]: string}} values
 */
function render(result, { text }) {
  const isBio = result.tokens.every(({ tag }) => /^(O|[BIES]-.+)$/.test(tag));
  /** @type {Tagged[]} */
  const tagged = isBio
    ? result.spans.map((span) => ({ ...span, kind: span.type }))
    : result.tokens.map((token) => ({ ...token, kind: token.tag, text: token.token }));
  const shown = h("div", { class: "texts" });
  let only = "";
  const draw = () => replace(shown, marked(text, tagged, only), legend(tagged, only, (kind) => {
    only = kind === only ? "" : kind;
    draw();
    /** @type {HTMLElement | null} */ (shown.querySelector(`[data-kind="${CSS.escape(kind)}"]`))?.focus();
  }));
  draw();
  return [shown, tagged.length ? listed(tagged) : h("p", {}, "The tagger marks nothing in this text.")];
}

/**
 * @param {string} text
 * @param {Tagged[]} tagged
 * @param {string} only kind that stands out; empty for all
 */
function marked(text, tagged, only) {
  return markedText(text, tagged, ({ kind, probability: p }, words) => {
    const seen = !only || kind === only;
    return mark(seen ? "tagged" : "other", words, seen ? `${kind}${p < SURE ? "?" : ""}` : "");
  });
}

/**
 * @param {Tagged[]} tagged
 * @param {string} only
 * @param {(kind: string) => void} choose
 */
function legend(tagged, only, choose) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const { kind } of tagged) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const kinds = [...counts].sort(([a, n], [b, m]) => m - n || a.localeCompare(b));
  const button = (/** @type {string} */ kind) => h("button", { type: "button", "data-kind": kind,
    "aria-pressed": String(kind === only), onclick: () => choose(kind) }, kind);
  return [
    h("h3", {}, "Legend"),
    h("ul", { class: "legend" }, kinds.map(([kind, count]) =>
      h("li", {}, button(kind), ` ${MEANINGS[kind] ?? (/\w/.test(kind) ? "" : "punctuation")} `, h("span", { class: "muted" }, `× ${count}`)))),
    h("p", { class: "help" }, `A tag’s button shows its words alone. “?” stands where the tagger gives less than ${probability(SURE)}.`),
  ];
}

/** @param {Tagged[]} tagged */
function listed(tagged) {
  const rows = tagged.map(({ text, kind, probability: p }) => h("tr", {}, h("th", { scope: "row" }, text),
    h("td", {}, kind), h("td", { class: "number" }, probability(p))));
  return h("details", {}, h("summary", {}, "All with their probabilities"), h("table", {}, h("thead", {}, h("tr", {},
    h("th", { scope: "col" }, "Text"), h("th", { scope: "col" }, "Tag"),
    h("th", { scope: "col", class: "number" }, "Probability"))), h("tbody", {}, rows)));
}
