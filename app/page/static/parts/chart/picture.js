/**
 * SVG of a line chart: axes, lines, the mark of what is read off.
 *
 * Every function returns nodes for given series and axes; what the user does with the chart is line_chart.js's.
 */

import { svg } from "../../core/dom.js";
import { number } from "../../core/format.js";
import { between, indexAt, pixelOf, thinned, ticks } from "./scale.js";

/** @typedef {import("./scale.js").Point} Point */
/** @typedef {import("./scale.js").Axis} Axis */
/** @typedef {{name: string, points: Point[]}} Series */
/** @typedef {{x: Axis, y: Axis}} Axes */

export const HEIGHT = 240;
export const EDGE = { left: 66, right: 26, top: 26, bottom: 40 };
/** Colours and dashes that differ; the seventh series looks like the first. */
const LOOKS = 6;

/**
 * Whether a value has a place on an axis.
 * @param {number} y
 * @param {boolean} log
 */
const drawable = (y, log) => Number.isFinite(y) && (!log || y > 0);

/**
 * Axes that hold all points between two values of x.
 * @param {Series[]} series
 * @param {[number, number]} range
 * @param {number} width in pixels
 * @param {boolean} log
 * @param {boolean} zero whether y begins at zero
 * @returns {Axes}
 */
export function axesOf(series, [from, to], width, log, zero) {
  let [low, high] = [Infinity, -Infinity];
  for (const { points } of series)
    for (let i = indexAt(points, from); i < points.length && points[i][0] <= to; i++)
      if (drawable(points[i][1], log)) [low, high] = [Math.min(low, points[i][1]), Math.max(high, points[i][1])];
  if (low > high) [low, high] = log ? [1, 10] : [0, 1];
  if (zero && !log) low = Math.min(0, low);
  if (low === high && zero) high = low + 1;
  if (low === high && log) [low, high] = [low / 2, high * 2];
  if (low === high) [low, high] = [low - Math.abs(low || 1) / 2, high + Math.abs(high || 1) / 2];
  const x = { from, to: to > from ? to : from + 1, start: EDGE.left, end: width - EDGE.right, log: false };
  return { x, y: { from: low, to: high, start: HEIGHT - EDGE.bottom, end: EDGE.top, log } };
}

/**
 * Grid lines, their values, and what the axes mean.
 * @param {Axes} axes
 * @param {string} xLabel
 * @param {string} yLabel
 */
export function axisNodes({ x, y }, xLabel, yLabel) {
  const rows = ticks(y, 5).flatMap((value) => {
    const at = pixelOf(y, value);
    const line = svg("line", { class: "chart-grid", x1: x.start, x2: x.end, y1: at, y2: at });
    return [line, svg("text", { class: "chart-y", x: x.start - 6, y: at + 4, "text-anchor": "end" }, number(value))];
  });
  const columns = ticks(x, Math.max(2, Math.floor((x.end - x.start) / 90))).map((value) =>
    svg("text", { class: "chart-x", x: pixelOf(x, value), y: y.start + 16, "text-anchor": "middle" }, number(value)),
  );
  const middle = { x: (x.start + x.end) / 2, y: HEIGHT - 6, "text-anchor": "middle" };
  return [...rows, ...columns, svg("text", middle, xLabel), svg("text", { x: 2, y: 11 }, yLabel)];
}

/**
 * The lines of all series, clipped to the axes.
 * @param {Series[]} series
 * @param {Axes} axes
 * @param {string} clipId
 */
export function lineNodes(series, axes, clipId) {
  const size = { x: EDGE.left, y: 0, width: Math.max(0, axes.x.end - EDGE.left), height: HEIGHT };
  const paths = series.map((line, i) => svg("path", { class: lineClass(i), d: path(line.points, axes) }));
  const clip = svg("clipPath", { id: clipId }, svg("rect", size));
  return [clip, svg("g", { "clip-path": `url(#${clipId})` }, ...paths)];
}

/** @param {number} i */
const lineClass = (i) => `chart-line series-${i % LOOKS}`;

/** @param {Point[]} points @param {Axes} axes */
function path(points, { x, y }) {
  let [text, pen] = ["", "M"];
  for (const [at, value] of thinned(between(points, x.from, x.to), (place) => pixelOf(x, place))) {
    const seen = drawable(value, y.log);
    if (seen) text += `${pen}${pixelOf(x, at).toFixed(2)} ${pixelOf(y, value).toFixed(2)}`;
    pen = seen ? "L" : "M";
  }
  return text.replace(/M[^ML]+(?=M|$)/g, "$&h0.01"); // a point without neighbours is a dot
}

/**
 * A piece of the line of a series, for the legend.
 * @param {number} i
 */
export function sample(i) {
  const line = svg("path", { class: lineClass(i), d: "M0 5H28" });
  return svg("svg", { width: 28, height: 10, "aria-hidden": "true" }, line);
}

/**
 * A line at the x that is read off, and a dot on each series.
 * @param {number} at
 * @param {(Point | undefined)[]} points one of each series
 * @param {Axes} axes
 */
export function cursorNodes(at, points, { x, y }) {
  const [left, right] = [x.start - 1, x.end + 1];
  const line = svg("line", { x1: pixelOf(x, at), x2: pixelOf(x, at), y1: EDGE.top, y2: y.start });
  const dots = points.map((point, i) => {
    const place = { cx: point ? pixelOf(x, point[0]) : -1, cy: point ? pixelOf(y, point[1]) : -1 };
    const seen = point && drawable(point[1], y.log) && place.cx >= left && place.cx <= right;
    return seen ? [svg("circle", { class: `series-${i % LOOKS}`, ...place, r: 4 })] : [];
  });
  return [line, ...dots.flat()];
}
