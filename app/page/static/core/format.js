/**
 * Numbers and tokens as people read them.
 * @module
 */

/** @type {Record<string, string>} */
const SPECIAL = { "</s>": "⟨end⟩", "<unk>": "⟨unknown word⟩" };
const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const BYTE_UNITS = ["B", "kB", "MB", "GB", "TB"];

/**
 * Write a probability as a percentage; very small ones as a power of ten.
 * @param {number | null | undefined} p
 * @returns {string}
 */
export function probability(p) {
  if (p === null || p === undefined) return "unknown";
  if (p === 0) return "0 %";
  if (p < 1e-5) return power(p);
  const percent = 100 * p;
  if (percent > 99.95) return p < 1 ? "> 99.9 %" : "100 %";
  const digits = percent >= 10 ? 1 : percent >= 1 ? 2 : percent >= 0.1 ? 3 : 4;
  return `${percent.toFixed(digits)} %`;
}

/**
 * Write a number: whole ones in groups of three digits, others with four significant ones.
 * @param {number | null | undefined} n
 * @returns {string}
 */
export function number(n) {
  if (n === null || n === undefined) return "none";
  if (Number.isInteger(n)) return n.toLocaleString("en");
  if (Math.abs(n) < 1e-4) return power(n);
  return n.toLocaleString("en", { maximumSignificantDigits: Math.abs(n) >= 1000 ? Math.ceil(Math.log10(Math.abs(n))) : 4 });
}

/**
 * Write a count of bytes.
 * @param {number} n
 * @returns {string}
 */
export function bytes(n) {
  let unit = 0;
  for (; n >= 1000 && unit < BYTE_UNITS.length - 1; unit++) n /= 1000;
  return `${unit ? n.toFixed(1) : n} ${BYTE_UNITS[unit]}`;
}

/**
 * Write a length of time given in seconds.
 * @param {number} seconds
 * @returns {string}
 */
export function duration(seconds) {
  if (seconds < 1) return `${Math.round(1000 * seconds)} ms`;
  if (seconds < 60) return `${number(Math.round(10 * seconds) / 10)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${number(Math.round(seconds / 86400))} days`;
}

/**
 * Probability of a logarithm of one; zero where there is none.
 * @param {number | null | undefined} logprob nats
 * @returns {number}
 */
export function chance(logprob) {
  return logprob === null || logprob === undefined ? 0 : Math.exp(logprob);
}

/**
 * Write the first letter of a text as a capital.
 * @param {string} text
 * @returns {string}
 */
export function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/**
 * Make a token visible: blanks, newlines, the end of a text and the unknown word.
 * @param {string} token
 * @returns {string}
 */
export function tokenText(token) {
  return SPECIAL[token] ?? token.replace(/^ +| +$/g, (blanks) => "␣".repeat(blanks.length)).replaceAll("\n", "⏎").replaceAll("\t", "⇥");
}

/**
 * @param {number} n
 * @returns {string}
 */
function power(n) {
  const [mantissa, exponent] = n.toExponential(1).split("e");
  const digits = [...String(Math.abs(Number(exponent)))].map((digit) => SUPERSCRIPTS[Number(digit)]).join("");
  return `${mantissa} · 10${Number(exponent) < 0 ? "⁻" : ""}${digits}`;
}
