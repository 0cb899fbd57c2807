/**
 * A table of shares whose cells are bars: a distribution that can be seen, read out and copied.
 * @module
 */

import { h, replace } from "../core/dom.js";
import { number, probability } from "../core/format.js";

const PAGE = 50; // rows in the document at a time: ten thousand would make every keystroke wait

/**
 * @typedef {object} Bar
 * @property {string} label
 * @property {number} value share of 0 to 1
 * @property {string} [text] what is written in place of the value
 * @property {string} [note] said beside it
 * @property {boolean} [mark] whether it stands out
 * @property {() => void} [onclick] makes the label a button
 */

/**
 * Make the table; `update` puts other rows into it. Long ones are shown in pages.
 * @param {Bar[]} rows
 * @param {{label: string, heading?: string, valueHeading?: string, max?: number, page?: number}} options
 *   `max`: the share that fills the whole width; unset, the largest of the rows
 */
export function bars(rows, { label, heading = "Token", valueHeading = "Probability", max, page = PAGE }) {
  const body = h("tbody");
  const pager = h("div", { class: "pager" });
  const table = h("table", { class: "bars" }, h("caption", {}, label),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, heading), h("th", { scope: "col" }, valueHeading))), body);
  let shown = rows;
  let first = 0;

  const turn = (/** @type {number} */ to) => {
    first = Math.max(0, Math.min(to, shown.length - 1));
    draw();
  };
  const draw = () => {
    const most = max ?? shown.reduce((largest, row) => Math.max(largest, row.value), 0);
    table.setAttribute("aria-rowcount", String(shown.length + 1));
    const visible = shown.slice(first, first + page);
    while (body.rows.length > visible.length) body.deleteRow(-1);
    visible.forEach((row, index) => fillRow(body.rows[index] ?? body.appendChild(emptyRow()), row, most, first + index + 2));
    replace(pager, shown.length > page && pagerContent(first, page, shown.length, turn));
  };
  draw();
  return {
    element: h("div", { class: "bars-box" }, table, pager),
    /** @param {Bar[]} next */
    update(next) {
      shown = next;
      first = 0;
      draw();
    },
  };
}

function emptyRow() {
  return h("tr", {}, h("th", { scope: "row" }), h("td"));
}

/**
 * Put other figures into a row: the bar moves, and a button that has the focus keeps it.
 * @param {HTMLTableRowElement} element
 * @param {Bar} row
 * @param {number} most
 * @param {number} index
 */
function fillRow(element, row, most, index) {
  const [name, cell] = element.cells;
  const present = name.querySelector("button");
  const button = row.onclick && (present ?? h("button", { type: "button", class: "plain" }));
  if (button) replace(button, row.label);
  if (button) button.onclick = row.onclick ?? null;
  const note = row.note && h("span", { class: "note" }, ` ${row.note}`);
  if (button && button === present) [...name.childNodes].forEach((node) => node !== button && node.remove());
  else replace(name, button ?? row.label);
  if (note) name.append(note);
  element.className = row.mark ? "marked" : "";
  element.setAttribute("aria-rowindex", String(index));
  cell.style.setProperty("--share", String(most > 0 ? Math.min(1, row.value / most) : 0));
  replace(cell, h("span", { class: "figure" }, row.text ?? probability(row.value)));
}

/**
 * @param {number} first
 * @param {number} page
 * @param {number} total
 * @param {(to: number) => void} turn
 */
function pagerContent(first, page, total, turn) {
  const last = Math.min(first + page, total);
  return [
    h("button", { type: "button", disabled: first === 0, onclick: () => turn(first - page) }, "Previous"),
    h("span", { role: "status" }, `${number(first + 1)} to ${number(last)} of ${number(total)}`),
    h("button", { type: "button", disabled: last === total, onclick: () => turn(first + page) }, "Next"),
  ];
}
