/**
 * Shapes of the API's answers that several views read. A view describes those that it alone reads.
 * @module
 */

/**
 * A served model, as `GET v1/models` lists it.
 * @typedef {object} ModelSummary
 * @property {string} id `name@version`
 * @property {string} name
 * @property {number} version
 * @property {boolean} newest whether the name alone means this version
 * @property {boolean} loaded whether it is in memory
 * @property {string} kind
 * @property {string[]} capabilities
 * @property {string} unit kind of tokens: `word`, `character`, ...
 * @property {number} vocabulary_size
 * @property {number} parameters
 * @property {number} bytes
 * @property {number} created seconds since 1970
 */

/**
 * @typedef {object} ModelList
 * @property {ModelSummary[]} data
 * @property {string[]} loading
 * @property {{id: string, message: string}[]} problems
 */

/**
 * A token with its probability.
 * @typedef {object} Token
 * @property {string} token
 * @property {number} id
 * @property {number | null} logprob nats; null where the probability is zero
 * @property {number} [probability]
 * @property {boolean} [zero_probability]
 */

/**
 * A view, as its module exports it.
 * @typedef {object} View
 * @property {string} title
 * @property {string} [lead] one sentence below the title
 * @property {(root: HTMLElement, parameters: URLSearchParams, signal: AbortSignal) => Promise<void> | void} mount
 */

export {};
