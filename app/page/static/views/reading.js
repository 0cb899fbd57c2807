/**
 * A text as models read it: how surprising each word is, by one model or by two beside each other.
 * @module
 */

import { remember } from "../core/address.js";
import { modelPath, postJson } from "../core/api.js";
import { h, replace } from "../core/dom.js";
import { tokenText } from "../core/format.js";
import { bars } from "../parts/bars.js";
import { curlBlock } from "../parts/curl_block.js";
import { debounced } from "../parts/debounced.js";
import { field } from "../parts/field.js";
import { lineChart } from "../parts/line_chart.js";
import { modelPicker, nameOf } from "../parts/model_picker.js";
import { notice } from "../parts/notice.js";
import { wordStrip } from "../parts/words.js";
import { hasPeaks, inCommon, legendText, mostDifferent, numbersTable, totals, wordsOf, wordText } from "./reading_figures.js";

export const title = "Reading";
export const lead = "How surprising is each word, given all the words before it? A model that reads well is seldom surprised.";

const SAMPLE = "It was a dark and stormy night. The rain fell in torrents, except at occasional intervals, when it was checked by a violent gust of wind.\nElementary, my dear Watson, said he.";
const WINDOWS = ["5", "20", "50", "200"];
const EXPECTED = 5;

/** @typedef {import("./reading_figures.js").Reading} Reading */

/**
 * @param {HTMLElement} root
 * @param {URLSearchParams} parameters
 * @param {AbortSignal} signal
 */
export async function mount(root, parameters, signal) {
  /** @type {Reading[]} */
  let readings = [];
  /** @type {string[]} characters of the text that was read, as the API counts them */
  let characters = [];
  let picked = Number(parameters.get("word") ?? -1);
  let wantedShade = parameters.get("shade") ?? "0";

  const text = h("textarea", { value: parameters.get("text") ?? SAMPLE, rows: 5, spellcheck: "false", oninput: () => read() });
  const span = h("select", { value: parameters.get("window") ?? "20", onchange: () => read() },
    WINDOWS.map((tokens) => h("option", { value: tokens }, `${tokens} tokens`)));
  const shade = h("select", { onchange: () => shown() });
  const numbers = h("input", { type: "checkbox", checked: parameters.get("numbers") === "1", onchange: () => numbered() });
  const first = await modelPicker({ capability: "probability", value: parameters.get("model"), signal, onChange: () => read() });
  const other = parameters.get("other") ?? "";
  const names = new Set(["", ...first.models.map(nameOf), other]);
  const second = h("select", { value: other, onchange: () => read() }, [...names].map((name) => h("option", { value: name }, name || "no other")));
  root.append(h("div", { class: "card" }, field("Text", text),
    h("div", { class: "row" }, first.element, field("Compare with", second), field("Running perplexity over", span))));

  const message = notice(root);
  const strip = wordStrip({ label: "The text, word by word. Arrow keys go from word to word.", onPick: (index) => pick(index) });
  const legend = h("p", { class: "help" });
  const figures = h("dl", { class: "figure-list" });
  const detail = h("section", { class: "card", "aria-label": "The picked word" });
  const chart = lineChart({
    label: "Running perplexity", xLabel: "word", yLabel: "perplexity", log: true, series: [],
    xText: (x) => `${x} ${wordText(readings[0]?.units[x - 1])}`, onRead: (x) => x > 0 && strip.mark(x - 1),
  });
  const differences = h("section", { class: "card", "aria-label": "Differences" });
  const curl = curlBlock();
  root.append(
    h("div", { class: "beside" },
      h("section", { class: "card", "aria-label": "Surprisal" },
        h("div", { class: "row" }, field("Bars show", shade), h("label", { class: "choice" }, numbers, " Numbers below the words")),
        strip.element, legend, figures),
      h("div", { class: "side" }, detail, differences),
      h("div", { class: "card" }, chart.element)),
    curl.element);

  const state = () => ({
    model: first.value(), other: second.value, text: text.value, window: span.value, shade: shade.value,
    numbers: numbers.checked ? "1" : "", word: picked < 0 ? "" : picked,
  });
  const keep = debounced(async () => remember(state()), { signal });
  const read = debounced(async (mine) => {
    const names = [first.value(), second.value].filter(Boolean);
    const body = { text: text.value, window: Number(span.value) };
    if (!names.length) return;
    keep(); // a long text takes its time: the address has it before
    curl.show("POST", modelPath(names[0], "analyze"), body);
    const answers = await Promise.all(names.map((name) => postJson(modelPath(name, "analyze"), body, { signal: mine })));
    message.clear();
    characters = Array.from(body.text);
    readings = inCommon(answers.map((answer, at) => ({ name: names[at], ...answer.results[0] })));
    replace(shade, names.map((name, at) => h("option", { value: at }, `surprisal by ${name}`)),
      names.length > 1 && h("option", { value: "difference" }, "where they differ"));
    shade.value = [...shade.options].some(({ value }) => value === wantedShade) ? wantedShade : "0";
    chart.update(readings.map(({ name, units }) => ({ name, points: units.map((unit, x) => [x + 1, unit.window_perplexity ?? NaN]) })));
    chart.suggestLog(hasPeaks(readings));
    replace(figures, readings.map(totals));
    differences.hidden = readings.length < 2;
    replace(differences, readings.length > 1 && mostDifferent(readings, pick));
    if (picked >= readings[0].units.length) picked = -1;
    shown();
    pick(picked);
  }, { wait: 300, signal, place: message, onError: (error) => message.show(error, () => read()) });

  const numbered = () => {
    strip.element.classList.toggle("numbers", numbers.checked);
    keep();
  };
  const shown = () => {
    wantedShade = shade.value;
    keep();
    strip.update(wordsOf(readings, characters, shade.value));
    strip.mark(picked);
    replace(legend, legendText(readings, shade.value));
  };
  const pick = (/** @type {number} */ index) => {
    picked = index;
    keep();
    strip.mark(index);
    if (index < 0) {
      replace(detail, h("h2", {}, "The picked word"), h("p", { class: "muted" }, "Pick a word of the text, by pointer or with the arrow keys."));
      return;
    }
    replace(detail, h("h2", {}, wordText(readings[0].units[index])), numbersTable(readings, index));
    expect(index);
  };
  const expect = debounced(async (mine, /** @type {number} */ index) => {
    const context = characters.slice(0, readings[0].units[index].begin).join("");
    const answers = await Promise.all(readings.map(({ name }) =>
      postJson(modelPath(name, "next"), { context, top_k: EXPECTED, special: true }, { signal: mine })));
    const tables = answers.map((answer, at) => bars(answer.next.map((/** @type {any} */ token) => ({
      label: tokenText(token.token), value: token.probability, mark: token.token === readings[at].units[index].tokens[0]?.token,
    })), { label: `What ${readings[at].name} expected here`, max: 1 }).element);
    if (picked === index) detail.append(...tables);
  }, { wait: 100, signal, onError: (error) => message.show(error) });
  numbered();
  read();
}
