/**
 * Calls while somebody types: after a pause, and the last one wins.
 * @module
 */

/**
 * Return a function that runs `run` once it has not been called for `wait` milliseconds. A new call aborts the one
 * before it, and `signal` (of the view) aborts whatever is under way. What `run` throws goes to `onError`, but for
 * aborted work. Where the answer takes long, `place` says so until it is there.
 * @template {any[]} A
 * @param {(signal: AbortSignal, ...args: A) => Promise<void>} run
 * @param {{wait?: number, signal?: AbortSignal, onError?: (error: unknown) => void, place?: ReturnType<typeof import("./notice.js").notice>}} [options]
 * @returns {(...args: A) => void}
 */
export function debounced(run, { wait = 150, signal, onError, place } = {}) {
  let controller = new AbortController();
  signal?.addEventListener("abort", () => controller.abort(), { once: true });
  return (...args) => {
    controller.abort();
    if (signal?.aborted) return;
    const mine = (controller = new AbortController());
    const timer = setTimeout(async () => {
      const done = place?.wait();
      try {
        await run(mine.signal, ...args);
        done?.();
      } catch (error) {
        done?.();
        if (!mine.signal.aborted) onError?.(error);
      }
    }, wait);
    mine.signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  };
}
