/**
 * The page's frame: navigation, and the view that the address names.
 * @module
 */

import { current, link } from "./core/address.js";
import { onKeyWanted, unreachable } from "./core/api.js";
import { h, replace } from "./core/dom.js";
import { askForKey } from "./parts/key_dialog.js";
import { notice } from "./parts/notice.js";

/** @typedef {import("./core/types.js").View} View */

/** Views of the navigation, by group: name in the address, and title. */
const GROUPS = [
  ["Start", [["home", "Models"]]],
  ["Language models", [["next", "Next word"], ["reading", "Reading"], ["writing", "Writing"]]],
  ["Whole texts", [["fill", "Fill"], ["classify", "Classify"], ["tag", "Tag"], ["answer", "Answer"]]],
  ["Your own", [["train", "Train"], ["jobs", "Jobs"]]],
  ["Learn", [["course", "Course"]]],
];
const NAMES = new Set(GROUPS.flatMap(([, views]) => /** @type {string[][]} */ (views).map(([name]) => name)));

const main = /** @type {HTMLElement} */ (document.getElementById("content"));
const nav = /** @type {HTMLElement} */ (document.getElementById("views"));
const menu = /** @type {HTMLElement} */ (document.getElementById("menu"));
let controller = new AbortController();

/**
 * Show the view that the address names.
 * @param {boolean} moved whether the person came here from another view, so that the focus goes along
 */
async function show(moved) {
  controller.abort();
  const { signal } = (controller = new AbortController());
  const { view, parameters } = current();
  markCurrent(view);
  openMenu(false);
  const heading = h("h1", { tabindex: "-1" });
  const root = h("section", { class: `view ${view}` });
  const place = notice(h("div"));
  try {
    const module = await load(view);
    if (signal.aborted) return;
    document.title = `${module.title} · Nextword`;
    replace(heading, module.title);
    replace(main, heading, module.lead && h("p", { class: "lead" }, module.lead), place.element, root);
    if (moved) heading.focus();
    await Promise.resolve(module.mount(root, parameters, signal)).finally(place.wait());
    place.clear();
  } catch (error) {
    if (signal.aborted) return;
    if (!heading.isConnected) replace(main, heading, place.element);
    place.show(error, () => show(false));
  }
}

/**
 * @param {string} name
 * @returns {Promise<View>}
 */
async function load(name) {
  if (!NAMES.has(name)) return { title: "No such view", mount: (root) => root.append(h("a", { href: link("home") }, "See the models")) };
  return import(`./views/${name}.js`).catch((error) => {
    // Browsers word it differently; a mistake within the module says nothing of modules.
    throw /\bmodule\b/i.test(error.message) ? unreachable() : error;
  });
}

/** @param {string} view */
function markCurrent(view) {
  for (const anchor of nav.querySelectorAll("a")) {
    if (anchor.dataset.view === view) anchor.setAttribute("aria-current", "page");
    else anchor.removeAttribute("aria-current");
  }
}

/** @param {boolean} open */
function openMenu(open) {
  nav.classList.toggle("open", open);
  menu.setAttribute("aria-expanded", String(open));
}

for (const [group, views] of GROUPS) {
  const id = `group-${String(group).toLowerCase().replaceAll(" ", "-")}`;
  nav.append(h("p", { id, class: "group" }, String(group)), h("ul", { "aria-labelledby": id },
    /** @type {string[][]} */ (views).map(([name, title]) => h("li", {}, h("a", { href: link(name), "data-view": name }, title)))));
}
nav.append(h("ul", { class: "more" },
  h("li", {}, h("a", { href: "docs" }, "API reference")),
  h("li", {}, h("button", { type: "button", class: "quiet", onclick: () => askForKey("") }, "API key"))));
menu.addEventListener("click", () => openMenu(menu.getAttribute("aria-expanded") !== "true"));
document.addEventListener("keydown", (event) => event.key === "Escape" && openMenu(false));
document.querySelector(".skip")?.addEventListener("click", (event) => {
  event.preventDefault(); // the address names the view
  main.focus();
});
window.addEventListener("hashchange", () => show(true));
onKeyWanted(askForKey);
show(false);
