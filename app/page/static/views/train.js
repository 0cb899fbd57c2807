/**
 * A model of one's own: a file, what to train on it, and what that takes, said before it starts.
 * @module
 */

import { link, remember } from "../core/address.js";
import { postJson } from "../core/api.js";
import { h, replace } from "../core/dom.js";
import { bytes, duration, number } from "../core/format.js";
import { curlBlock } from "../parts/curl_block.js";
import { debounced } from "../parts/debounced.js";
import { field } from "../parts/field.js";
import { notice } from "../parts/notice.js";
import { fileChooser } from "../parts/training/file_chooser.js";
import { GROUPS, PLAIN, jobBody, kindOf, usualName } from "../parts/training/kinds.js";
import { parsed, settings } from "../parts/training/settings.js";

export const title = "Train";
export const lead = "Drop a file, choose what to make of it, and watch it learn. The model is yours to try when it is done.";

const SAMPLE = "file-sample";
/** Parameters of the address that are no values of the request. */
const OWN = ["kind", "size", "file", "name"];

/**
 * @param {HTMLElement} root
 * @param {URLSearchParams} parameters
 * @param {AbortSignal} signal
 */
export async function mount(root, parameters, signal) {
  let kind = kindOf(parameters.get("kind")) ?? GROUPS[0][1][0];
  let size = sizeOf(parameters.get("size"));
  /** @type {Record<string, string>} what a person chose, by place, as the address has it */
  let chosen = Object.fromEntries([...parameters].filter(([name]) => !OWN.includes(name)));
  let last = { body: "", key: "" };

  const files = await fileChooser({ value: parameters.get("file") ?? usualFile(), pastedName: () => kind.pasted, onChange: changed, signal });
  const kinds = h("select", { onchange: () => chooseKind(kinds.value) },
    GROUPS.map(([label, group]) => h("optgroup", { label }, group.map((each) => h("option", { value: each.name }, each.label)))));
  const about = h("p", { class: "help" });
  const sizes = h("fieldset", {});
  const name = h("input", { type: "text", maxlength: 64, spellcheck: "false", autocapitalize: "none", oninput: changed });
  const controls = h("div");
  const advanced = h("details", { ontoggle: () => showSettings() }, h("summary", {}, "Advanced settings"), controls);
  const estimate = h("p", { role: "status" });
  const start = h("button", { type: "submit", class: "primary" }, "Start");
  const curl = curlBlock();
  const text = card("What to learn from", files.element);
  const end = card("What it takes", field("Name of the model", name, "Small letters, digits, dots and dashes. Under a name that is taken it becomes a new version."), estimate);
  const message = notice(end);
  end.append(h("p", { class: "actions" }, start));
  root.append(h("form", { novalidate: true, onsubmit: submit }, text, card("What to make", field("Kind of model", kinds), about, sizes, advanced), end), curl.element);
  files.takeDrops(text);
  kinds.value = kind.name;
  name.value = parameters.get("name") ?? usualName(kind);
  const askEstimate = debounced(showEstimate, { wait: 300, signal, onError: (error) => (replace(estimate), message.show(error, changed)) });
  showKind();
  changed();

  /** @param {string | null} wanted */
  function sizeOf(wanted) {
    return wanted && kind.sizes[wanted] ? wanted : Object.keys(kind.sizes)[0];
  }

  function usualFile() {
    return kind.reads === PLAIN ? SAMPLE : "";
  }

  /** @param {string} wanted */
  function chooseKind(wanted) {
    const before = kind;
    kind = kindOf(wanted) ?? kind;
    size = sizeOf(size);
    chosen = {};
    if (name.value === usualName(before)) name.value = usualName(kind);
    if (kind.reads !== before.reads) files.choose(usualFile());
    showKind();
    changed();
  }

  function showKind() {
    replace(about, kind.about);
    files.explain(kind.reads);
    const choices = Object.entries(kind.sizes).map(([each, [words]]) => {
      const choose = () => ((size = each), showSettings(), changed());
      return h("div", {}, h("label", { class: "choice" }, h("input", { type: "radio", name: "size", checked: each === size, onchange: choose }), ` ${each}: ${words}`));
    });
    replace(sizes, h("legend", {}, "Size"), choices);
    showSettings();
  }

  async function showSettings() {
    if (!advanced.open) return;
    try {
      replace(controls, await settings(kind.name, kind.sizes[size][1], chosen, changed, signal));
    } catch (error) {
      message.show(error);
    }
  }

  function body() {
    const values = Object.fromEntries(Object.entries(chosen).map(([place, value]) => [place, parsed(value)]));
    return jobBody(kind, name.value.trim(), files.value(), { ...kind.sizes[size][1], ...values });
  }

  function changed() {
    remember({ kind: kind.name, size, file: files.value(), name: name.value, ...chosen });
    curl.show("POST", "v1/jobs", body());
    message.clear();
    replace(estimate, files.value() ? "Estimating …" : "Choose a file, and what it takes is said here.");
    askEstimate();
  }

  /** @param {AbortSignal} latest */
  async function showEstimate(latest) {
    if (!files.value()) return;
    const { seconds, memory_bytes, parameters: count } = await postJson("v1/jobs/estimate", body(), { signal: latest });
    replace(estimate, h("strong", {}, `At most about ${duration(seconds)}`), ` of work, with ${bytes(memory_bytes)} of memory, for ${number(count)} numbers in the model. `,
      "It is mostly less; while the server answers requests, those go first.");
  }

  /** @param {SubmitEvent} event */
  async function submit(event) {
    event.preventDefault();
    if (!files.value()) {
      message.show("Choose a file to learn from first.");
      return files.select.focus();
    }
    start.disabled = true;
    try {
      // Asked a second time, the same request finds the job of the first, should its answer have been lost.
      const request = body();
      const written = JSON.stringify(request);
      if (last.body !== written) last = { body: written, key: randomKey() };
      const job = await postJson("v1/jobs", request, { signal, headers: { "idempotency-key": last.key } });
      location.hash = link("jobs", { job: job.id, open: 1 });
    } catch (error) {
      message.show(error);
      start.disabled = false;
    }
  }
}

/** @param {string} heading @param {...HTMLElement} parts */
function card(heading, ...parts) {
  return h("section", { class: "card" }, h("h2", {}, heading), parts);
}

/** Sixteen random bytes; `crypto.randomUUID` wants HTTPS. */
function randomKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
