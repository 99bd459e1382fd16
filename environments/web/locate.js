// Where elements are, whether a pointer can reach them, and what actions need done inside the page.
(() => {
  const { parts, state } = window.__autotelic;
  const { fold, rendered } = parts;
  const ids = new WeakMap();
  const elements = new Map(); // id → WeakRef, swept when it grows
  let next = 0;

  const idOf = (el) => {
    let id = ids.get(el);
    if (id === undefined) {
      id = "e" + ++next;
      ids.set(el, id);
      elements.set(id, new WeakRef(el));
      if (elements.size % 5000 === 0) for (const [key, ref] of elements) if (!ref.deref()) elements.delete(key);
    }
    return id;
  };

  // Offset of the element's frame in the outermost document that we can reach.
  const offset = (el) => {
    let x = 0, y = 0;
    for (let view = el.ownerDocument.defaultView; view && view !== window; view = view.parent) {
      const frame = view.frameElement;
      if (!frame) break;
      const rect = frame.getBoundingClientRect();
      x += rect.left + frame.clientLeft;
      y += rect.top + frame.clientTop;
    }
    return { x, y };
  };

  // An element's own box; of those without one (wrappers, `display: contents`) the first child's that has one.
  const boxOf = (el) => {
    let rect = el.getBoundingClientRect();
    if (rect.width > 1 && rect.height > 1) return rect;
    for (const child of el.children) {
      rect = child.getBoundingClientRect();
      if (rect.width > 1 && rect.height > 1) return rect;
    }
    return null;
  };

  // Native check boxes are often shrunk to nothing under a drawn label: then the label is what people click.
  const boxed = (el) => {
    const own = boxOf(el);
    if (own) return { at: el, rect: own };
    for (const label of el.labels ?? []) {
      const rect = rendered(label) ? boxOf(label) : null;
      if (rect) return { at: label, rect };
    }
    return null;
  };

  const reaches = (el, hit) => {
    for (let node = hit; node; node = node.parentNode ?? node.host) if (node === el) return true;
    const label = hit.closest?.("label");
    return !!label && label.control === el;
  };

  // A point of the element that a click would really reach, or what lies over its centre.
  const reach = (el, at, rect) => {
    const root = at.getRootNode();
    const view = at.ownerDocument.defaultView;
    if (!root.elementFromPoint || !view) return { over: null };
    const first = at.getClientRects()[0]; // of a link that wraps over lines, the first line
    const box = first && first.width > 1 && first.height > 1 && at.tagName !== "TR" ? first : rect;
    const left = Math.max(box.left, 0), right = Math.min(box.right, view.innerWidth);
    const top = Math.max(box.top, 0), bottom = Math.min(box.bottom, view.innerHeight);
    if (right - left < 1 || bottom - top < 1) return { off: true };
    let over = null;
    for (const [fx, fy] of [[0.5, 0.5], [0.15, 0.5], [0.85, 0.5], [0.5, 0.15], [0.5, 0.85]]) {
      const x = left + (right - left) * fx, y = top + (bottom - top) * fy;
      const hit = root.elementFromPoint(x, y);
      if (hit && (reaches(at, hit) || reaches(el, hit))) return { x, y };
      over ??= hit;
    }
    return { over };
  };

  const find = (id) => {
    const el = elements.get(id)?.deref();
    return el && el.isConnected && rendered(el) ? el : null;
  };

  const describe = (el) => {
    if (!el) return "something";
    const known = el.closest("button, a, [role], dialog, label") ?? el;
    const name = parts.nameOf(known, parts.roleOf(known) || "button") || parts.textOf(known, { longest: 40 });
    return `${parts.roleOf(known) || "element"} ${JSON.stringify(name.slice(0, 40))}`;
  };

  // {x, y} to click; or {gone}, {disabled}, {covered: by what}.
  const locate = (id, { pointer = true } = {}) => {
    const el = find(id);
    if (!el) return { gone: true };
    if (el.matches(":disabled") || el.closest("[aria-disabled=true]")) return { disabled: true };
    if (el.tagName === "INPUT" && el.type === "file") return { file: true };
    let place = boxed(el);
    if (!place) return { gone: true };
    let found = reach(el, place.at, place.rect);
    if (found.x === undefined) {
      place.at.scrollIntoView({ block: "center", inline: "nearest", behavior: "instant" });
      place = boxed(el) ?? place;
      found = reach(el, place.at, place.rect);
    }
    if (found.x === undefined) {
      for (const label of el.labels ?? []) {
        const rect = boxOf(label);
        const other = rect ? reach(el, label, rect) : {};
        if (other.x !== undefined) { found = other; break; }
      }
    }
    if (found.x === undefined) return pointer ? { covered: found.off ? "the edge of the page" : describe(found.over) } : {};
    const shift = offset(place.at);
    return { x: found.x + shift.x, y: found.y + shift.y };
  };

  const announce = (el) => {
    el.dispatchEvent(new Event("input", { bubbles: true, composed: true }));
    el.dispatchEvent(new Event("change", { bubbles: true }));
  };

  const choose = (id, wanted) => {
    const el = find(id);
    if (!el) return { gone: true };
    if (el.tagName !== "SELECT") return { other: true };
    if (el.disabled) return { disabled: true };
    const same = (text) => fold(text, 400).toLowerCase();
    const target = same(wanted);
    const all = [...el.options];
    const option = all.find((one) => same(one.label) === target) ?? all.find((one) => same(one.value) === target);
    if (!option) return { missing: all.slice(0, 60).map((one) => fold(one.label, 60)) };
    if (option.disabled || option.parentElement.disabled) return { disabled: true };
    el.focus();
    option.selected = true;
    announce(el);
    return {};
  };

  const TYPED = new Set(["date", "time", "month", "week", "datetime-local", "color", "range"]);
  const SHAPES = { date: "YYYY-MM-DD", time: "HH:MM", month: "YYYY-MM", week: "YYYY-Www", "datetime-local": "YYYY-MM-DDTHH:MM", color: "#rrggbb", range: "a number" };
  const UNTYPED = new Set(["checkbox", "radio", "button", "submit", "reset", "image", "file"]);

  const editable = (el) => (el.isContentEditable || el.tagName === "TEXTAREA" || (el.tagName === "INPUT" && !UNTYPED.has(el.type)) ? el
    : el.querySelector("input:not([type=hidden]), textarea, [contenteditable=true]"));

  // Focus the field and select what it holds, so that inserted text replaces it. Fields whose text is not typed
  // but picked (dates, colours, sliders) are set here: {done}.
  const edit = (id, text) => {
    const outer = find(id);
    if (!outer) return { gone: true };
    const el = editable(outer);
    if (!el) return { unwritable: true };
    if (el.readOnly) return { readonly: true };
    if (el.tagName === "INPUT" && TYPED.has(el.type)) {
      el.focus();
      Object.getOwnPropertyDescriptor(el.ownerDocument.defaultView.HTMLInputElement.prototype, "value").set.call(el, text);
      announce(el);
      return el.value === "" && text !== "" ? { shape: SHAPES[el.type] } : { done: true };
    }
    const root = el.getRootNode();
    if (root.activeElement !== el) el.focus();
    if (el.select) {
      el.select();
    } else {
      const range = el.ownerDocument.createRange();
      range.selectNodeContents(el);
      const selection = el.ownerDocument.getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
    }
    return { length: (el.value ?? el.textContent).length };
  };

  const focus = (id) => {
    const el = find(id);
    if (!el) return { gone: true };
    el.focus();
    return {};
  };

  // Scroll the page, or else the largest scrollable box in view, by most of a screen; says whether anything moved.
  const scroll = (direction) => {
    const sign = direction === "up" ? -1 : 1;
    const candidates = [document.scrollingElement ?? document.documentElement];
    for (const el of document.querySelectorAll("body *")) {
      if (el.scrollHeight > el.clientHeight + 4 && el.clientHeight > 60 && /auto|scroll/.test(getComputedStyle(el).overflowY)) candidates.push(el);
    }
    const modal = document.querySelector("dialog:modal, [aria-modal=true]");
    const order = candidates.map((el, index) => ({ el, weight: (modal?.contains(el) ? 1e12 : 0) + (index === 0 ? 1e9 : el.clientWidth * el.clientHeight) }))
      .sort((a, b) => b.weight - a.weight);
    for (const { el } of order) {
      const before = el.scrollTop;
      el.scrollBy({ top: sign * 0.8 * (el === candidates[0] ? innerHeight : el.clientHeight), behavior: "instant" });
      if (Math.abs(el.scrollTop - before) > 1) return true;
    }
    return false;
  };

  // Do a thing to an element, or to the one of its role and name and number that is there in its stead.
  const act = (name, id, likeness, given) => {
    const known = find(id) ? id : parts.again(...likeness);
    return known ? parts[name](known, ...given) : { gone: true };
  };

  Object.assign(parts, { act, idOf, boxOf, boxed, reach, locate, choose, edit, focus, scroll });
  parts.clickable = (el) => {
    const view = el.ownerDocument.defaultView;
    return (view?.__autotelic ?? { state }).state.clickable.has(el) || !!el.onclick || !!el.onmousedown || !!el.onpointerdown;
  };
})();
