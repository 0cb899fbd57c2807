/**
 * What courses say of language models: claims as pictures, with verdicts measured here or shipped.
 * @module
 */

import { remember } from "../core/address.js";
import { getJson } from "../core/api.js";
import { h, replace, scrolling } from "../core/dom.js";
import { capital, duration, number } from "../core/format.js";
import { curlBlock } from "../parts/curl_block.js";
import { field } from "../parts/field.js";
import { inWords, intervalPicture } from "../parts/interval_picture.js";
import { lineChart } from "../parts/line_chart.js";

export const title = "Course";
export const lead = "Courses make claims about language models. Each was tried several times on small networks; the picture shows what was measured, and the verdict what that decides.";

/** Class and sign of each verdict. @type {Record<string, [string, string]>} */
const VERDICTS = { holds: ["good", "✓"], "does not hold": ["bad", "✗"], "not decided": ["warn", "?"] };

/** @typedef {{text: string, verdict: string}} Verdict */
/** @typedef {Verdict & import("../parts/interval_picture.js").Figures & {measured: string, spread: number | null}} Claim */
/** @typedef {{created_at: number, seconds: number, command: string, text: string, processor: string, cores: number, threads: number, system: string, torch: string, version: string}} Run */
/** @typedef {{id: string, source: "local" | "shipped", claims: Verdict[], created_at: number}} Summary */
/**
 * @typedef {object} Finding
 * @property {string} id
 * @property {"local" | "shipped"} source
 * @property {Claim[]} claims
 * @property {string} note
 * @property {Run} run
 * @property {Record<string, string | number | boolean | null>[]} rows
 * @property {{label: string, x: number[], y: (number | null)[]}[]} curves
 * @property {[string, string]} axes
 * @property {boolean} logarithmic
 * @property {string[]} ticks
 */

/**
 * @param {HTMLElement} root
 * @param {URLSearchParams} parameters
 * @param {AbortSignal} signal
 */
export async function mount(root, parameters, signal) {
  /** @type {{data: Summary[], problems: {id: string, message: string}[]}} */
  const list = await getJson("v1/findings", { signal });
  const first = list.data.filter((finding, i) => list.data.findIndex(({ id }) => id === finding.id) === i);
  const findings = await Promise.all(first.map(({ id, source }) =>
    /** @type {Promise<Finding>} */ (getJson(`v1/findings/${encodeURIComponent(id)}?source=${source}`, { signal }))));
  const open = new Set(parameters.getAll("open"));
  const cards = findings.map((finding) => card(finding, list.data.find(({ id, source }) =>
    id === finding.id && source === "shipped" && finding.source === "local"), open, () => keep()));
  const choice = h("select", { onchange: () => keep(), value: parameters.get("verdict") ?? "" },
    h("option", { value: "" }, "all"), Object.keys(VERDICTS).map((verdict) => h("option", { value: verdict }, verdict)));
  const keep = () => {
    remember(new URLSearchParams([...(choice.value ? [["verdict", choice.value]] : []), ...[...open].map((id) => ["open", id])]));
    for (const one of cards) one.show(choice.value);
  };
  const curl = curlBlock();
  curl.show("GET", "v1/findings");
  root.append(overview(findings, choice), ...list.problems.map(({ message }) => h("p", { class: "notice" }, message)),
    ...cards.map(({ element }) => element), h("p", { class: "help" }, "Charts of the trainings and their tables are within each card."), curl.element);
  keep();
}

/**
 * @param {Finding[]} findings
 * @param {HTMLSelectElement} choice
 */
function overview(findings, choice) {
  const claims = findings.flatMap((finding) => finding.claims);
  const counts = Object.keys(VERDICTS).map((verdict) =>
    h("li", {}, verdictTag(verdict), ` ${number(claims.filter((claim) => claim.verdict === verdict).length)}`));
  const own = findings.filter(({ source }) => source === "local").length;
  return h("section", { class: "card", "aria-label": "All claims" },
    h("h2", {}, `${number(claims.length)} claims`), h("ul", { class: "tags" }, counts),
    h("p", {}, own ? `${own} of ${findings.length} experiments were made on this machine, the others before the program was shipped.`
      : "All experiments were made before the program was shipped, on a machine that each card names. Run a card’s command with --record in the folder of the service, and this page shows what your machine finds."),
    h("p", { class: "help" }, "In a picture, each dot is a training from another seed, and the bar the 95 % interval of their mean. A claim holds where the whole bar lies in the shaded region, does not hold where it lies outside, and is not decided where it crosses the border."),
    field("Verdicts shown", choice));
}

/** @param {string} verdict */
function verdictTag(verdict) {
  const [kind, sign] = VERDICTS[verdict];
  return h("span", { class: `tag ${kind}` }, `${sign} ${verdict}`);
}

/**
 * @param {Finding} finding
 * @param {Summary | undefined} shipped the same experiment as it was shipped, where this one was made here
 * @param {Set<string>} open ids of those whose charts are unfolded
 * @param {() => void} keep
 */
function card(finding, shipped, open, keep) {
  const claims = finding.claims.map((claim) => ({ verdict: claim.verdict,
    element: claimItem(claim, shipped?.claims.find(({ text }) => text === claim.text)) }));
  const inside = h("div", { class: "texts" });
  const details = h("details", { open: open.has(finding.id), ontoggle: () => {
    if (details.open) open.add(finding.id);
    else open.delete(finding.id);
    if (details.open && !inside.firstChild) replace(inside, chart(finding), table(finding));
    keep();
  } }, h("summary", {}, "Chart and table"), inside);
  const element = h("section", { class: "card", id: finding.id, "aria-labelledby": `${finding.id}-title` },
    h("h2", { id: `${finding.id}-title` }, capital(finding.id.replaceAll("-", " "))), origin(finding),
    finding.note && h("p", {}, capital(finding.note), "."), h("ul", { class: "claims" }, claims.map((claim) => claim.element)),
    details, h("p", { class: "help" }, "To try it again:"),
    h("pre", { class: "code", tabindex: "0", role: "region", "aria-label": `Command of ${finding.id}` }, h("code", {}, `${finding.run.command} --record`)));
  return {
    element,
    /** @param {string} verdict empty for all */
    show(verdict) {
      for (const claim of claims) claim.element.hidden = Boolean(verdict) && claim.verdict !== verdict;
      element.hidden = Boolean(verdict) && claims.every((claim) => claim.element.hidden);
    },
  };
}

/** @param {Finding} finding */
function origin({ source, run }) {
  const day = new Date(1000 * run.created_at).toISOString().slice(0, 10);
  const machine = `${run.processor}, ${run.threads} of ${run.cores} cores, ${run.system}, PyTorch ${run.torch}`;
  return h("p", { class: "muted" }, h("span", { class: "tag" }, source === "local" ? "measured on this machine" : "shipped"),
    ` ${day}, in ${duration(run.seconds)}, on ${run.text}; ${machine}`);
}

/**
 * @param {Claim} claim
 * @param {Verdict | undefined} shipped
 */
function claimItem(claim, shipped) {
  const figures = inWords(claim.values, claim.mean, claim.interval, claim.accepted);
  return h("li", {}, h("div", {}, verdictTag(claim.verdict), " ", h("strong", {}, capital(claim.text)),
    shipped && h("span", { class: "muted" }, ` (shipped: ${shipped.verdict})`),
    h("p", { class: "help" }, `${capital(claim.measured)}: ${figures}.`)), intervalPicture(claim));
}

/** @param {Finding} finding */
function chart({ curves, axes, logarithmic, ticks }) {
  const series = curves.map(({ label, x, y }) => ({ name: label,
    points: x.map((at, i) => /** @type {[number, number]} */ ([at, y[i] ?? NaN])) }));
  return lineChart({ label: `${capital(axes[1])}, by ${axes[0]}`, xLabel: axes[0], yLabel: axes[1], series, log: logarithmic, logFirst: logarithmic,
    ...(ticks.length ? { xText: (/** @type {number} */ x) => ticks[x] ?? number(x) } : {}) }).element;
}

/** @param {Finding} finding */
function table({ id, rows }) {
  const names = Object.keys(rows[0] ?? {}).filter((name) => !name.endsWith("_spread"));
  const shown = (/** @type {Finding["rows"][0]} */ row, /** @type {string} */ name) => {
    const [value, spread] = [row[name], row[`${name}_spread`]];
    return (typeof value === "number" ? number(value) : String(value ?? "–")) + (typeof spread === "number" && spread ? ` ± ${number(spread)}` : "");
  };
  return scrolling(`Figures of ${id}`, h("table", {},
    h("caption", {}, "Figures, with the standard deviation over seeds"),
    h("thead", {}, h("tr", {}, names.map((name) => h("th", { scope: "col" }, name.replaceAll("_", " "))))),
    h("tbody", {}, rows.map((row) => h("tr", {}, names.map((name, i) =>
      i ? h("td", {}, shown(row, name)) : h("th", { scope: "row" }, shown(row, name))))))));
}
