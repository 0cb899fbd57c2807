/**
 * Pictures and numbers of texts that were analyzed, for the view Reading.
 * @module
 */

import { h, scrolling } from "../core/dom.js";
import { number, probability, tokenText } from "../core/format.js";

const FULL = 16; // bits that fill the bar of a word: one chance in 65,536
const ALIKE = 0.5; // bits below which a difference gets no sign
const DIFFERING = 10;
const PEAK = 8; // times the median, from which on the line needs a logarithmic scale

/**
 * @typedef {{text: string, begin: number, end: number, surprisal: number | null, entropy: number, rank: number | null, oov: boolean,
 *   matched_order?: number, token_count: number, window_perplexity: number | null, tokens: any[]}} Unit
 * @typedef {{name: string, units: Unit[], surprisal: number | null, token_count: number, oov_count: number}} Reading
 */

/**
 * Readings by the words that they share: one model may read the end of a line as a token, and another pass over it.
 * @param {Reading[]} readings
 */
export function inCommon(readings) {
  const placeOf = (/** @type {Unit} */ { begin, end }) => `${begin} ${end}`;
  const places = readings.map(({ units }) => new Set(units.map(placeOf)));
  return readings.map((reading) => ({ ...reading, units: reading.units.filter((unit) => places.every((each) => each.has(placeOf(unit)))) }));
}

/** @param {Unit | undefined} unit */
export function wordText(unit) {
  return unit ? tokenText(unit.text || "</s>") : "";
}

/** @param {number | null} bits */
function bitsText(bits) {
  return bits === null ? "impossible" : `${bits.toFixed(2)} bits`;
}

/**
 * The words with their bars: by one reading, or by how two of them differ.
 * @param {Reading[]} readings
 * @param {string[]} characters
 * @param {string} shade index of a reading, or `difference`
 */
export function wordsOf(readings, characters, shade) {
  const units = readings[shade === "difference" ? 0 : Number(shade)]?.units ?? [];
  return units.map((unit, index) => {
    const gap = characters.slice(units[index - 1]?.end ?? 0, unit.begin).join("");
    const common = { text: wordText(unit), gap: (units[index - 1]?.text === "\n" ? "\n" : "") + (gap || (unit.text ? "" : " ")) };
    const unknown = unit.oov ? "unknown" : "";
    const told = `${wordText(unit)}, ${bitsText(unit.surprisal)}${unit.oov ? ", unknown word" : ""}`;
    if (shade !== "difference") {
      return { ...common, share: shareOf(unit.surprisal), note: unit.surprisal?.toFixed(1) ?? "∞", kind: unknown, label: told };
    }
    const bits = difference(readings, index);
    const kind = `${unknown} ${bits >= ALIKE ? "more" : bits <= -ALIKE ? "less" : ""}`;
    const note = Math.abs(bits).toFixed(1);
    return { ...common, share: Math.min(1, Math.abs(bits) / (FULL / 2)), note, kind, label: `${told}, ${differenceText(readings, index)}` };
  });
}

/** @param {number | null} bits */
function shareOf(bits) {
  return bits === null ? 1 : Math.min(1, bits / FULL);
}

/**
 * Bits that the first model needs more than the second; an impossible word counts as twice what fills a bar.
 * @param {Reading[]} readings
 * @param {number} index
 */
function difference(readings, index) {
  const [a, b] = readings.map((reading) => reading.units[index].surprisal ?? 2 * FULL);
  return a - b;
}

/**
 * @param {Reading[]} readings
 * @param {number} index
 */
function differenceText(readings, index) {
  const bits = difference(readings, index);
  const name = readings[bits > 0 ? 0 : 1].name;
  return bits === 0 ? "the same by both" : `${name} more surprised by ${Math.abs(bits).toFixed(2)} bits`;
}

/** @param {Reading} reading */
export function totals({ name, surprisal, token_count: tokens, oov_count: unknown }) {
  const perplexity = surprisal === null ? "infinite" : number(2 ** (surprisal / tokens));
  const bits = surprisal === null ? "one of them impossible" : `${bitsText(surprisal)} in all`;
  return h("div", {}, h("dt", {}, name), h("dd", {},
    `perplexity ${perplexity} over ${number(tokens)} ${tokens === 1 ? "token" : "tokens"}, ${bits}, ${number(unknown)} unknown`));
}

/**
 * @param {Reading[]} readings
 * @param {(index: number) => void} pick
 */
export function mostDifferent(readings, pick) {
  const order = readings[0].units.map((_, index) => index)
    .sort((a, b) => Math.abs(difference(readings, b)) - Math.abs(difference(readings, a))).slice(0, DIFFERING);
  return [h("h2", {}, "Where they differ most"), scrolling("Words with their bits", h("table", {},
    h("thead", {}, h("tr", {}, ["Word", ...readings.map(({ name }) => name)].map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, order.map((index) => h("tr", {},
      h("th", { scope: "row" }, h("button", { type: "button", class: "plain", onclick: () => pick(index) }, wordText(readings[0].units[index]))),
      readings.map(({ units }) => h("td", {}, bitsText(units[index].surprisal))))))))];
}

/**
 * @param {Reading[]} readings
 * @param {number} index
 */
export function numbersTable(readings, index) {
  /** @type {[string, (unit: Unit) => string][]} */
  const rows = [
    ["Surprisal", (unit) => bitsText(unit.surprisal)],
    ["Probability", (unit) => probability(unit.surprisal === null ? 0 : 2 ** -unit.surprisal)],
    ["Rank", (unit) => (unit.rank === null ? unit.tokens.map((token) => `${tokenText(token.token)} ${number(token.rank)}`).join(", ") : number(unit.rank))],
    ["Expected before it", (unit) => `${unit.entropy.toFixed(2)} bits of entropy`],
    ["Matched order", orders],
    ["Known", (unit) => (unit.oov ? "no: read as an unknown word" : "yes")],
    ["Running perplexity", (unit) => number(unit.window_perplexity)],
  ];
  const told = rows.filter(([name]) => name !== "Matched order" || readings.some(({ units }) => units[index].tokens[0]?.matched_order));
  return scrolling("Numbers of the word", h("table", {},
    h("thead", {}, h("tr", {}, ["Number", ...readings.map(({ name }) => name)].map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, told.map(([name, write]) => h("tr", {}, h("th", { scope: "row" }, name),
      readings.map(({ units }) => h("td", {}, write(units[index]))))))));
}

/** @param {Unit} unit how many words its tokens were looked up with, themselves included */
function orders({ tokens }) {
  return tokens[0]?.matched_order ? tokens.map((token) => token.matched_order).join(", ") : "no n-grams";
}

/** @param {Reading[]} readings */
function unlike([first, second]) {
  return second && second.token_count !== first.token_count
    ? " These two cut the text into different tokens: bits compare, perplexities do not." : "";
}

/**
 * Whether a few words have a running perplexity that would press the line of all others to the ground.
 * @param {Reading[]} readings
 */
export function hasPeaks(readings) {
  const values = readings.flatMap(({ units }) => units.map((unit) => unit.window_perplexity ?? NaN)).filter(Number.isFinite).sort((a, b) => a - b);
  return (values.at(-1) ?? 0) > PEAK * (values[values.length >> 1] ?? 0);
}

/**
 * What the bars mean.
 * @param {Reading[]} readings
 * @param {string} shade
 */
export function legendText(readings, shade) {
  if (shade !== "difference") {
    return `The higher the bar, the more surprising the word: empty is certain, full is ${FULL} bits or more. Dots and a question mark: a word that the model does not know.${unlike(readings)}`;
  }
  const [a, b] = readings.map(({ name }) => name);
  return `▲ and rising bars: ${a} is more surprised. ▼ and hanging bars: ${b} is. A full bar is ${FULL / 2} bits or more; no sign, less than ${ALIKE}.${unlike(readings)}`;
}
