/**
 * One job: how far it is, its curves, what happened to it, and the model that it made.
 * @module
 */

import { link } from "../core/address.js";
import { getJson, postJson } from "../core/api.js";
import { h, replace } from "../core/dom.js";
import { bytes, duration, number } from "../core/format.js";
import { ABILITIES } from "../parts/abilities.js";
import { curlBlock } from "../parts/curl_block.js";
import { notice } from "../parts/notice.js";
import { curves } from "../parts/training/curves.js";
import { figureName, figureText, inWords } from "../parts/training/figure_names.js";
import { STATES, followJob, isOver, reasonOf, sentence, sentenceOf } from "../parts/training/job_events.js";
import { kindOf, valuesOf } from "../parts/training/kinds.js";
import { asText } from "../parts/training/settings.js";

/** @typedef {import("../parts/training/job_events.js").Job} Job */
/** @typedef {import("../parts/training/job_events.js").JobEvent} JobEvent */
/** @typedef {import("../parts/training/job_events.js").Progress} Progress */

/** Seconds in which a published model is loaded, as a rule in one. */
const LOADING = 30;
/** Figures of a text, and their names. @type {Record<string, string>} */
const TELLING = {
  perplexity: "Perplexity", perplexity_without_oov: "Perplexity without unknown words", bits_per_character: "Bits a character",
  token_count: "Tokens", oov_count: "Unknown words",
};

/**
 * @param {HTMLElement} root
 * @param {string} id
 * @param {boolean} open whether the model opens when it is published
 * @param {AbortSignal} signal
 */
export async function mountJob(root, id, open, signal) {
  const path = `v1/jobs/${encodeURIComponent(id)}`;
  /** @type {Job} */
  let job = await getJson(path, { signal });
  let asking = false;
  const state = h("p", { class: "job-state", role: "status" });
  const bar = h("progress", { max: 1, "aria-label": "Progress" });
  const details = h("p", { class: "job-progress" });
  const waiting = h("p", { class: "muted" });
  const figures = h("dl", { class: "job-figures" });
  const opens = h("input", { type: "checkbox", checked: open });
  const opener = h("label", {}, opens, " Open the model when it is published");
  const cancel = h("button", { type: "button", onclick: () => askToCancel() }, "Cancel this job");
  const actions = h("p", { class: "actions" });
  const card = h("section", { class: "card", "aria-labelledby": "job-title" },
    h("h2", { id: "job-title" }, job.model ?? job.kind), state, bar, details, waiting, figures);
  const message = notice(card);
  card.append(actions);
  const drawn = curves(id);
  const history = h("ol", { class: "job-events" });
  const curl = curlBlock();
  curl.show("GET", `${path}/events`);
  root.append(h("p", {}, h("a", { href: link("jobs") }, "All jobs")), card, drawn.element,
    h("section", { class: "card", "aria-labelledby": "job-history" }, h("h2", { id: "job-history" }, "What happened"), history), asked(job), curl.element);

  show();
  await drawn.update(signal);
  if (isOver(job.status)) return listEvents();
  follow();

  /** The view is there; what happens to the job comes in its own time. */
  function follow() {
    message.clear();
    const onConnected = () => message.show("The connection is back; nothing was missed.");
    followJob(id, { signal, onEvent, onCut, onConnected }).catch((error) => message.show(error, follow));
  }

  async function listEvents() {
    for (const event of (await getJson(`${path}/events`, { signal })).data) addEvent(event.event, { ...event.data, created_at: event.created_at });
  }

  /** @param {JobEvent} event */
  async function onEvent({ event, data }) {
    if (event === "progress") {
      job = { ...job, progress: data, status: job.status === "queued" ? "running" : job.status };
      showProgress();
      if (!data.processor_share) replace(waiting);
      return drawn.update(signal, data.phase === "training" ? data.step : Infinity);
    }
    if (event === "waiting") return replace(waiting, sentence(data.message));
    if (event === "started") drawn.restart();
    job = await getJson(path, { signal }); // an event that could not be shown for want of an answer comes again
    if (isOver(event)) await drawn.update(signal);
    addEvent(event, data);
    show();
    if (event === "succeeded" && opens.checked) openModel();
  }

  /** @param {number} seconds @param {Error} error */
  function onCut(seconds, error) {
    message.show(`${error.message} What is shown may be old; the job itself goes on. Trying again in ${duration(seconds)}.`);
  }

  function show() {
    replace(state, stateTags(job));
    const over = isOver(job.status);
    replace(waiting, over ? "" : job.waiting ? sentence(job.waiting) : "");
    if (job.error) replace(waiting, h("strong", {}, reasonOf(job.error)), ` ${sentence(job.error.message)}`);
    if (over || !asking) replace(actions, !over && cancel, !over && job.request.name && opener, over && job.status === "succeeded" && modelLink(),
      kindOf(job.kind) && h("a", { class: "button", href: sameAgain(job) }, "Train again with changes"));
    showProgress();
  }

  function showProgress() {
    const { progress, status } = job;
    const over = isOver(status);
    bar.hidden = over && status !== "succeeded";
    if (status === "queued" || (!progress?.steps && !over)) bar.removeAttribute("value");
    else bar.value = progress?.fraction ?? 0;
    replace(details, over || !progress ? times(job) : progressText(progress));
    const named = over ? resultFigures(job) : Object.entries(progress?.metrics ?? {});
    replace(figures, named.map(([name, value]) => h("div", {}, h("dt", {}, figureName(name)), h("dd", {}, figureText(name, value)))));
  }

  function modelLink() {
    return job.result?.model && h("button", { type: "button", class: "primary", onclick: openModel }, `Open ${job.result.model}`);
  }

  /** Wait until the server has loaded the model, and show the view of what it can do first. */
  function openModel() {
    whenLoaded().catch((error) => message.show(error, openModel));
  }

  async function whenLoaded() {
    const name = job.result?.model;
    for (let second = 0; second < LOADING; second++) {
      /** @type {import("../core/types.js").ModelList} */
      const list = await getJson("v1/models", { signal });
      const model = list.data.find((each) => each.id === name);
      const ability = model && Object.keys(ABILITIES).find((each) => model.capabilities.includes(each));
      if (model) {
        location.hash = ability ? link(ABILITIES[ability].view, { model: name }) : link("home");
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 1000));
      signal.throwIfAborted();
    }
    message.show(`${name} is published, but the server has not loaded it yet.`);
  }

  function askToCancel() {
    asking = true;
    const yes = h("button", { type: "button", onclick: reallyCancel }, "Yes, cancel it");
    const no = h("button", { type: "button", onclick: () => ((asking = false), show(), cancel.focus()) }, "No, go on");
    replace(actions, h("span", {}, "Nothing of it is kept. Cancel it?"), yes, no);
    yes.focus();
  }

  async function reallyCancel() {
    asking = false;
    try {
      job = await postJson(`${path}/cancel`, undefined, { signal });
      show();
    } catch (error) {
      message.show(error, reallyCancel);
    }
  }

  /** @param {string} event @param {Record<string, any>} data */
  function addEvent(event, data) {
    history.append(h("li", {}, when(data.created_at ?? Date.now() / 1000), " ", sentenceOf(event, data)));
  }
}

/** The request, and the files of the job, folded. @param {Job} job */
function asked(job) {
  const estimate = `Estimated before it began: at most ${duration(job.estimate.seconds)}, ${bytes(job.estimate.memory_bytes)} of memory, ${number(job.estimate.parameters)} numbers.`;
  return h("details", { class: "curl" }, h("summary", {}, "What was asked for"), h("p", {}, estimate),
    h("pre", { tabindex: "0", role: "region", "aria-label": "Request" }, h("code", {}, JSON.stringify(job.request, null, 2))));
}

/** The view Train, filled in as this job was. @param {Job} job */
function sameAgain({ request }) {
  const values = Object.entries(valuesOf(request)).map(([place, value]) => [place, typeof value === "string" ? asText(value) : JSON.stringify(value)]);
  return link("train", { kind: request.kind, file: [request.training_file].flat()[0], name: request.name, ...Object.fromEntries(values) });
}

/** @param {Progress} progress */
function progressText({ phase, step, steps, epoch, tokens_per_second, seconds_left }) {
  const parts = [steps ? `${inWords(phase)}: step ${number(step)} of ${number(steps)}` : step ? `${inWords(phase)}: ${number(step)}` : inWords(phase)];
  if (epoch) parts.push(`pass ${number(Math.ceil(epoch))}`);
  if (tokens_per_second) parts.push(`${number(Math.round(tokens_per_second))} tokens a second`);
  if (seconds_left !== null) parts.push(`about ${duration(seconds_left)} left in this phase`);
  return `${parts.join(", ")}.`;
}

/** @param {Job} job */
function times(job) {
  if (job.started_at === null || job.finished_at === null) return "";
  return `It took ${duration(job.finished_at - job.started_at)}.`;
}

/** What was measured: of a language model's text the most telling figures. @param {Job} job @returns {[string, number][]} */
function resultFigures({ result }) {
  const { lines, document, ...others } = result?.metrics?.validation ?? result ?? {};
  const units = Object.entries({ "line by line": lines, "as one text": document }).flatMap(([unit, figures]) =>
    Object.entries(TELLING).flatMap(([name, title]) => (figures ? [[`${title}, ${unit}`, figures[name]]] : [])));
  return /** @type {[string, number][]} */ ([...units, ...Object.entries(others)].filter(([, value]) => typeof value === "number"));
}

/** Labels: the state in words, and whether it was resumed. @param {Job} job */
export function stateTags(job) {
  const { text, look } = STATES[job.status] ?? { text: job.status, look: "" };
  return [h("span", { class: `tag ${look}` }, text), " ", job.attempt > 1 && h("span", { class: "tag warn" }, `resumed, attempt ${job.attempt}`)];
}

/** @param {number} seconds since 1970 */
export function when(seconds) {
  const date = new Date(1000 * seconds);
  return h("time", { datetime: date.toISOString() }, date.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" }));
}
