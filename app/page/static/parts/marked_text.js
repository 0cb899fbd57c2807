/**
 * A text with marked places: words that carried a label, names, the span of an answer.
 * @module
 */

import { h } from "../core/dom.js";

/** @typedef {import("../core/dom.js").Child} Child */

/**
 * Make a paragraph of a text in which `make` has made an element of each span. Spans are in order and do not overlap.
 * The API counts characters of Unicode, where JavaScript counts units of UTF-16: a rare letter is two of them.
 * @template {{begin: number, end: number}} S
 * @param {string} text
 * @param {S[]} spans
 * @param {(span: S, words: string, index: number) => Child} make
 * @returns {HTMLElement}
 */
export function markedText(text, spans, make) {
  const characters = [...text];
  const between = (/** @type {number} */ begin, /** @type {number} */ end) => characters.slice(begin, end).join("");
  /** @type {Child[]} */
  const pieces = [];
  let at = 0;
  spans.forEach((span, index) => {
    pieces.push(between(at, span.begin), make(span, between(span.begin, span.end), index));
    at = span.end;
  });
  return h("p", { class: "marked-text" }, pieces, between(at, characters.length));
}

/**
 * Make a mark with a small label behind its words.
 * @param {string} kind class of the mark
 * @param {string} words
 * @param {string} label
 * @param {number} [weight] 0 to 1: how strong the mark is
 */
export function mark(kind, words, label, weight = 1) {
  return h("mark", { class: kind, style: { "--weight": weight.toFixed(3) } }, h("span", {}, words), label && h("sub", {}, `\u00a0${label}`));
}
