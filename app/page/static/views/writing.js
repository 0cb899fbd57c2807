/**
 * A text that a model writes token by token, and what it might have written instead.
 * @module
 */

import { remember } from "../core/address.js";
import { ApiError, events, modelPath, postJson } from "../core/api.js";
import { h, replace } from "../core/dom.js";
import { chance, duration, number, probability, tokenText } from "../core/format.js";
import { bars } from "../parts/bars.js";
import { curlBlock } from "../parts/curl_block.js";
import { field, slider } from "../parts/field.js";
import { modelPicker } from "../parts/model_picker.js";
import { notice } from "../parts/notice.js";
import { wordStrip } from "../parts/words.js";
import { pieceWord, textOf, tokenPieces } from "./writing_pieces.js";

export const title = "Writing";
export const lead = "A model writes by drawing one token after the other. Change how it draws, look at what else was likely, and go on from there.";

const SAMPLE = "It was a dark and stormy";
const ALTERNATIVES = 10;
const FRAME = 16; // milliseconds of tokens between two looks at them
/** @type {Record<string, string>} */
const REASONS = {
  end: "The model ended the text.",
  stop: "The stop string came.",
  length: "It has as many tokens as asked for.",
  no_continuation: "Nothing was left to choose from.",
};

/** @typedef {import("./writing_pieces.js").Piece} Piece */

/**
 * @param {HTMLElement} root
 * @param {URLSearchParams} parameters
 * @param {AbortSignal} signal
 */
export async function mount(root, parameters, signal) {
  /** @type {Piece[]} */
  let pieces = [];
  let controller = new AbortController();
  const initial = (/** @type {string} */ name, /** @type {string | number} */ other) => parameters.get(name) ?? String(other);

  const prompt = h("textarea", { value: initial("prompt", SAMPLE), rows: 3, spellcheck: "false" });
  const picker = await modelPicker({ capability: "generate", value: parameters.get("model"), signal });
  const sliders = {
    temperature: slider("Temperature", { min: 0, max: 2, step: 0.05, value: initial("temperature", 1) },
      (value) => (value ? value.toFixed(2) : "0: always the likeliest"), "Low: the likeliest words. High: anything goes."),
    top_k: slider("Top k", { min: 0, max: 100, step: 1, value: initial("top_k", 0) },
      (value) => (value ? String(value) : "all"), "Choose among the k likeliest."),
    top_p: slider("Top p", { min: 0.05, max: 1, step: 0.05, value: initial("top_p", 1) },
      (value) => (value < 1 ? value.toFixed(2) : "all"), "Choose among the fewest that reach this probability together."),
    min_p: slider("Min p", { min: 0, max: 0.5, step: 0.01, value: initial("min_p", 0) },
      (value) => (value ? value.toFixed(2) : "all"), "Leave out what is less than this share as likely as the best."),
  };
  const tokens = h("input", { type: "number", min: 1, value: initial("max_tokens", 60), required: true });
  const seed = h("input", { value: initial("seed", ""), inputmode: "numeric", pattern: "[0-9]*", autocomplete: "off", placeholder: "a new one each time" });
  const stop = h("input", { value: initial("stop", ""), autocomplete: "off", spellcheck: "false" });
  const endless = h("input", { type: "checkbox", checked: parameters.get("ignore_end") === "1" });
  const begin = h("button", { class: "primary" }, "Write");
  const halt = h("button", { type: "button", disabled: true, onclick: () => controller.abort() }, "Stop");
  const form = h("form", { class: "card", onsubmit: (/** @type {Event} */ event) => {
    event.preventDefault();
    write([]);
  } },
  field("Begin with", prompt), h("div", { class: "row" }, picker.element, field("Most tokens", tokens), field("Seed", seed, "The same seed gives the same text."),
    field("Stop before", stop, "A string that ends the text.")),
  h("div", { class: "sliders" }, Object.values(sliders).map(({ element }) => element)),
  h("p", { class: "actions" }, begin, halt, h("label", { class: "choice" }, endless, " Go on past the end")));
  root.append(form);

  const message = notice(root);
  const strip = wordStrip({ label: "The text, token by token. Arrow keys go from token to token.", onPick: (index) => showDetail(index) });
  const figures = h("dl", { class: "figure-list" });
  const detail = h("section", { class: "card", "aria-label": "The picked token" });
  const status = h("p", { role: "status", class: "help" });
  const curl = curlBlock();
  const result = h("div", { class: "beside", hidden: true }, h("section", { class: "card", "aria-label": "The text" }, strip.element, h("p", { class: "help" }, "The bar of a token is the chance that it was drawn with: empty is none, full is certain."), status, figures),
    h("div", { class: "side" }, detail));
  root.append(result, curl.element);

  const path = () => modelPath(picker.value(), "generate");
  const options = () => ({
    temperature: sliders.temperature.value(), top_k: sliders.top_k.value(), top_p: sliders.top_p.value(), min_p: sliders.min_p.value(),
    ...(stop.value && { stop: unescaped(stop.value) }), ...(endless.checked && { ignore_end: true }),
  });

  /**
   * Write on from `kept`, what is already there behind the prompt.
   * @param {Piece[]} kept
   */
  async function write(kept) {
    controller.abort();
    const mine = (controller = new AbortController());
    const running = AbortSignal.any([signal, mine.signal]);
    const text = prompt.value + textOf(kept);
    // A seed beyond 2^53 is no number that JavaScript can hold: the server says what it accepts.
    const body = { prompt: text, max_tokens: Number(tokens.value), ...options(), ...(seed.value && { seed: Number(seed.value) }),
      stream: true, top_logprobs: ALTERNATIVES, sampling_probabilities: true };
    pieces = [...kept];
    result.hidden = false;
    strip.update(pieces.map((piece, at) => pieceWord(piece, pieces[at - 1], at ? "" : prompt.value)));
    replace(detail, h("p", { class: "muted" }, "Pick a token to see what else might have come."));
    replace(figures);
    message.clear();
    curl.show("POST", path(), body);
    halt.disabled = false;
    replace(status, "Writing …");
    const reader = tokenPieces(Boolean(stop.value));
    const started = performance.now();
    let reason = "";
    let paused = 0;
    try {
      for await (const { data } of events(path(), { body, signal: running })) {
        const [choice] = data.choices;
        if (!paused) remember({ ...state(), prompt: text, seed: data.seed, go: "1" });
        for (const piece of reader.push(choice)) {
          strip.append([pieceWord(piece, pieces.at(-1), pieces.length ? "" : prompt.value)]);
          pieces.push(piece);
        }
        reason = REASONS[choice.finish_reason] ?? "";
        if (performance.now() - paused < FRAME && !reason) continue;
        replace(figures, figuresOf(pieces, data.seed, (performance.now() - started) / 1000));
        await new Promise((resolve) => setTimeout(resolve)); // lets the person see it, and press Stop
        running.throwIfAborted();
        paused = performance.now();
      }
      if (!reason) throw new ApiError(0, "cut_off", "The connection closed before the text was complete.");
      replace(status, reason);
    } catch (error) {
      if (signal.aborted || controller !== mine) return;
      replace(status, mine.signal.aborted ? "Stopped. What has been written stays." : "It broke off here.");
      message.show(error, () => write(kept));
    }
    if (controller === mine) halt.disabled = true;
  }

  const state = () => ({
    model: picker.value(), prompt: prompt.value, max_tokens: tokens.value, seed: seed.value, stop: stop.value, ...options(), ignore_end: endless.checked ? "1" : "",
  });

  const showDetail = (/** @type {number} */ index) => {
    const piece = pieces[index];
    const drawn = { ...piece, mark: true };
    const rows = piece.alternatives.map((one) => (one.id === piece.id ? { ...one, mark: true } : one));
    const all = rows.some((one) => one.mark) ? rows : [...rows, drawn];
    replace(detail, h("h2", {}, tokenText(piece.token)),
      h("p", {}, piece.chosen ? "You chose it; it would have been drawn with " : "Drawn with ", h("strong", {}, probability(piece.sampling_probability)),
        `. The model's own probability is ${probability(chance(piece.logprob))}.`),
      bars(all.map((/** @type {any} */ one) => ({
        label: tokenText(one.token), value: one.sampling_probability, mark: one.mark,
        note: noteOf(one),
        onclick: one.mark || one.token === "</s>" || !chance(one.logprob) ? undefined : () => goOn(index, one),
      })), { label: "What might have come", valueHeading: "Chance of being drawn" }).element,
      h("p", { class: "help" }, "Choose another one, and the model goes on from there."));
  };

  /**
   * Put another token in the place of one, spelled as the server spells it there, and write on.
   * @param {number} index
   * @param {any} other
   */
  async function goOn(index, other) {
    controller.abort();
    const mine = (controller = new AbortController());
    const kept = pieces.slice(0, index);
    const body = { prompt: prompt.value + textOf(kept), max_tokens: 1, temperature: 0, allow_unk: true, logit_bias: { [other.id]: 100 } };
    try {
      const answer = await postJson(path(), body, { signal: AbortSignal.any([signal, mine.signal]) });
      await write([...kept, { ...other, text: answer.choices[0].text, alternatives: pieces[index].alternatives, chosen: true }]);
    } catch (error) {
      message.show(error, () => goOn(index, other));
    }
  }

  if (parameters.get("go") === "1") write([]);
}

/**
 * @param {Piece[]} pieces
 * @param {number} seed
 * @param {number} seconds
 */
function figuresOf(pieces, seed, seconds) {
  const drawn = pieces.filter((piece) => !piece.chosen && !piece.end);
  const logprob = pieces.reduce((sum, piece) => sum + (piece.logprob ?? -Infinity), 0);
  return [
    ["Tokens", `${number(drawn.length)} in ${duration(seconds)}`],
    ["Perplexity", `${number(Math.exp(-logprob / pieces.length))} of what was written, by the model's own probabilities`],
    ["Seed", `${seed}`],
  ].map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)));
}

/** @param {any} token what is said where it is drawn with another probability than the model's own */
function noteOf(token) {
  const own = chance(token.logprob);
  if (!own) return "impossible";
  if (Math.abs(token.sampling_probability - own) <= 0.02 * own) return "";
  return `${token.sampling_probability ? "" : "left out, "}model ${probability(own)}`;
}

/** @param {string} text where `\n` stands for the end of a line */
function unescaped(text) {
  return text.replaceAll("\\n", "\n");
}
