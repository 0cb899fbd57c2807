/**
 * Figures of trainings in words.
 * @module
 */

import { capital, number } from "../../core/format.js";

/** @type {Record<string, string>} */
const NAMES = {
  accuracy: "Right", accuracy_at_10: "Right among ten", accuracy_unseen: "Right on words not seen in training", subset_accuracy: "All labels right",
  macro_f1: "F1, mean of the labels", micro_f1: "F1, over all labels", f1: "F1", exact_match: "Exact answers", log_loss: "Log loss, nats",
  ece: "Calibration error", pseudo_perplexity: "Pseudo-perplexity", unseen_tokens: "Words not seen in training", oov_count: "Unknown words", token_count: "Tokens",
  loss: "Loss, nats a token", clipped_fraction: "Share of clipped steps", gradient_norm: "Gradient norm", weight_norm: "Norm of the weights",
};
const SHARES = new Set(["accuracy", "accuracy_at_10", "accuracy_unseen", "subset_accuracy", "macro_f1", "micro_f1", "f1", "exact_match", "ece", "clipped_fraction"]);

/** @param {string} name @returns {string} */
export function figureName(name) {
  if (name.startsWith("validation_")) return `${figureName(name.slice("validation_".length))}, on held-out text`;
  return NAMES[name] ?? inWords(name);
}

/** @param {string} name @param {number | null} value */
export function figureText(name, value) {
  if (value === null) return "not finite";
  return SHARES.has(name.replace(/^validation_/, "")) ? `${number(Math.round(1000 * value) / 10)} %` : number(value);
}

/** A name of the API as words. @param {string} name */
export function inWords(name) {
  return capital(name.replaceAll("_", " "));
}
