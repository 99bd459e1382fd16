// Runs in every document of a recording, in a world of its own that pages cannot reach: hears what a person does before
// the page does, and reports it with what was seen at that moment. What scripts do is not trusted, and so not heard.
((reporting, asking, answering, flushing) => {
  const UNTYPED = new Set(["checkbox", "radio", "button", "submit", "reset", "image", "file"]);
  const LONGEST = 4000;
  const RECENT = 1500; // ms: a click without a person's hand on mouse or keyboard just before is a script's
  let hand = -Infinity; // when mouse or keyboard were last used here
  let edit = null; // the field that is being changed: { el, seen, start, value }
  let down = null; // what the pointer or a key went down on: { el, seen }
  let sent = null; // the form that Enter is sending: the browser then clicks its button by itself
  let gone = -Infinity; // when a click was reported early, since its element went away

  // What the page looks like now, with the id of the element; null where the page cannot be asked.
  const ask = (el) => {
    let answer = null;
    const take = (event) => { event.stopImmediatePropagation(); answer = event.detail; };
    window.addEventListener(answering, take, true);
    el.dispatchEvent(new CustomEvent(asking, { bubbles: true, composed: true }));
    window.removeEventListener(answering, take, true);
    return typeof answer === "string" ? answer : null;
  };

  const report = (kind, text, seen) => {
    globalThis[reporting](JSON.stringify({ kind, text: String(text).slice(0, LONGEST), seen }));
  };

  const elementOf = (event) => event.composedPath().find((node) => node instanceof Element) ?? document.documentElement;

  // The field that takes text, if this is one or lies in one.
  const fieldOf = (el) => {
    if (el.tagName === "TEXTAREA" || (el.tagName === "INPUT" && !UNTYPED.has(el.type))) return el;
    if (!el.isContentEditable) return null;
    while (el.parentElement?.isContentEditable) el = el.parentElement;
    return el;
  };
  const selectOf = (el) => el.closest("select");
  const chosen = (el) => [...el.selectedOptions].map((one) => one.label);
  const valueOf = (el) => (el.tagName === "SELECT" ? chosen(el) : el.value ?? el.innerText);

  // A label stands for its control, unless what is clicked in it acts by itself.
  const meant = (el) => {
    const control = el.closest("label")?.control;
    return control && !control.contains(el) && !el.closest("a[href], button, select, textarea, input") ? control : el;
  };

  const begin = (el) => {
    if (edit?.el === el) return;
    flush();
    edit = { el, seen: ask(el), start: valueOf(el), value: valueOf(el) };
  };

  const flush = () => {
    if (!edit) return;
    const { el, seen, start, value } = edit;
    edit = null;
    if (el.tagName === "SELECT") {
      for (const label of value.filter((one) => !start.includes(one))) report("select", label, seen);
    } else if (value !== start) report("type", value, seen);
  };

  const on = (type, hear) => window.addEventListener(type, (event) => { if (event.isTrusted) hear(event); }, { capture: true, passive: true });

  on("pointerdown", (event) => {
    hand = performance.now();
    const el = elementOf(event);
    const field = fieldOf(el) ?? selectOf(el);
    if (field) begin(field);
    else {
      const subject = meant(el);
      down = { el: subject, seen: ask(subject) };
    }
  });

  on("pointerup", () => {
    hand = performance.now();
    if (!down || down.el.isConnected) return;
    report("click", "", down.seen); // lists that close when the mouse goes down leave nothing for it to click
    down = null;
    gone = hand;
  });

  on("keydown", (event) => {
    hand = performance.now();
    const el = elementOf(event);
    const field = fieldOf(el);
    const plain = !event.isComposing && !event.ctrlKey && !event.altKey && !event.metaKey && !event.shiftKey;
    if (field ?? selectOf(el)) begin(field ?? selectOf(el));
    if (plain && event.key === "Enter") return enter(el, field);
    if (plain && event.key === "Escape" && !selectOf(el)) {
      flush();
      return report("press", "Escape", ask(el));
    }
    if (!field && event.key === " ") down = { el, seen: ask(el) };
    return undefined;
  });

  const enter = (el, field) => {
    if (field?.tagName === "INPUT") {
      const { seen, start } = edit;
      const typed = field.value !== start;
      edit = null;
      if (typed) report("enter", field.value, seen);
      else report("press", "Enter", ask(field));
      if (field.form) sent = { form: field.form, at: performance.now() };
    } else if (!field && el.matches("a[href], button, summary, input")) {
      down = { el, seen: ask(el) }; // a click follows
    } else if (!field && !selectOf(el)) {
      flush();
      report("press", "Enter", ask(el));
    }
  };

  on("beforeinput", (event) => {
    const field = fieldOf(elementOf(event));
    if (field) begin(field);
  });

  for (const type of ["input", "change"]) {
    on(type, (event) => {
      const el = elementOf(event);
      const field = fieldOf(el) ?? selectOf(el);
      if (!field) return;
      begin(field);
      edit.value = valueOf(field);
      if (type === "change") flush();
    });
  }

  on("focusout", (event) => { if (edit?.el.isContentEditable && edit.el === fieldOf(elementOf(event))) flush(); });

  on("click", (event) => {
    const now = performance.now();
    if (now - hand > RECENT) return;
    const el = elementOf(event);
    if (event.ctrlKey || event.metaKey || event.shiftKey) {
      if (el.closest("a[href]")) report("modified", "", null);
      return;
    }
    if (event.detail === 0 && sent && el.form === sent.form && now - sent.at < RECENT) {
      sent = null;
      return;
    }
    if (now - gone < 300 || selectOf(el) || meant(el) !== el) return;
    const field = fieldOf(el);
    if (field && !field.readOnly) return; // what is typed there will be told
    if (el.tagName === "INPUT" && el.type === "file") return;
    flush();
    const before = down && (down.el === el || down.el.contains(el) || el.contains(down.el));
    report("click", "", before ? down.seen : ask(el));
  });

  on("auxclick", (event) => { if (event.button === 1 && elementOf(event).closest("a[href]")) report("modified", "", null); });

  window.addEventListener("pagehide", flush, true);
  window.addEventListener(flushing, flush, true); // a random name: the recording ends
})
