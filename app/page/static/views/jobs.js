/**
 * All jobs: their state in words, what they wait for, why they failed; one of them with its curves.
 * @module
 */

import { link } from "../core/address.js";
import { getJson } from "../core/api.js";
import { h, replace } from "../core/dom.js";
import { duration, number } from "../core/format.js";
import { curlBlock } from "../parts/curl_block.js";
import { field } from "../parts/field.js";
import { notice } from "../parts/notice.js";
import { STATES, isOver, reasonOf, sentence } from "../parts/training/job_events.js";
import { figureText, inWords } from "../parts/training/figure_names.js";
import { kindOf } from "../parts/training/kinds.js";
import { mountJob, stateTags, when } from "./job.js";

/** @typedef {import("../parts/training/job_events.js").Job} Job */

export const title = "Jobs";

/** Seconds between two looks while a job of the page is not over. */
const REFRESH = 3;
const PAGE = 20;

/**
 * @param {HTMLElement} root
 * @param {URLSearchParams} parameters
 * @param {AbortSignal} signal
 */
export async function mount(root, parameters, signal) {
  const job = parameters.get("job");
  if (job) return mountJob(root, job, parameters.get("open") === "1", signal);
  const [status, after] = [parameters.get("status") ?? "", parameters.get("after") ?? ""];
  const query = new URLSearchParams({ limit: String(PAGE), ...(status && { status }), ...(after && { after }) });
  const select = h("select", { onchange: () => (location.hash = link("jobs", { status: select.value })) },
    h("option", { value: "" }, "any state"), Object.entries(STATES).map(([name, { text }]) => h("option", { value: name }, text)));
  select.value = status;
  const rows = h("ul", { class: "job-list" });
  const pager = h("nav", { class: "pager", "aria-label": "Pages of jobs" });
  const curl = curlBlock();
  curl.show("GET", `v1/jobs?${query}`);
  root.append(h("div", { class: "row" }, field("State", select), h("p", {}, h("a", { class: "button primary", href: link("train") }, "Train a model"))), rows, pager, curl.element);
  const message = notice(root);

  /** @returns {Promise<boolean>} whether a job of the page is not over */
  async function show() {
    /** @type {{data: Job[], has_more: boolean}} */
    const list = await getJson(`v1/jobs?${query}`, { signal });
    const focused = document.activeElement?.getAttribute("href");
    replace(rows, list.data.map(item));
    if (!list.data.length) replace(rows, h("li", {}, after || status ? "There is no such job." : "Nobody has asked for a job yet."));
    for (const anchor of rows.querySelectorAll("a")) if (anchor.getAttribute("href") === focused) anchor.focus();
    const older = list.has_more && link("jobs", { status, after: list.data[list.data.length - 1].id });
    replace(pager, after && h("a", { href: link("jobs", { status }) }, "Newest jobs"), older && h("a", { href: older }, "Older jobs"));
    return list.data.some((each) => !isOver(each.status));
  }

  /** Look again and again, as long as there is something to see. */
  async function refresh() {
    if (signal.aborted) return;
    let open = true;
    try {
      if (!document.hidden) open = await show();
      message.clear();
    } catch (error) {
      message.show(error);
    }
    if (open) setTimeout(refresh, 1000 * REFRESH);
  }

  if (await show()) setTimeout(refresh, 1000 * REFRESH);
}

/** @param {Job} job */
function item(job) {
  return h("li", { class: "card" },
    h("h2", {}, h("a", { href: link("jobs", { job: job.id }) }, job.model ?? job.id), " ", h("span", { class: "muted" }, kindOf(job.kind)?.label ?? inWords(job.kind))),
    h("p", {}, stateTags(job), " ", standing(job)),
    h("p", { class: "muted" }, "Asked for ", when(job.created_at)));
}

/** What there is to say of a job beside its state. @param {Job} job */
function standing(job) {
  if (job.error) return `${reasonOf(job.error)} ${sentence(job.error.message)}`;
  if (job.waiting) return sentence(job.waiting);
  if (job.status === "queued") return `Number ${number(job.queue_position)} in the queue.`;
  if (job.status === "running" && job.progress) {
    const share = job.progress.steps ? `, ${Math.floor(100 * job.progress.fraction)} % of this phase` : "";
    const left = job.seconds_left === null ? "" : `, about ${duration(job.seconds_left)} left`;
    return sentence(`${job.progress.phase}${share}${left}`);
  }
  const perplexity = job.result?.metrics?.validation?.lines?.perplexity ?? job.result?.perplexity;
  if (typeof perplexity === "number") return `Perplexity ${number(perplexity)} on held-out text.`;
  const right = job.result?.metrics?.validation?.accuracy;
  return typeof right === "number" ? `${figureText("accuracy", right)} right on held-out examples.` : "";
}
