/**
 * A text whose words can be picked: each stands in a bar as high as its number, and says that number.
 * @module
 */

import { h, replace } from "../core/dom.js";

/**
 * @typedef {object} Word
 * @property {string} text
 * @property {string} [gap] what stands before it in the text
 * @property {number} share height of its bar, 0 to 1
 * @property {string} label what is read out: the word and its numbers
 * @property {string} [note] number below it, where numbers are shown
 * @property {string} [kind] classes: `unknown`, `more`, `less`, `chosen`, `cut`
 */

const TOGETHER = 30; // parts of a word that stay on one line

/** @type {Record<string, (at: number, count: number) => number>} */
const MOVES = {
  ArrowRight: (at) => at + 1, ArrowLeft: (at) => at - 1, ArrowDown: (at) => at + 10, ArrowUp: (at) => at - 10,
  Home: () => 0, End: (_, count) => count - 1,
};

/**
 * Make the text. One of its words takes the focus; arrow keys, Home and End move on and pick.
 * @param {{label: string, onPick: (index: number) => void}} options
 */
export function wordStrip({ label, onPick }) {
  const element = h("p", { class: "words", role: "group", "aria-label": label });
  /** @type {HTMLButtonElement[]} */
  let buttons = [];
  let picked = -1;
  let line = h("span");

  const pick = (/** @type {number} */ index) => {
    mark(index);
    onPick(index);
  };
  const mark = (/** @type {number} */ index) => {
    for (const [at, button] of [[picked, buttons[picked]], [index, buttons[index]]]) {
      if (button instanceof HTMLButtonElement) button.setAttribute("aria-pressed", String(at === index));
    }
    if (buttons[index]) {
      for (const button of [buttons[picked], buttons[0]]) if (button) button.tabIndex = -1;
      buttons[index].tabIndex = 0;
    }
    picked = index;
  };
  element.addEventListener("click", (event) => {
    const button = /** @type {Element} */ (event.target).closest("button");
    if (button) pick(buttons.indexOf(button));
  });
  element.addEventListener("keydown", (event) => {
    const at = buttons.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
    if (at < 0 || !MOVES[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const to = Math.max(0, Math.min(buttons.length - 1, MOVES[event.key](at, buttons.length)));
    pick(to);
    buttons[to].focus();
  });
  const append = (/** @type {Word[]} */ words) => {
    for (const word of words) {
      const button = wordButton(word);
      button.tabIndex = buttons.length ? -1 : 0;
      const before = buttons.at(-1)?.firstChild?.textContent ?? "";
      if (word.gap || !/\S$/.test(before) || line.childElementCount >= TOGETHER) {
        line = h("span", { class: "whole" });
        element.append(word.gap ?? "", line);
      }
      line.append(button);
      buttons.push(button);
    }
  };
  return {
    element,
    append,
    mark,
    /** @param {Word[]} words */
    update(words) {
      buttons = [];
      picked = -1;
      replace(element);
      append(words);
    },
  };
}

/** @param {Word} word */
function wordButton({ text, share, label, note, kind }) {
  return h("button", { type: "button", class: `word ${kind ?? ""}`, style: { "--share": share }, "aria-label": label, "aria-pressed": "false" },
    h("span", {}, text), note && h("small", {}, note));
}
