/**
 * Elements of the page, made from plain values: a text is always a text node, never HTML.
 * @module
 */

/**
 * Whatever may stand within an element; what is null or false is left out.
 * @typedef {Node | string | number | null | undefined | false} Child
 */

/**
 * Attributes by name, listeners as `onclick` and so on, `style` as an object of CSS properties.
 * @typedef {Record<string, any>} Properties
 */

const LIVE = new Set(["value", "checked", "selected", "disabled", "open", "indeterminate"]);

/**
 * Make an HTML element.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Properties} [properties]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, properties = {}, ...children) {
  return fill(document.createElement(tag), properties, children);
}

/**
 * Make an SVG element.
 * @template {keyof SVGElementTagNameMap} T
 * @param {T} tag
 * @param {Properties} [properties]
 * @param {...(Child | Child[])} children
 * @returns {SVGElementTagNameMap[T]}
 */
export function svg(tag, properties = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), properties, children);
}

/**
 * Let a table that is wider than its place be scrolled sideways.
 * @param {string} label
 * @param {HTMLElement} table
 */
export function scrolling(label, table) {
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, table);
}

/**
 * Put other children in the place of an element's present ones. What stays is not touched: it keeps the focus, and a
 * click that has begun on it.
 * @param {Element} node
 * @param {...(Child | Child[])} children
 */
export function replace(node, ...children) {
  const wanted = present(children);
  const staying = new Set(wanted.filter((child) => child instanceof Node && child.parentNode === node));
  if (!staying.size) return node.replaceChildren(...wanted);
  for (const child of [...node.childNodes]) if (!staying.has(child)) child.remove();
  wanted.forEach((child, place) => {
    const there = node.childNodes[place] ?? null;
    if (there !== child) node.insertBefore(child instanceof Node ? child : new Text(String(child)), there);
  });
}

/**
 * @template {HTMLElement | SVGElement} E
 * @param {E} element
 * @param {Properties} properties
 * @param {(Child | Child[])[]} children
 * @returns {E}
 */
function fill(element, properties, children) {
  element.append(...present(children)); // first: a <select> takes its value from its options
  for (const [name, value] of Object.entries(properties)) setProperty(element, name, value);
  return element;
}

/**
 * @param {HTMLElement | SVGElement} element
 * @param {string} name
 * @param {any} value
 */
function setProperty(element, name, value) {
  if (name.startsWith("on")) {
    if (value) element.addEventListener(name.slice(2), value);
  } else if (name === "style") {
    for (const [key, css] of Object.entries(value)) element.style.setProperty(key, String(css));
  } else if (LIVE.has(name) && element instanceof HTMLElement) {
    // An address may ask for what is no option: the first is chosen then, not none.
    const isMissing = element instanceof HTMLSelectElement && name === "value" && ![...element.options].some((option) => option.value === String(value));
    if (!isMissing) Object.assign(element, { [name]: value });
  } else if (value !== null && value !== undefined && value !== false) {
    element.setAttribute(name, value === true ? "" : String(value));
  }
}

/**
 * @param {(Child | Child[])[]} children
 * @returns {(Node | string)[]}
 */
function present(children) {
  const nodes = [];
  for (const child of children.flat()) {
    if (child instanceof Node) nodes.push(child);
    else if (child !== null && child !== undefined && child !== false) nodes.push(String(child));
  }
  return nodes;
}
