/**
 * What can be trained: kinds of models, and sizes with a name.
 *
 * A value is named by its place in the body of `POST v1/jobs`, such as `config.hidden_size`. A size gives some, what a
 * person chooses comes on top, and everything else is the server's default.
 * @module
 */

/** @typedef {Record<string, any>} Values values by place */
/**
 * @typedef {object} Kind
 * @property {string} name of the job
 * @property {string} label
 * @property {string} about what it is
 * @property {string} reads what the file holds
 * @property {string} pasted name of a file made of pasted text: its ending tells the format
 * @property {Record<string, [string, Values]>} sizes what each is, and its values; the first is the usual one
 */

export const PLAIN = "Plain text, the more the better: a story, mails, minutes. A line is a sentence or a paragraph.";
const LABELLED = "Texts with labels: .csv or .tsv whose first line names the columns text and label, or .jsonl with these keys.";
const TAGGED = "Tagged sentences: .conll with a word and its tag a line and an empty line after each sentence, or .conllu.";
const ASKED = "Stories with questions: .json as SQuAD has it; for numbered lines as bAbI has them, choose that format below.";

/** @param {string} name @param {string} label @param {string} about @returns {Kind} */
const network = (name, label, about) => ({
  ...{ name, label, about, reads: PLAIN, pasted: "pasted.txt" },
  sizes: { small: units(128, 4), tiny: units(32, 2), medium: units(256, 8), large: units(512, 12) },
});
/** @param {number} size @param {number} epochs @returns {[string, Values]} */
const units = (size, epochs) => [
  `${size} units, ${epochs} passes over the text`,
  {
    ...{ "config.hidden_size": size, "config.embedding_size": Math.min(size, 256), "config.layers": 1 },
    ...{ "config.epochs": epochs, "tokenizer.min_count": 2 },
  },
];

/** @param {string} name @param {string} label @param {string} about @param {string} reads @param {string} pasted @returns {Kind} */
const encoder = (name, label, about, reads, pasted) => ({
  ...{ name, label, about, reads, pasted },
  sizes: { small: reading(64, 6), tiny: reading(16, 2), medium: reading(128, 10) },
});
/** @param {number} size @param {number} epochs @returns {[string, Values]} */
const reading = (size, epochs) => [
  `${size} units in each direction, ${epochs} passes over the examples`,
  { "encoder.hidden_size": size, "encoder.embedding_size": size, "training.epochs": epochs },
];

/** @param {string} name @param {string} label @param {string} about @param {string} reads @param {string} pasted @returns {Kind} */
const baseline = (name, label, about, reads, pasted) => ({
  ...{ name, label, about, reads, pasted, sizes: { usual: ["in one go, without a network", {}] } },
});

/** @type {Kind} */
const NGRAM = {
  ...{ name: "ngram", label: "N-gram model", reads: PLAIN, pasted: "pasted.txt" },
  about: "Counts which words follow which. Fast even on large texts: the one to begin with.",
  sizes: {
    usual: ["sequences of up to 5 words", { "config.order": 5 }],
    small: ["sequences of up to 3 words", { "config.order": 3 }],
    pairs: ["pairs of words", { "config.order": 2 }],
  },
};

/** Kinds by group, in the order in which they are offered. @type {[string, Kind[]][]} */
export const GROUPS = [
  ["Language models, from plain text", [
    NGRAM,
    network("lstm", "LSTM", "A network that reads word by word and keeps what matters in gated cells."),
    network("gru", "GRU", "Like an LSTM with fewer gates: a little faster, about as good."),
    network("rnn", "Plain RNN", "The network without gates: forgets soon, and shows why gates were invented."),
    network("feedforward", "Feed-forward network", "Sees a window of a few words, and nothing before."),
  ]],
  ["Both sides of a blank, from plain text", [
    encoder("fill_in", "Fill-in model", "Reads a sentence from both sides and fills the blank in it.", PLAIN, "pasted.txt"),
  ]],
  ["Labels, from labelled texts", [
    encoder("classifier", "Classifier", "A network that reads a text and gives it a label.", LABELLED, "pasted.csv"),
    baseline("naive_bayes", "Naive Bayes", "Labels a text by the words in it, by counting.", LABELLED, "pasted.csv"),
    baseline("logistic_regression", "Logistic regression", "Labels a text by weighing the words in it.", LABELLED, "pasted.csv"),
  ]],
  ["Tags, from tagged sentences", [
    encoder("tagger", "Tagger", "A network that gives each word of a sentence a tag.", TAGGED, "pasted.conll"),
    baseline("hmm_tagger", "Hidden Markov tagger", "Tags words by counting which tags follow which.", TAGGED, "pasted.conll"),
  ]],
  ["Answers, from stories with questions", [
    encoder("reader", "Reader", "A network that reads a story and answers questions about it.", ASKED, "pasted.json"),
    baseline("nearest_sentence", "Nearest sentence", "Answers with the sentence most like the question.", ASKED, "pasted.json"),
  ]],
];

/** Fields of a body that are no settings. */
export const FIXED = ["name", "kind", "training_file"];
const KINDS = GROUPS.flatMap(([, kinds]) => kinds);

/** The kind of a name; undefined for a job that trains nothing. @param {string | null} name */
export const kindOf = (name) => KINDS.find((kind) => kind.name === name);

/** Name of a model that its maker did not think of yet. @param {Kind} kind */
export const usualName = (kind) => `my-${kind.name.replaceAll("_", "-")}`;

/** Body of `POST v1/jobs`, with the tables that the places of values name. @param {Kind} kind @param {string} name @param {string} file @param {Values} values */
export function jobBody(kind, name, file, values) {
  /** @type {Record<string, any>} */
  const body = { name, kind: kind.name, training_file: file };
  for (const [place, value] of Object.entries(values)) {
    const [table, key] = place.split(".");
    body[table] = key ? { ...body[table], [key]: value } : value;
  }
  return body;
}

/** Values of a body by place. @param {Record<string, any>} body @returns {Values} */
export function valuesOf(body) {
  const entries = Object.entries(body).filter(([place]) => !FIXED.includes(place));
  return Object.fromEntries(entries.flatMap(([place, value]) =>
    value && typeof value === "object" && !Array.isArray(value) ? Object.entries(value).map(([key, each]) => [`${place}.${key}`, each]) : [[place, value]]));
}
