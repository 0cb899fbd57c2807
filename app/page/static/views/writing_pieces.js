/**
 * Tokens of a stream with the pieces of text that they stand for, for the view Writing.
 * @module
 */

import { probability, tokenText } from "../core/format.js";

/**
 * @typedef {object} Piece
 * @property {string} text what the token adds to the text, the blank before it included
 * @property {string} token
 * @property {number} id
 * @property {number | null} logprob
 * @property {number} sampling_probability
 * @property {any[]} alternatives
 * @property {boolean} [chosen] by the person, not drawn
 * @property {boolean} [cut] part of a stop string, which is no part of the text
 * @property {boolean} [end] the end of the text
 */

/**
 * Return a reader of events. A token may come before its text, which is held back while a stop string may be coming.
 * @param {boolean} mayStop whether there is a stop string
 */
export function tokenPieces(mayStop) {
  /** @type {Piece[]} */
  let waiting = [];
  /** @type {Piece | undefined} */
  let latest;
  let text = "";
  return {
    /**
     * Take in an event's part of the text; return the tokens whose text is known.
     * @param {any} choice
     * @returns {Piece[]}
     */
    push(choice) {
      waiting.push(...choice.tokens.map(pieceOf));
      text += choice.text;
      const last = choice.finish_reason !== null;
      const known = [];
      while (waiting.length) {
        const piece = waiting[0];
        const length = lengthOf(piece, text);
        if (length === null && mayStop && !last) break;
        if (!(length === null && !text.trim() && last)) piece.text = text.slice(0, length ?? 0);
        else if (choice.finish_reason === "stop") Object.assign(piece, { text: ` ${piece.token.trim()}`, cut: true });
        text = text.slice(length ?? 0);
        known.push(piece);
        if (!piece.cut) latest = piece;
        waiting.shift();
      }
      if (latest && (last || !mayStop)) {
        latest.text += text;
        text = "";
      }
      return choice.end ? [...known, { ...pieceOf(choice.end), end: true }] : known;
    },
  };
}

/**
 * @param {any} token
 * @returns {Piece}
 */
function pieceOf({ top_logprobs, ...token }) {
  return { ...token, text: "", alternatives: top_logprobs ?? [] };
}

/**
 * How many characters of the text belong to its first token: as many as spell it, and the blank before; null where the
 * text does not begin with it.
 * @param {Piece} piece
 * @param {string} text
 */
function lengthOf(piece, text) {
  if (text.startsWith(piece.token)) return piece.token.length;
  const core = piece.token.trim();
  const blanks = text.length - text.trimStart().length;
  return core && text.startsWith(core, blanks) ? blanks + core.length : null;
}

/** @param {Piece[]} pieces */
export function textOf(pieces) {
  return pieces.map(({ text, cut }) => (cut ? "" : text)).join("");
}

/**
 * A piece as a word that can be picked: its bar is the probability that it was drawn with.
 * @param {Piece} piece
 * @param {Piece | undefined} before
 * @param {string} beginning text in front of the first piece
 * @returns {import("../parts/words.js").Word}
 */
export function pieceWord(piece, before, beginning) {
  const { token, sampling_probability: chance } = piece;
  const text = piece.end ? ` ${tokenText(token)}` : piece.text;
  const shown = text.trim() ? text.trimStart() : text.replaceAll("\n", "⏎");
  const gap = text.trim() ? text.slice(0, text.length - text.trimStart().length) : "";
  const broken = before?.text.endsWith("\n") ? "\n" : "";
  return {
    text: shown,
    gap: beginning + broken + gap,
    share: chance,
    note: probability(chance),
    kind: piece.chosen ? "chosen" : piece.cut ? "cut" : "",
    label: `${tokenText(token)}, ${piece.chosen ? "chosen by you, " : ""}${probability(chance)}`,
  };
}
