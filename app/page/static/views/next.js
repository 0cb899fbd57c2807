/**
 * What several models expect next, while somebody types.
 * @module
 */

import { remember } from "../core/address.js";
import { modelPath, postJson } from "../core/api.js";
import { h, replace } from "../core/dom.js";
import { chance, number, probability, tokenText } from "../core/format.js";
import { bars } from "../parts/bars.js";
import { curlBlock } from "../parts/curl_block.js";
import { debounced } from "../parts/debounced.js";
import { field } from "../parts/field.js";
import { modelPicker } from "../parts/model_picker.js";
import { notice } from "../parts/notice.js";
import { explanation } from "../parts/why.js";

export const title = "Next word";
export const lead = "A language model gives every word it knows a probability of coming next. Type, and watch it change its mind.";

const SAMPLE = "It was a dark and ";
const COUNTS = ["5", "10", "25", "50", "0"]; // 0: all of them

/** @typedef {import("../core/types.js").ModelSummary} ModelSummary */

/**
 * @param {HTMLElement} root
 * @param {URLSearchParams} parameters
 * @param {AbortSignal} signal
 */
export async function mount(root, parameters, signal) {
  const text = h("textarea", { value: parameters.get("text") ?? SAMPLE, rows: 3, spellcheck: "false", oninput: () => refresh() });
  const wanted = h("input", { value: parameters.get("word") ?? "", autocomplete: "off", spellcheck: "false", oninput: () => refresh() });
  const count = h("select", { value: parameters.get("top_k") ?? "10", onchange: () => refresh() },
    COUNTS.map((k) => h("option", { value: k }, k === "0" ? "all" : k)));
  const why = h("input", { type: "checkbox", checked: parameters.get("why") === "1", onchange: () => refresh() });
  const picker = await modelPicker({
    capability: "next", value: parameters.getAll("model"), usual: usualModels, multiple: true, signal, onChange: () => refresh(),
  });
  root.append(h("div", { class: "card" },
    field("Text so far", text, "After a blank the next word is asked for; without one, the last word counts as half typed."),
    picker.element,
    h("div", { class: "row" }, field("Show", count), field("Find the rank of a word", wanted),
      h("label", { class: "choice" }, why, " Show why"))));
  const message = notice(root);
  const results = h("div", { class: "columns" });
  const curl = curlBlock();
  root.append(results, curl.element);
  /** @type {Map<string, ReturnType<typeof modelPanel>>} */
  const panels = new Map();

  /** @param {string} more */
  const type = (more) => {
    text.value = more;
    refresh();
  };
  const refresh = debounced(async (mine) => {
    const names = picker.values();
    const state = { text: text.value, top_k: count.value, word: wanted.value.trim(), why: why.checked };
    remember(addressOf(names, state));
    const request = requestOf(state);
    if (names[0]) curl.show("POST", modelPath(names[0], "next"), request);
    const models = names.map(picker.modelOf);
    const answers = await Promise.allSettled(names.map((name, at) => ask(name, request, state.word, models[at], mine)));
    mine.throwIfAborted();
    message.clear();
    const most = Math.max(...answers.map((answer) => (answer.status === "fulfilled" ? answer.value.answer.next[0]?.probability ?? 0 : 0)));
    answers.forEach((answer, at) => {
      if (answer.status === "rejected") return message.show(answer.reason, () => refresh());
      if (!panels.has(names[at])) panels.set(names[at], modelPanel(names[at], type));
      panels.get(names[at])?.show(answer.value, state, models[at], most);
    });
    // What a model said of another text is not shown beside this one.
    const elements = names.filter((_, at) => answers[at].status === "fulfilled").map((name) => /** @type {HTMLElement} */ (panels.get(name)?.element));
    if (elements.some((element, at) => results.children[at] !== element) || results.children.length > elements.length) {
      replace(results, elements);
    }
    if (!names.length) message.show("Choose a model to see what it expects.");
  }, { signal, place: message, onError: (error) => message.show(error, () => refresh()) });
  refresh();
}

/**
 * The largest n-gram model and the largest recurrent one: the two kinds to compare.
 * @param {ModelSummary[]} models
 * @returns {string[]}
 */
function usualModels(models) {
  const largest = ["ngram", "lstm"].map((kind) =>
    models.filter((model) => model.newest && model.kind === kind).sort((a, b) => b.parameters - a.parameters)[0]);
  return largest.filter(Boolean).map((model) => model.name);
}

/**
 * @typedef {{text: string, top_k: string, word: string, why: boolean}} State
 */

/**
 * @param {string[]} names
 * @param {State} state
 */
function addressOf(names, { text, top_k, word, why }) {
  const address = new URLSearchParams(names.map((name) => ["model", name]));
  for (const [key, value] of Object.entries({ text, top_k, word, why: why ? "1" : "" })) address.set(key, value);
  return address;
}

/** @param {State} state */
function requestOf({ text, top_k, why }) {
  return { context: text, heal: true, top_k: Number(top_k), special: true, entropy: true, ...(why && { explain: true }) };
}

/**
 * Ask for the distribution, where a word is looked for for its rank, and of a model of letters for whole words as well.
 * @param {string} name
 * @param {ReturnType<typeof requestOf>} request
 * @param {string} word
 * @param {ModelSummary | undefined} model
 * @param {AbortSignal} signal
 */
async function ask(name, request, word, model, signal) {
  const answer = await postJson(modelPath(name, "next"), request, { signal });
  const context = request.context.slice(0, request.context.length - (answer.typed ?? "").length);
  const rank = { text: word, context, eos: false, top_logprobs: 1 };
  const [ranked, whole] = await Promise.all([
    word ? postJson(modelPath(name, "probability"), rank, { signal }) : null,
    model && model.unit !== "word" && /\S$/.test(context)
      ? postJson(modelPath(name, "complete"), { context, heal: true, top_k: 5 }, { signal }) : null,
  ]);
  return { answer, ranked: ranked?.results[0], whole };
}

/**
 * One model's figures, bars and reasons.
 * @param {string} name
 * @param {(text: string) => void} type what a chosen token does
 */
function modelPanel(name, type) {
  const figures = h("dl", { class: "figure-list" });
  const table = bars([], { label: `Expected by ${name}`, max: 1 });
  const words = bars([], { label: "Whole words that it may become", heading: "Word" });
  const reasons = h("div");
  return {
    element: h("section", { class: "card", "aria-label": name }, h("h2", {}, name), figures, table.element, words.element, reasons),
    /**
     * @param {Awaited<ReturnType<typeof ask>>} asked
     * @param {State} state
     * @param {ModelSummary | undefined} model
     * @param {number} most probability that fills a bar: the largest of any model, so that bars can be compared
     */
    show({ answer, ranked, whole }, state, model, most) {
      replace(figures, figuresOf(answer, ranked, state.word, model?.unit ?? "word"));
      const begun = state.text.slice(0, state.text.length - (answer.typed ?? "").length);
      table.update(answer.next.map((/** @type {any} */ token) => ({
        label: tokenText(token.text ?? token.token),
        value: most > 0 ? token.probability / most : 0,
        text: probability(token.probability),
        mark: token.token === state.word,
        onclick: token.token === "</s>" ? undefined : () => type(continued(begun, token, model?.unit)),
      })));
      words.element.hidden = !whole;
      words.update((whole?.completions ?? []).map((/** @type {any} */ word) => ({
        label: word.text,
        value: word.posterior,
        onclick: () => type(begun.slice(0, begun.length - whole.typed.length) + word.text),
      })));
      replace(reasons, answer.explain && h("h3", {}, "Why"), answer.explain && explanation(answer.explain, answer.next[0]?.token));
    },
  };
}

/**
 * @param {any} answer
 * @param {any} ranked
 * @param {string} word
 * @param {string} unit kind of the model's tokens
 */
function figuresOf(answer, ranked, word, unit) {
  const alike = Math.exp(answer.entropy);
  return [
    figure("Entropy", `${(answer.entropy / Math.LN2).toFixed(2)} bits: as open as ${alike < 10 ? alike.toFixed(1) : number(Math.round(alike))} ${unit}s of equal chance`),
    answer.typed && figure("Being typed", `“${answer.typed}”, to which all that continues it gives ${probability(answer.mass)}`),
    figure("Shown", !answer.next.length ? "none: it knows nothing that begins so" : `${number(answer.next.length)} that share ${probability(answer.next.reduce((/** @type {number} */ sum, /** @type {any} */ token) => sum + token.probability, 0))}`),
    ranked && figure(`“${word}”`, ranked.tokens.map(rankText).join("; ") || "nothing to rank"),
  ];
}

/** @param {any} token a token of the word that is looked for */
function rankText(token) {
  const name = token.oov ? "unknown word, read as <unk>" : tokenText(token.token);
  return `${name}: rank ${number(token.rank)}, ${probability(chance(token.logprob))}`;
}

/**
 * @param {string} name
 * @param {string} value
 */
function figure(name, value) {
  return h("div", {}, h("dt", {}, name), h("dd", {}, value));
}

/**
 * The text with a token that was chosen; words are set apart by blanks, other tokens bring their own.
 * @param {string} begun
 * @param {any} token
 * @param {string | undefined} unit
 */
function continued(begun, token, unit) {
  const before = [...(token.before ?? []), token].map((one) => one.token);
  if (unit !== "word") return begun + before.join("");
  return `${begun}${begun && !/\s$/.test(begun) ? " " : ""}${before.join(" ")} `;
}
