/**
 * What happens to a job: its events as they come, and states and events in words.
 * @module
 */

import { ApiError, events } from "../../core/api.js";
import { capital } from "../../core/format.js";

/**
 * A job, as `GET v1/jobs/{id}` tells it.
 * @typedef {object} Job
 * @property {string} id
 * @property {string} kind
 * @property {string} status
 * @property {string | null} model
 * @property {number | null} queue_position
 * @property {string | null} waiting
 * @property {number | null} seconds_left
 * @property {Progress | null} progress
 * @property {number} attempt
 * @property {string | null} worker
 * @property {number} created_at
 * @property {number | null} started_at
 * @property {number | null} finished_at
 * @property {{code: string, message: string} | null} error
 * @property {Record<string, any> | null} result
 * @property {{parameters: number, memory_bytes: number, seconds: number}} estimate
 * @property {Record<string, any>} request
 */
/**
 * @typedef {object} Progress
 * @property {string} phase
 * @property {number} step
 * @property {number} steps
 * @property {number} fraction
 * @property {number} epoch
 * @property {number | null} tokens_per_second
 * @property {number | null} seconds_left
 * @property {Record<string, number | null>} metrics
 */
/** @typedef {{event: string, id: string, data: any}} JobEvent */

/** States in words, and how they look. @type {Record<string, {text: string, look: string}>} */
export const STATES = {
  queued: { text: "waits", look: "" },
  running: { text: "at work", look: "warn" },
  cancelling: { text: "is being cancelled", look: "warn" },
  succeeded: { text: "done", look: "good" },
  failed: { text: "failed", look: "bad" },
  cancelled: { text: "cancelled", look: "" },
};
const FINAL = new Set(["succeeded", "failed", "cancelled"]);

/** Whether a job of this state, or after this event, is over. @param {string} name */
export const isOver = (name) => FINAL.has(name);

/** Reasons of failures, for people who know nothing of programs. @type {Record<string, string>} */
const REASONS = {
  invalid_text: "Something is wrong with the file.",
  invalid_input: "Something is wrong with a setting.",
  training_failed: "The training went astray; a lower learning rate may help.",
  worker_lost: "The process that did the work died again and again.",
  out_of_memory: "The machine has too little memory for it. Choose a smaller size or a shorter text.",
  disk_full: "The disk of the server is full.",
  not_started: "The work could not be started.",
  not_published: "The model was made, but could not be put among the others.",
  internal_error: "The server made a mistake.",
};

/** Say why a job failed. @param {{code: string, message: string}} error */
export const reasonOf = (error) => REASONS[error.code] ?? "The job could not be done.";

/** A message of the server as a sentence. @param {string} message */
export const sentence = (message) => `${capital(message).replace(/\.$/, "")}.`;

/** An event as a sentence. @param {string} event @param {Record<string, any>} data */
export function sentenceOf(event, data) {
  const again = data.attempt > 1;
  /** @type {Record<string, string>} */
  const sentences = {
    queued: `Asked for${data.model ? `, to make ${data.model}` : ""}.`,
    started: `${again ? `Resumed: attempt ${data.attempt}, ` : "Begun "}by worker ${data.worker}.`,
    lost: `Its worker was lost: ${data.reason}.`,
    released: "Given back by a worker that had to stop; the next one goes on from the saved state.",
    publishing: "The model is being published.",
    renumbered: `It will be ${data.model}: another job took its version.`,
    cancelling: "Somebody cancelled it; its worker is stopping.",
    succeeded: data.model ? `Done: ${data.model} is published.` : "Done.",
    failed: `Failed: ${data.message}.`,
    cancelled: "Cancelled; nothing of it is kept.",
  };
  return sentences[event] ?? event;
}

/**
 * Read the events of a job until it is over. A stream that breaks is taken up after the last event that came.
 * @param {string} id
 * @param {object} options
 * @param {AbortSignal} options.signal
 * @param {(event: JobEvent) => Promise<void> | void} options.onEvent
 * @param {(seconds: number, error: ApiError) => void} options.onCut told of the seconds until the next try
 * @param {() => void} options.onConnected
 */
export async function followJob(id, { signal, onEvent, onCut, onConnected }) {
  let last = "0";
  for (let tries = 0; ; tries++) {
    try {
      for await (const event of events(`v1/jobs/${id}/events`, { signal, lastEventId: last })) {
        if (tries) onConnected();
        tries = 0;
        await onEvent(event);
        last = event.id || last;
        if (isOver(event.event)) return;
      }
      throw new ApiError(0, "cut_off", "The server ended the stream before the job was over.");
    } catch (error) {
      if (!(error instanceof ApiError) || (error.status >= 400 && error.status < 500 && error.status !== 429)) throw error;
      const seconds = Math.max(error.retryAfter ?? 0, Math.min(2 ** tries, 10));
      onCut(seconds, error);
      await pause(seconds, signal);
    }
  }
}

/** @param {number} seconds @param {AbortSignal} signal */
function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 1000 * seconds);
    signal.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason)), { once: true });
  });
}
