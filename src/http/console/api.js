// Requests to the server that the page came from, with the token of whoever signed in.
//
// The token is kept in the session storage of this tab: it survives a reload, no other tab, site or restart of the
// browser sees it, and it is never a part of an address. It is sent in a header, so no other site can make the browser
// send it.

const BASE = "/v2/face-recognition";
const KEY = "facevault-token";
// How often a request that changes nothing is repeated where the server is busy.
const REPEATS = 2;

let token = sessionStorage.getItem(KEY);
// Whether a token is tried that nobody has signed in with.
let isTrying = false;

// What the rest of the page listens to: `signed-out` with the reason, and `offline`.
export const events = new EventTarget();

// A request that failed. `status` is 0 where the server did not answer, `body` what it said.
export class Failure extends Error {
  constructor(status, body, retryAfter) {
    super(body?.message || `status ${status}`);
    this.status = status;
    this.body = body || {};
    this.retryAfter = retryAfter || 0;
  }

  // The message of the answer: a word for programs.
  get word() {
    return this.body.message || "";
  }
}

export function isSignedIn() {
  return token !== null;
}

// Keeps a token that the server accepts.
export async function signIn(shown) {
  token = shown;
  isTrying = true;
  try {
    await ask("GET", "/vault");
    sessionStorage.setItem(KEY, shown);
  } catch (failure) {
    token = null;
    throw failure;
  } finally {
    isTrying = false;
  }
}

export function signOut(reason = null) {
  const wasSignedIn = token !== null;
  token = null;
  sessionStorage.removeItem(KEY);
  if (wasSignedIn) events.dispatchEvent(new CustomEvent("signed-out", { detail: reason }));
}

// The `data` of an answer.
export async function ask(method, path, options = {}) {
  return (await whole(method, path, options)).body.data;
}

// A list with its pages.
export async function page(path, options = {}) {
  const { body } = await whole("GET", path, options);
  return { items: body.data, pages: body.pagination.pages, total: body.pagination.total };
}

// An answer with its headers.
export async function whole(method, path, { body, signal } = {}) {
  const response = await sent(method, path, body, signal);
  return { body: await response.json(), headers: response.headers };
}

// A picture as an address that an image can show; the caller revokes it.
export async function picture(path, { signal } = {}) {
  const response = await sent("GET", path, undefined, signal);
  return URL.createObjectURL(await response.blob());
}

// Whether the server answers and has its vault.
export async function isThere() {
  try {
    return (await fetch("/healthz", { cache: "no-store", credentials: "omit" })).ok;
  } catch {
    return false;
  }
}

async function sent(method, path, body, signal) {
  for (let repeats = method === "GET" ? REPEATS : 0; ; repeats -= 1) {
    const response = await once(method, path, body, signal);
    if (response.ok) return response;
    const failure = await failed(response);
    const isWrongToken = failure.status === 401 || (failure.status === 403 && failure.word === "token_expired");
    if (isWrongToken && !isTrying) signOut(failure.status === 401 ? "revoked" : "expired");
    if (failure.status !== 503 || failure.retryAfter === 0 || repeats <= 0) throw failure;
    await pause(failure.retryAfter * 1000, signal);
  }
}

async function once(method, path, body, signal) {
  const headers = { Authorization: `Bearer ${token}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const options = { method, headers, signal, cache: "no-store", credentials: "omit", redirect: "error" };
  if (body !== undefined) options.body = JSON.stringify(body);
  try {
    return await fetch(BASE + path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    events.dispatchEvent(new Event("offline"));
    throw new Failure(0, null);
  }
}

async function failed(response) {
  let body = null;
  try {
    body = await response.json();
  } catch {
    // An answer that is no JSON says nothing more than its status.
  }
  return new Failure(response.status, body, Number(response.headers.get("Retry-After")));
}

// Waits, unless `signal` ends the waiting.
export function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("", "AbortError"));
    });
  });
}

// A controller that ends by itself when `signal` ends.
export function within(signal) {
  const made = new AbortController();
  if (signal.aborted) made.abort();
  else signal.addEventListener("abort", () => made.abort(), { signal: made.signal });
  return made;
}
