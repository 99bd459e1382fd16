// Runs in every document before its own scripts. Remembers what cannot be asked for later: which elements have
// listeners for pointer events, when the document last changed, and which requests and short timers are under way.
(() => {
  if (window.__autotelic) return;

  const LEAVING = new Set(["beforeunload", "pagehide", "unload", "visibilitychange"]);
  const POINTER = new Set(["click", "dblclick", "mousedown", "mouseup", "pointerdown", "pointerup", "touchstart", "touchend"]);
  const LONGEST_TIMER = 600; // ms: what a page defers by longer is not an answer to an action
  const DEEPEST_TIMER = 2; // timers set by timers: beyond this they are a poll, not an answer
  const now = () => performance.timeOrigin + performance.now(); // one clock for all frames
  const later = window.setTimeout.bind(window);
  const forget = window.clearTimeout.bind(window);

  const state = {
    clickable: new WeakSet(),
    since: 0, // what began before the last observation is not an answer to the action after it
    lastChange: now(),
    requests: new Map(), // token → time of its start
    timers: new Map(), // timer id → time of its start
    quietDialogs: false,
    closing: false,
    clings: false, // does something when it is left
  };
  let depth = 0;
  let token = 0;

  // Observing the roots, not the body, catches pages that replace it.
  const observer = new MutationObserver(() => { state.lastChange = now(); });
  const WATCHED = { subtree: true, childList: true, attributes: true, characterData: true };
  observer.observe(document, WATCHED);

  const attachShadow = Element.prototype.attachShadow;
  Element.prototype.attachShadow = function (...given) {
    const root = attachShadow.apply(this, given);
    observer.observe(root, WATCHED);
    return root;
  };

  const listen = EventTarget.prototype.addEventListener;
  EventTarget.prototype.addEventListener = function (type, ...rest) {
    if (POINTER.has(type) && this instanceof Element) state.clickable.add(this);
    if (LEAVING.has(type)) state.clings = true;
    return listen.call(this, type, ...rest);
  };

  const begin = () => { state.requests.set(++token, now()); return token; };
  const end = (which) => { if (state.requests.delete(which)) state.lastChange = now(); };

  const fetch = window.fetch;
  window.fetch = function (...given) {
    const which = begin();
    const promise = fetch.apply(this, given);
    promise.then(() => end(which), () => end(which));
    return promise;
  };
  const send = XMLHttpRequest.prototype.send;
  XMLHttpRequest.prototype.send = function (...given) {
    const which = begin();
    listen.call(this, "loadend", () => end(which), { once: true });
    try {
      return send.apply(this, given);
    } catch (error) {
      end(which);
      throw error;
    }
  };

  window.setTimeout = function (callback, delay, ...rest) {
    if (typeof callback !== "function" || depth >= DEEPEST_TIMER || !(+(delay ?? 0) <= LONGEST_TIMER)) {
      return later(callback, delay, ...rest);
    }
    const level = depth + 1;
    const id = later(function (...given) {
      state.timers.delete(id);
      const outer = depth;
      depth = level;
      try {
        return callback.apply(this, given);
      } finally {
        depth = outer;
      }
    }, delay, ...rest);
    state.timers.set(id, now());
    return id;
  };
  window.clearTimeout = function (id) {
    state.timers.delete(id);
    return forget(id);
  };

  for (const name of ["alert", "confirm", "prompt"]) {
    const open = window[name];
    window[name] = function (...given) {
      return state.quietDialogs ? (name === "confirm" ? false : name === "prompt" ? null : undefined) : open.apply(this, given);
    };
  }

  const close = window.close;
  window.close = function () {
    state.closing = true;
    close.call(window);
  };

  const documents = () => {
    const found = [state];
    for (let i = 0; i < window.frames.length; i++) {
      try {
        const inner = window.frames[i].__autotelic;
        if (inner) found.push(...inner.documents());
      } catch { /* another origin's frame settles by itself */ }
    }
    return found;
  };

  // Resolves when the page is at rest: loaded, unchanged for `quiet` ms, none of its requests or short timers
  // begun since the last observation under way, nothing marked busy. Gives up waiting for changes after `limit` ms and for
  // requests after `patience` ms. With `change`, waits for something to happen first, `limit` ms at most.
  const settle = async ({ quiet, limit, patience, change }) => {
    const start = now();
    let parsed = 0;
    for (;;) {
      const all = documents();
      const last = Math.max(start, ...all.map((one) => one.lastChange));
      const waited = now() - start;
      if (waited >= patience) return;
      const fresh = (map) => [...map.values()].some((time) => time >= state.since);
      // Many pages do their work when everything has loaded; a picture that is slow in coming is not waited for.
      if (document.readyState !== "loading") parsed ||= now();
      const loading = document.readyState !== "complete" && (!parsed || now() - parsed < limit);
      const busy = loading || all.some((one) => fresh(one.requests))
        || (waited < limit && state.closing)
        || (waited < 2 * limit && document.querySelector('[aria-busy="true"]') !== null);
      const awaited = change && last === start && waited < limit;
      const ticking = waited < limit && (awaited || all.some((one) => fresh(one.timers)));
      const left = quiet - (now() - last);
      if (!busy && !ticking && (left <= 0 || waited >= limit)) return;
      await new Promise((resolve) => later(resolve, busy || ticking ? 15 : Math.max(left, 1)));
    }
  };

  // Forget what belongs to the tab and not to the site; false where the page could write it again on leaving.
  const leave = () => {
    sessionStorage.clear();
    window.name = "";
    const clings = state.clings || window.onbeforeunload || window.onpagehide || window.onunload || document.onvisibilitychange;
    return !clings && window.frames.length === 0;
  };

  const api = { leave, state, documents, settle, now, parts: {} };
  Object.defineProperty(window, "__autotelic", { value: api });
})();
