/**
 * What models can do and what they are, in words, and the views that show it.
 * @module
 */

import { capital } from "../core/format.js";

/**
 * Views by the capability that they show, in the order in which a newcomer meets them.
 * @type {Record<string, {view: string, title: string, says: string}>}
 */
export const ABILITIES = {
  next: { view: "next", title: "Next word", says: "Type, and see which words may follow and why." },
  perplexity: { view: "reading", title: "Reading", says: "See which words of a text surprise a model." },
  generate: { view: "writing", title: "Writing", says: "Have a text written, and look at every choice." },
  fill: { view: "fill", title: "Fill", says: "Find the word that a sentence lacks." },
  classify: { view: "classify", title: "Classify", says: "Sort a text, and see which words decide." },
  tag: { view: "tag", title: "Tag", says: "Mark names or parts of speech in a text." },
  answer: { view: "answer", title: "Answer", says: "Ask a question about a story." },
};

/** Abilities that have no view, in words. @type {Record<string, string>} */
export const OTHERS = { rescore: "ranking of texts (rescore)", embed: "vectors of texts (embed)", counts: "counts of n-grams (counts)" };

/** @type {Record<string, string>} */
const KINDS = {
  ngram: "n-gram model", kenlm: "KenLM n-gram model", rnn: "simple recurrent network", lstm: "LSTM network", gru: "GRU network",
  feedforward: "feed-forward network", mixture: "mixture of models", cache: "model with a cache", neural_cache: "model with a neural cache",
  classifier: "classifier network", naive_bayes: "naive Bayes classifier", logistic_regression: "logistic regression classifier",
  fill_in: "network that reads both ways", language_model_pair: "pair of language models", reader: "network that reads stories",
  nearest_sentence: "search for the nearest sentence", tagger: "tagger network", hmm_tagger: "hidden Markov tagger",
};

/** @type {Record<string, string>} */
const SMOOTHINGS = {
  mle: "relative frequencies, not smoothed", add_delta: "the same added to every count", backoff: "back-off by a constant factor",
  katz: "Katz back-off", absolute: "absolute discounting", witten_bell: "Witten-Bell smoothing", jelinek_mercer: "Jelinek-Mercer smoothing",
  interpolated_kneser_ney: "interpolated Kneser-Ney smoothing", kneser_ney: "modified Kneser-Ney smoothing",
};

/**
 * Say how an n-gram model gives probability to what it has not seen.
 * @param {string} smoothing
 */
export function smoothingText(smoothing) {
  return SMOOTHINGS[smoothing] ?? smoothing;
}

/**
 * Say what a model is.
 * @param {string} kind
 */
export function kindText(kind) {
  const text = KINDS[kind] ?? kind;
  return text === "n-gram model" ? text : capital(text);
}
