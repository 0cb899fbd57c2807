/**
 * Choosing a file to train on: one that was uploaded before, one that is dropped or picked, or a pasted text.
 * @module
 */

import { getJson, upload } from "../../core/api.js";
import { h, replace } from "../../core/dom.js";
import { bytes } from "../../core/format.js";
import { field } from "../field.js";
import { notice } from "../notice.js";

/** @typedef {{id: string, filename: string, bytes: number, purpose: string, content_bytes: number}} StoredFile */

/** Encodings of a file, as the server names them. @type {[string, string][]} */
const ENCODINGS = [["", "UTF-8 (usual)"], ["latin-1", "Latin-1"], ["cp1252", "Windows-1252"], ["utf-16-le", "UTF-16-LE"], ["utf-16-be", "UTF-16-BE"]];

/**
 * @param {object} options
 * @param {string | null} options.value id of the file that is chosen at first
 * @param {() => string} options.pastedName name of the file that a pasted text becomes
 * @param {() => void} options.onChange
 * @param {AbortSignal} options.signal
 */
export async function fileChooser({ value, pastedName, onChange, signal }) {
  /** @type {StoredFile[]} */
  let files = (await getJson("v1/files?limit=100", { signal })).data;
  const select = h("select", { onchange: onChange });
  const picker = h("input", { type: "file", onchange: () => picker.files?.[0] && send(picker.files[0]) });
  const encoding = h("select", {}, ENCODINGS.map(([name, text]) => h("option", { value: name }, text)));
  const pasted = h("textarea", { spellcheck: "false" });
  const use = h("button", { type: "button", onclick: () => send(new File([pasted.value], pastedName()), "") }, "Use this text");
  const reads = h("p", { class: "help" });
  const progress = h("div", { class: "upload", hidden: true });
  const element = h(
    "div",
    { class: "file-chooser" },
    field("File", select),
    reads,
    h("div", { class: "row" }, field("Upload one", picker), field("Its encoding", encoding)),
    h("p", { class: "help" }, "Pick a file, or drop it anywhere on this box. It may be compressed (gzip, bzip2, xz, zstd)."),
    h("details", {}, h("summary", {}, "Paste a text instead"), field("Text", pasted), h("p", { class: "actions" }, use)),
    progress,
  );
  const message = notice(element);

  /** @param {string | null} chosen */
  function list(chosen) {
    const unknown = chosen && !files.some((file) => file.id === chosen) ? [h("option", { value: chosen }, chosen)] : [];
    replace(select, h("option", { value: "" }, "Choose a file"), unknown, files.map(option));
    select.value = chosen ?? "";
  }

  /** @param {File} file @param {string} [written] its encoding */
  async function send(file, written = encoding.value) {
    if (!file.size) return message.show("That is empty: there is nothing to train on.");
    const stop = new AbortController();
    const bar = h("progress", { max: 1, "aria-label": `Upload of ${file.name}` });
    const share = h("span", {}, "0 %");
    const cancel = h("button", { type: "button", onclick: () => stop.abort() }, "Stop the upload");
    replace(progress, h("p", {}, `${file.name}, ${bytes(file.size)}: `, share), bar, h("p", { class: "actions" }, cancel));
    progress.hidden = false;
    message.clear();
    try {
      const onProgress = (/** @type {number} */ part) => {
        bar.value = part;
        replace(share, part < 1 ? `${Math.floor(100 * part)} %` : "100 %, being checked");
      };
      const stored = await upload(`v1/files${written && `?encoding=${written}`}`, file, { signal: AbortSignal.any([signal, stop.signal]), onProgress });
      files = [stored, ...files.filter((known) => known.id !== stored.id)];
      list(stored.id);
      message.show(`${stored.filename} is uploaded and chosen.`);
      onChange();
    } catch (error) {
      if (stop.signal.aborted) message.show("The upload was stopped; nothing of it is kept.");
      else message.show(error, () => send(file));
    } finally {
      progress.hidden = true;
      picker.value = "";
    }
  }

  list(value);
  return {
    element,
    select,
    value: () => select.value,
    choose: list,
    /** Say what the file must hold. @param {string} text */
    explain: (text) => replace(reads, text),
    /** Take files that are dropped on an element. @param {HTMLElement} target */
    takeDrops(target) {
      target.addEventListener("dragover", (event) => (event.preventDefault(), target.classList.add("dropping")));
      target.addEventListener("dragleave", () => target.classList.remove("dropping"));
      target.addEventListener("drop", (event) => {
        event.preventDefault();
        target.classList.remove("dropping");
        const file = event.dataTransfer?.files[0];
        if (file) send(file);
      });
    },
  };
}

/** @param {StoredFile} file */
function option(file) {
  const kind = file.purpose === "sample" ? " (the sample)" : "";
  return h("option", { value: file.id }, `${file.filename}, ${bytes(file.content_bytes)}${kind}`);
}
