/**
 * Client of the public API: JSON, uploads and streams of events, with the key that this tab knows.
 * @module
 */

const BASE = new URL("../../", import.meta.url);
const KEY = "nextword-key";
const CLOSING = /\r\n\r\n|\n\n|\r\r/;

/** An answer that is no success, or none at all (status 0). */
export class ApiError extends Error {
  /**
   * @param {number} status 0 where the server did not answer
   * @param {string} code the API's name of the error, or `unreachable`, `cut_off`
   * @param {string} message
   * @param {string | null} [param] the field at fault
   * @param {number | null} [retryAfter] seconds until it is worth another try
   */
  constructor(status, code, message, param = null, retryAfter = null) {
    super(message);
    this.status = status;
    this.code = code;
    this.param = param;
    this.retryAfter = retryAfter;
  }
}

/**
 * Address of a path of the API, wherever a proxy may have put the service.
 * @param {string} path such as `v1/models`
 * @returns {string}
 */
export function apiUrl(path) {
  return new URL(path.replace(/^\//, ""), BASE).href;
}

/**
 * Path of a model, or of one of its routes.
 * @param {string} name
 * @param {string} [route] such as `next`
 * @returns {string}
 */
export function modelPath(name, route) {
  return `v1/models/${encodeURIComponent(name)}${route ? `/${route}` : ""}`;
}

/** @returns {string} the API key of this tab; empty where there is none */
export function apiKey() {
  return sessionStorage.getItem(KEY) ?? "";
}

/**
 * Keep an API key until the tab is closed; an empty one forgets it.
 * @param {string} key
 */
export function setApiKey(key) {
  if (key) sessionStorage.setItem(KEY, key);
  else sessionStorage.removeItem(KEY);
}

/** @type {(message: string) => Promise<boolean>} */
let askForKey = async () => false;

/**
 * Say how a person is asked for a key: the function resolves to whether there is a new one.
 * @param {(message: string) => Promise<boolean>} ask
 */
export function onKeyWanted(ask) {
  askForKey = ask;
}

/**
 * @param {string} path
 * @param {{signal?: AbortSignal}} [options]
 * @returns {Promise<any>}
 */
export async function getJson(path, { signal } = {}) {
  return (await send(path, { signal })).json();
}

/**
 * @param {string} path
 * @param {unknown} body sent as JSON; undefined for none
 * @param {{signal?: AbortSignal, headers?: Record<string, string>}} [options]
 * @returns {Promise<any>}
 */
export async function postJson(path, body, { signal, headers } = {}) {
  const request = jsonBody(body);
  return (await send(path, { signal, method: "POST", ...request, headers: { ...request.headers, ...headers } })).json();
}

/**
 * Upload a file as it is, and tell of its progress.
 * @param {string} path such as `v1/files`
 * @param {File | Blob} file
 * @param {{signal?: AbortSignal, onProgress?: (share: number) => void}} [options]
 * @returns {Promise<any>}
 */
export async function upload(path, file, options = {}) {
  for (;;) {
    const error = await uploadOnce(path, file, options);
    if (!(error instanceof ApiError)) return error;
    if (error.status !== 401 || !(await askForKey(error.message))) throw error;
  }
}

/**
 * Read a stream of server-sent events; `data` is parsed JSON. Ends at the stream's end or at `[DONE]`.
 * @param {string} path
 * @param {{body?: unknown, signal?: AbortSignal, lastEventId?: string | number}} [options]
 * @returns {AsyncGenerator<{event: string, id: string, data: any}, void, void>}
 */
export async function* events(path, { body, signal, lastEventId } = {}) {
  /** @type {Record<string, string>} */
  const headers = { accept: "text/event-stream" };
  if (lastEventId !== undefined) headers["last-event-id"] = String(lastEventId);
  const request = jsonBody(body);
  const answer = await send(path, {
    signal,
    method: body === undefined ? "GET" : "POST",
    body: request.body,
    headers: { ...request.headers, ...headers },
  });
  for await (const block of blocks(answer, signal)) {
    const parsed = parseEvent(block);
    if (!parsed) continue;
    if (parsed.data === "[DONE]") return;
    const data = JSON.parse(parsed.data);
    if (data.error) throw fromContent(data.error, 200, null);
    yield { ...parsed, data };
  }
}

/**
 * @param {Response} answer
 * @param {AbortSignal | undefined} signal
 * @returns {AsyncGenerator<string, void, void>}
 */
async function* blocks(answer, signal) {
  if (!answer.body) return;
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const pieces = (rest + value).split(CLOSING);
      rest = pieces.pop() ?? "";
      yield* pieces;
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw new ApiError(0, "cut_off", "The connection broke before the answer was complete.");
  } finally {
    reader.cancel().catch(() => {}); // whoever reads no further has the server stop, too
  }
}

/**
 * @param {string} block
 * @returns {{event: string, id: string, data: string} | null} null for a comment
 */
function parseEvent(block) {
  const found = { event: "message", id: "", data: "" };
  const data = [];
  for (const line of block.split(/\r\n|\n|\r/)) {
    const [, name, value] = line.match(/^([^:]*):? ?(.*)$/) ?? [];
    if (name === "data") data.push(value);
    else if (name === "event" || name === "id") found[name] = value;
  }
  return data.length ? { ...found, data: data.join("\n") } : null;
}

/**
 * @param {unknown} body
 * @returns {{body?: string, headers?: Record<string, string>}}
 */
function jsonBody(body) {
  return body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
}

/**
 * Fetch, and ask for a key as long as the server wants one and the person gives one.
 * @param {string} path
 * @param {RequestInit} options
 * @returns {Promise<Response>}
 */
async function send(path, options) {
  for (;;) {
    const answer = await fetchOnce(path, options);
    if (answer.ok) return answer;
    const error = await errorOf(answer);
    if (error.status !== 401 || !(await askForKey(error.message))) throw error;
    options.signal?.throwIfAborted();
  }
}

/**
 * @param {string} path
 * @param {RequestInit} options
 * @returns {Promise<Response>}
 */
async function fetchOnce(path, options) {
  const headers = new Headers(options.headers);
  if (apiKey()) headers.set("authorization", `Bearer ${apiKey()}`);
  try {
    return await fetch(apiUrl(path), { ...options, headers, cache: "no-store" });
  } catch (error) {
    options.signal?.throwIfAborted();
    throw unreachable();
  }
}

/** Error of a server that does not answer. */
export function unreachable() {
  return new ApiError(0, "unreachable", "The server does not answer.");
}

/**
 * @param {Response} answer
 * @returns {Promise<ApiError>}
 */
async function errorOf(answer) {
  const retry = answer.headers.get("retry-after");
  const content = await answer.json().catch(() => ({}));
  return fromContent(content.error ?? {}, answer.status, retry === null ? null : Number(retry));
}

/**
 * @param {{message?: string, code?: string, param?: string | null}} content
 * @param {number} status
 * @param {number | null} retryAfter
 * @returns {ApiError}
 */
function fromContent(content, status, retryAfter) {
  const message = content.message ?? `The server answered with status ${status}.`;
  return new ApiError(status, content.code ?? "unknown", message, content.param, retryAfter);
}

/**
 * fetch() tells nothing of how far an upload is; XMLHttpRequest does.
 * @param {string} path
 * @param {File | Blob} file
 * @param {{signal?: AbortSignal, onProgress?: (share: number) => void}} options
 * @returns {Promise<any>} the answer, or an ApiError
 */
function uploadOnce(path, file, { signal, onProgress }) {
  return new Promise((resolve, reject) => {
    const form = new FormData();
    form.append("file", file, file instanceof File ? file.name : "text");
    const request = new XMLHttpRequest();
    request.open("POST", apiUrl(path));
    if (apiKey()) request.setRequestHeader("authorization", `Bearer ${apiKey()}`);
    request.upload.onprogress = (event) => event.lengthComputable && onProgress?.(event.loaded / event.total);
    request.onload = () => resolve(uploaded(request));
    request.onerror = () => resolve(unreachable());
    request.onabort = () => reject(signal?.reason ?? new DOMException("Aborted", "AbortError"));
    signal?.addEventListener("abort", () => request.abort(), { once: true });
    request.send(form);
  });
}

/**
 * @param {XMLHttpRequest} request
 * @returns {any} the answer, or an ApiError
 */
function uploaded(request) {
  let content;
  try {
    content = JSON.parse(request.responseText);
  } catch {
    content = {};
  }
  return request.status < 300 ? content : fromContent(content.error ?? {}, request.status, null);
}
