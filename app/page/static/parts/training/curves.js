/**
 * Curves of a training, drawn as its figures come: loss, perplexity, gradient norm, clipped share, and whatever else
 * the job measures.
 * @module
 */

import { getJson } from "../../core/api.js";
import { h } from "../../core/dom.js";
import { lineChart } from "../line_chart.js";
import { figureName } from "./figure_names.js";

/** @typedef {import("../line_chart.js").Series} Series */
/** @typedef {{step: number, values: Record<string, number | null>}} Measured */

/** Most points that are fetched at once; a screen shows fewer. */
const POINTS = 20_000;
/** Figures in words. @type {Record<string, string>} */
const NAMES = {
  loss: "training", validation_loss: "held-out text", perplexity: "training", validation_perplexity: "held-out text",
  gradient_norm: "gradient norm", clipped_fraction: "clipped share",
};
/**
 * Charts: title, unit, figures in it, whether y may be logarithmic, whether it begins at zero.
 * @type {[string, string, (name: string) => boolean, boolean, boolean][]}
 */
const CHARTS = [
  ["Loss", "nats a token", (name) => name === "loss" || name === "validation_loss", true, false],
  ["Perplexity", "perplexity", (name) => name.endsWith("perplexity"), true, false],
  ["Figures on held-out examples", "figure", (name) => name.startsWith("validation_"), false, true],
  ["Gradient norm", "norm before clipping", (name) => name === "gradient_norm", true, true],
  ["Share of steps whose gradient was clipped", "share of steps", (name) => name === "clipped_fraction", false, true],
  ["Learning rate", "learning rate", (name) => name === "learning_rate", false, true],
  ["Norm of the weights", "norm", (name) => name === "weight_norm", false, true],
  ["Other figures", "figure", () => true, true, false],
];

const isHeldOut = (/** @type {any[]} */ [name]) => name.startsWith("validation_");
/** Name of a figure's line, in a chart that says the rest. @param {string} name */
const nameIn = (name) => NAMES[name] ?? figureName(name.replace(/^validation_/, ""));

/** @param {string} job its id */
export function curves(job) {
  const element = h("div", { class: "curves" });
  /** @type {Map<string, ReturnType<typeof lineChart>>} */
  const charts = new Map();
  /** @type {Map<string, number | null>} */
  const newest = new Map();
  let last = -1;

  /** @param {Measured[]} rows */
  function draw(rows) {
    for (const { step, values } of rows) {
      const figures = Object.entries(values);
      // Held-out text is measured now and then, and all its figures are repeated at the steps in between.
      const repeated = figures.filter(isHeldOut).every(([name, value]) => newest.get(name) === value);
      for (const [name, value] of figures) {
        if (name !== "best_perplexity" && !(repeated && isHeldOut([name]))) chartOf(name).append(nameIn(name), [step, value ?? NaN]);
        newest.set(name, value);
      }
    }
    last = rows.length ? rows[rows.length - 1].step : last;
  }

  /** @param {string} figure */
  function chartOf(figure) {
    const index = CHARTS.findIndex(([, , holds]) => holds(figure));
    const [label, yLabel, , log, zero] = CHARTS[index];
    const known = charts.get(label);
    if (known) return known;
    const chart = lineChart({ label, xLabel: "step", yLabel, log, zero });
    charts.set(label, chart);
    const next = [...element.children].find((card) => Number(card.getAttribute("data-order")) > index);
    element.insertBefore(h("div", { class: "card", "data-order": index }, chart.element), next ?? null);
    return chart;
  }

  /** Forget all: what was measured may be measured again. */
  function restart() {
    last = -1;
    newest.clear();
  }

  return {
    element,
    /** Fetch and draw what was measured since the last time. @param {AbortSignal} signal @param {number} [step] the newest one */
    async update(signal, step = Infinity) {
      if (step < last) restart(); // it was resumed, and measures steps again
      draw((await getJson(`v1/jobs/${job}/metrics?after=${last}&points=${POINTS}`, { signal })).data);
    },
    restart,
  };
}
