/**
 * A story and a question, with the span of the answer.
 * @module
 */

import { h } from "../core/dom.js";
import { bars } from "../parts/bars.js";
import { mark, markedText } from "../parts/marked_text.js";
import { taskView } from "../parts/task_view.js";

export const title = "Answer";
export const lead = "A reader takes a story and a question, and points at the words of the story that answer it.";

/** Answers asked for. */
const ANSWERS = 5;
const STORY = "Mary moved to the bathroom.\nJohn went to the hallway.\nDaniel went back to the hallway.\nSandra moved to the garden.";
const EXAMPLES = [
  { title: "Where is somebody?", values: { context: STORY, question: "Where is Sandra?" } },
  { title: "Somebody who moved twice", values: {
    context: `${STORY}\nJohn travelled to the office.`, question: "Where is John?" } },
  { title: "Two facts together", values: {
    context: "Sandra travelled to the kitchen.\nSandra picked up the milk.\nSandra went to the office.", question: "Where is the milk?" } },
  { title: "What the story does not say", values: { context: STORY, question: "Where is Bill?" } },
];

/**
 * @typedef {object} Result
 * @property {string | null} answer
 * @property {{text: string, begin: number | null, end: number | null, probability: number}[]} answers
 * @property {number | null} no_answer
 */

/**
 * @param {HTMLElement} root
 * @param {URLSearchParams} parameters
 * @param {AbortSignal} signal
 */
export function mount(root, parameters, signal) {
  return taskView(root, parameters, signal, {
    capability: "answer",
    fields: [{ name: "context", label: "Story" }, { name: "question", label: "Question", line: true }],
    examples: EXAMPLES,
    body: ({ context, question }) => ({ context, question, top_k: ANSWERS }),
    render,
  });
}

/**
 * @param {Result} result
 * @param {{[name: string]: string}} values
 */
function render(result, { context }) {
  const best = result.answer === null ? null : result.answers[0];
  const spans = best && best.begin !== null && best.end !== null ? [{ begin: best.begin, end: best.end }] : [];
  const rows = result.answers.map(({ text, begin, probability }) =>
    ({ label: text, value: probability, mark: text === result.answer, note: begin === null ? "not in the story" : "" }));
  if (result.no_answer !== null) {
    rows.push({ label: "No answer", value: result.no_answer, mark: result.answer === null, note: "the story does not say" });
  }
  return [
    h("p", { class: "answer-text" }, best ? ["Answer: ", h("strong", {}, best.text)] : h("strong", {}, "No answer in the story.")),
    markedText(context, spans, (_, words) => mark("span", words, "answer")),
    h("p", { class: "help" }, explanation(result, spans.length > 0)),
    bars(rows.sort((a, b) => b.value - a.value), { label: "Answers", heading: "Answer", max: 1 }).element,
  ];
}

/**
 * @param {Result} result
 * @param {boolean} isMarked
 */
function explanation(result, isMarked) {
  const always = result.no_answer === null ? " This reader always answers: it was trained on questions that have one." : "";
  if (result.answer === null) return "The reader finds it more probable that the story does not answer the question.";
  return (isMarked ? "The words are underlined in the story." : "The answer stands nowhere in the story: it is one of the words that the reader learned.") + always;
}
