/**
 * Line chart of several series, which can be zoomed and read off by pointer and by keyboard.
 *
 * Only what a screen can show is drawn, so that tens of thousands of points stay smooth. The same numbers are a table
 * below the picture. A y that is not finite, or not above zero on a logarithmic axis, is a gap in the line.
 */

import { h, replace, svg } from "../core/dom.js";
import { number } from "../core/format.js";
import { EDGE, HEIGHT, axesOf, axisNodes, cursorNodes, lineNodes, sample } from "./chart/picture.js";
import { indexAt, placeAt, spread, valueAt } from "./chart/scale.js";

/** @typedef {import("./chart/scale.js").Point} Point */
/** @typedef {import("./chart/picture.js").Series} Series */
/**
 * @typedef {object} Options
 * @property {string} label what the chart shows; its caption
 * @property {string} xLabel
 * @property {string} yLabel
 * @property {Series[]} [series] the points of each in order of x
 * @property {boolean} [log] whether the y axis can be made logarithmic
 * @property {boolean} [logFirst] whether it is so at first
 * @property {boolean} [zero] whether the y axis begins at zero
 * @property {(x: number) => string} [xText] x in words, for reading off; a number without it
 * @property {(x: number) => void} [onRead] told which x is read off
 */

/** Most rows of the table: zooming in lists the rest. */
const TABLE_ROWS = 200;
/** Pixels that a pointer moves before it is a drag. */
const DRAG = 4;
const KEYS = "Arrow keys read off the numbers, Page Up and Page Down in larger steps; + and − zoom, 0 shows all.";
let charts = 0;
document.head.append(h("link", { rel: "stylesheet", href: new URL("chart/chart.css", import.meta.url).href }));

/** @param {Options} options */
export function lineChart(options) {
  const id = `chart-${++charts}`;
  const xText = options.xText ?? number;
  /** @type {Series[]} */
  let series = [];
  /** @type {number[] | null} every x of all series, in order */
  let places = null;
  /** @type {[number, number] | null} the x that are visible; null: all */
  let range = null;
  /** @type {number | null} the x that is read off */
  let cursor = null;
  /** @type {number | null} the pixel where a drag began */
  let pressed = null;
  let frame = 0;
  let isChosen = false; // whether somebody has chosen the scale
  let axes = axesOf([], [0, 1], 320, false, false);

  const legend = h("ul", { class: "chart-legend" });
  const reading = h("output", { class: "chart-reading", "aria-live": "polite" });
  const picture = h("div", {
    class: "chart-plot",
    tabindex: "0",
    role: "application",
    "aria-roledescription": "line chart",
    "aria-labelledby": `${id}-label`,
    "aria-describedby": `${id}-keys`,
  });
  const zoomIn = h("button", { type: "button", "aria-label": "Zoom in", onclick: () => zoomBy(0.5) }, "+");
  const zoomOut = h("button", { type: "button", "aria-label": "Zoom out", onclick: () => zoomBy(2) }, "−");
  const whole = h("button", { type: "button", onclick: () => zoomTo(null) }, "Show all");
  const log = h("input", { type: "checkbox", checked: options.logFirst ?? false, onchange: () => ((isChosen = true), draw()) });
  const table = h("div", { class: "chart-table", tabindex: "0", role: "region", "aria-labelledby": `${id}-label` });
  const summary = h("summary", {}, "The numbers as a table");
  const details = h("details", { ontoggle: () => drawTable() }, summary, table);
  const scale = options.log ? [h("label", {}, log, " logarithmic")] : [];
  const element = h(
    "figure",
    { class: "chart" },
    h("figcaption", { id: `${id}-label` }, options.label),
    legend,
    picture,
    h("div", { class: "chart-tools" }, zoomIn, zoomOut, whole, ...scale),
    reading,
    h("p", { id: `${id}-keys`, class: "chart-keys" }, KEYS),
    details,
  );

  function positions() {
    places ??= [...new Set(series.flatMap((line) => line.points.map((point) => point[0])))].sort((a, b) => a - b);
    return places;
  }

  /** @returns {[number, number]} */
  function visible() {
    const all = positions();
    return range ?? (all.length ? [all[0], all[all.length - 1]] : [0, 1]);
  }

  function visiblePositions() {
    const [from, to] = visible();
    return positions().filter((x) => x >= from && x <= to);
  }

  /** The last point of a series that is not after `x`. @param {Series} line @param {number} x */
  function pointAt({ points }, x) {
    const next = indexAt(points, x);
    return points[next]?.[0] === x ? points[next] : points[next - 1];
  }

  function draw() {
    cancelAnimationFrame(frame);
    frame = 0;
    const width = Math.max(240, picture.clientWidth || 320);
    axes = axesOf(series, visible(), width, log.checked, options.zero ?? false);
    const parts = [...axisNodes(axes, options.xLabel, options.yLabel), ...lineNodes(series, axes, `${id}-clip`)];
    const cursorGroup = svg("g", { class: "chart-cursor" });
    replace(picture, svg("svg", { width, height: HEIGHT, "aria-hidden": "true" }, ...parts, cursorGroup));
    whole.toggleAttribute("disabled", range === null);
    drawCursor();
    drawTable();
  }

  function drawSoon() {
    frame ||= requestAnimationFrame(draw);
  }

  /** @param {Node[]} more */
  function drawCursor(...more) {
    const x = cursor;
    const nodes = x === null ? [] : cursorNodes(x, series.map((line) => pointAt(line, x)), axes);
    picture.querySelector(".chart-cursor")?.replaceChildren(...nodes, ...more);
  }

  function drawTable() {
    if (!details.open) return;
    const all = visiblePositions();
    const listed = spread(all, TABLE_ROWS);
    const fewer = `${number(listed.length)} of ${number(all.length)} points, spread evenly: zoom in to list the others.`;
    const head = [options.xLabel, ...series.map((line) => line.name)].map((name) => h("th", { scope: "col" }, name));
    const rows = listed.map((x) => {
      const values = series.map((line) => h("td", {}, shown(pointAt(line, x))));
      return h("tr", {}, h("th", { scope: "row" }, xText(x)), ...values);
    });
    const caption = h("caption", {}, listed.length < all.length ? fewer : `${options.label}: ${options.yLabel}`);
    replace(table, h("table", {}, caption, h("thead", {}, h("tr", {}, ...head)), h("tbody", {}, ...rows)));
  }

  /** @param {number} x */
  function readOff(x) {
    cursor = x;
    drawCursor();
    const values = series.map((line) => `${line.name} ${shown(pointAt(line, x))}`);
    replace(reading, `${options.xLabel} ${xText(x)}: ${values.join(", ")}`);
    options.onRead?.(x);
  }

  /** @param {[number, number] | null} wanted */
  function zoomTo(wanted) {
    const all = positions();
    const [first, last] = [all[0], all[all.length - 1]];
    const inside = wanted && [Math.max(first, wanted[0]), Math.min(last, wanted[1])];
    range = inside && (inside[0] > first || inside[1] < last) ? [inside[0], inside[1]] : null;
    draw();
  }

  /** Zoom about an x: that which is read off, or the middle. @param {number} factor @param {number} [about] */
  function zoomBy(factor, about) {
    const [from, to] = visible();
    if (factor < 1 && visiblePositions().length <= 3) return;
    const seen = cursor !== null && cursor >= from && cursor <= to ? cursor : (from + to) / 2;
    const middle = about ?? seen;
    zoomTo([middle - (middle - from) * factor, middle + (to - middle) * factor]);
  }

  /** Read off the point of a number, and move the visible range to it. @param {number} index */
  function goTo(index) {
    const all = positions();
    if (!all.length) return;
    const x = all[Math.min(Math.max(index, 0), all.length - 1)];
    const [from, to] = visible();
    if (x < from) zoomTo([x, x + to - from]);
    if (x > to) zoomTo([x - to + from, x]);
    readOff(x);
  }

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    const here = placeAt(positions(), cursor ?? visible()[0]) - (cursor === null ? 1 : 0);
    const tenth = Math.max(1, Math.round(visiblePositions().length / 10));
    /** @type {Record<string, () => void>} */
    const actions = {
      ArrowRight: () => goTo(here + 1),
      ArrowLeft: () => goTo(cursor === null ? Infinity : here - 1),
      PageDown: () => goTo(here + tenth),
      PageUp: () => goTo(here - tenth),
      Home: () => goTo(0),
      End: () => goTo(Infinity),
      "+": () => zoomBy(0.5),
      "=": () => zoomBy(0.5),
      "-": () => zoomBy(2),
      0: () => zoomTo(null),
      Escape: () => zoomTo(null),
    };
    if (event.ctrlKey || event.metaKey || event.altKey || !actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  }

  const pixelIn = (/** @type {MouseEvent} */ event) => event.clientX - picture.getBoundingClientRect().left;

  /** @param {PointerEvent} event */
  function onMove(event) {
    const all = positions();
    if (!all.length) return;
    const x = valueAt(axes.x, pixelIn(event));
    const next = Math.min(placeAt(all, x), all.length - 1);
    readOff(next > 0 && x - all[next - 1] < all[next] - x ? all[next - 1] : all[next]);
    if (pressed === null || Math.abs(pixelIn(event) - pressed) <= DRAG) return;
    picture.setPointerCapture(event.pointerId);
    const [left, width] = [Math.min(pressed, pixelIn(event)), Math.abs(pixelIn(event) - pressed)];
    const height = axes.y.start - EDGE.top;
    drawCursor(svg("rect", { class: "chart-band", x: left, y: EDGE.top, width, height }));
  }

  /** @param {PointerEvent} event */
  function onRelease(event) {
    const ends = [pressed ?? 0, pixelIn(event)].sort((a, b) => a - b);
    if (pressed !== null && ends[1] - ends[0] > DRAG) zoomTo([valueAt(axes.x, ends[0]), valueAt(axes.x, ends[1])]);
    pressed = null;
  }

  /** The page scrolls by the wheel; the chart zooms by it once it has the focus. @param {WheelEvent} event */
  function onWheel(event) {
    if (!event.ctrlKey && document.activeElement !== picture) return;
    event.preventDefault();
    zoomBy(event.deltaY < 0 ? 0.8 : 1.25, valueAt(axes.x, pixelIn(event)));
  }

  picture.addEventListener("keydown", onKey);
  picture.addEventListener("pointerdown", (event) => {
    if (event.button === 0 && event.pointerType !== "touch") pressed = pixelIn(event);
  });
  picture.addEventListener("pointermove", onMove);
  picture.addEventListener("pointerup", onRelease);
  picture.addEventListener("pointercancel", () => (pressed = null));
  picture.addEventListener("dblclick", () => zoomTo(null));
  picture.addEventListener("wheel", onWheel, { passive: false });
  new ResizeObserver(drawSoon).observe(picture);

  /** Show these series instead. @param {Series[]} next */
  function update(next) {
    series = next;
    changed();
  }

  /** Add a point to a series, a new one if need be; points of it from there on give way. @param {string} name @param {Point} point */
  function append(name, point) {
    let line = series.find((candidate) => candidate.name === name);
    if (!line) series = [...series, (line = { name, points: [] })];
    line.points.length = indexAt(line.points, point[0]);
    line.points.push(point);
    changed();
  }

  function changed() {
    places = null;
    if (legend.childElementCount !== series.length || series.some((line, i) => legend.children[i].textContent !== line.name))
      replace(legend, ...series.map((line, i) => h("li", {}, sample(i), line.name)));
    drawSoon();
  }

  update(options.series ?? []);
  return {
    element, update, append,
    /** Choose the scale of y, unless somebody has. @param {boolean} logarithmic */
    suggestLog: (logarithmic) => ((log.checked = isChosen ? log.checked : logarithmic), drawSoon()),
  };
}

/** @param {Point | undefined} point */
function shown(point) {
  return point && Number.isFinite(point[1]) ? number(point[1]) : "–";
}
