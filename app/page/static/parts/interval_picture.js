/**
 * The figures of a claim as a picture: a dot for each seed, the interval of their mean, and where it has to lie.
 * @module
 */

import { svg } from "../core/dom.js";
import { number } from "../core/format.js";

const [WIDTH, HEIGHT, MIDDLE, EDGE] = [340, 64, 25, 30];

/** @typedef {[number | null, number | null]} Interval null for an end that is out of all bounds */
/**
 * @typedef {object} Figures
 * @property {(number | null)[]} values one for each seed
 * @property {number | null} mean
 * @property {Interval | null} interval null where the values are yes (1) and no (0)
 * @property {Interval | null} accepted
 */

/**
 * Draw the picture; its text says the same to those who do not see it.
 * @param {Figures} figures
 * @returns {SVGSVGElement}
 */
export function intervalPicture({ values, mean, interval, accepted }) {
  const finite = values.filter((value) => value !== null);
  const ends = [...(interval ?? []), ...(accepted ?? [0, 1])].filter((end) => end !== null);
  const known = [...finite, ...ends];
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const spare = (high - low || Math.abs(high) || 1) * 0.08;
  const x = (/** @type {number} */ value) => EDGE + ((value - low + spare) / (high - low + 2 * spare)) * (WIDTH - 2 * EDGE);
  const end = (/** @type {number | null} */ value, /** @type {number} */ other) => (value === null ? other : x(value));

  const parts = [];
  if (accepted) parts.push(...region(end(accepted[0], 0), end(accepted[1], WIDTH), accepted));
  parts.push(svg("line", { class: "base", x1: 0, x2: WIDTH, y1: MIDDLE, y2: MIDDLE }));
  if (interval) parts.push(...bar(end(interval[0], 0), end(interval[1], WIDTH), interval));
  finite.forEach((value, i) => {
    const before = interval ? 0 : finite.slice(0, i).filter((other) => other === value).length; // a row of the same answer
    parts.push(svg("circle", { class: "seed", cx: x(value) + (value ? -12 : 12) * before, cy: MIDDLE, r: 4.5 }));
  });
  for (const [value, y] of labels(accepted, interval, mean)) {
    parts.push(svg("text", { x: x(value), y, "text-anchor": "middle" }, accepted ? number(value) : value ? "yes" : "no"));
  }
  return svg("svg", { class: "interval", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img",
    "aria-label": inWords(values, mean, interval, accepted) }, ...parts);
}

/**
 * @param {number} from
 * @param {number} to
 * @param {Interval} accepted
 */
function region(from, to, accepted) {
  const borders = [from, to].filter((_, i) => accepted[i] !== null);
  return [
    svg("rect", { class: "accepted", x: from, y: 0, width: Math.max(0, to - from), height: HEIGHT - 16 }),
    ...borders.map((at) => svg("line", { class: "bound", x1: at, x2: at, y1: 0, y2: HEIGHT - 16 })),
  ];
}

/**
 * @param {number} from
 * @param {number} to
 * @param {Interval} interval
 */
function bar(from, to, interval) {
  const caps = [from, to].filter((_, i) => interval[i] !== null);
  return [
    svg("line", { class: "mean", x1: from, x2: to, y1: MIDDLE, y2: MIDDLE }),
    ...caps.map((at) => svg("line", { class: "mean cap", x1: at, x2: at, y1: MIDDLE - 8, y2: MIDDLE + 8 })),
  ];
}

/**
 * Numbers to write and where: bounds below the picture, the mean within it unless the seeds are yes and no.
 * @param {Interval | null} accepted
 * @param {Interval | null} interval
 * @param {number | null} mean
 * @returns {[number, number][]}
 */
function labels(accepted, interval, mean) {
  const bounds = /** @type {number[]} */ ((accepted ?? [0, 1]).filter((bound) => bound !== null));
  return [
    ...bounds.map((bound) => /** @type {[number, number]} */ ([bound, HEIGHT - 3])),
    ...(interval && mean !== null ? [/** @type {[number, number]} */ ([mean, MIDDLE - 11])] : []),
  ];
}

/**
 * @param {(number | null)[]} values
 * @param {number | null} mean
 * @param {Interval | null} interval
 * @param {Interval | null} accepted
 * @returns {string}
 */
export function inWords(values, mean, interval, accepted) {
  const seeds = `${values.length} ${values.length === 1 ? "seed" : "seeds"}`;
  if (!interval || !accepted) return `yes for ${values.filter(Boolean).length} of ${seeds}`;
  const ends = interval.map((end, i) => (end === null ? (i ? "above all bounds" : "below all bounds") : number(end)));
  const [from, to] = accepted;
  const wanted = from !== null && to !== null ? `between ${number(from)} and ${number(to)}` : `above ${number(from)}`;
  return `mean ${mean === null ? "out of all bounds" : number(mean)} of ${seeds}, 95\u00a0% interval ${ends.join(" to ")}; it holds where that lies ${wanted}`;
}
