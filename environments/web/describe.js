// Runs in every document of a recording, in the page's own world, where elements are read and named. When the recorder's
// world asks about an element, answers with the page as an agent would see it at this moment and the element's id in
// it. The names of both events are random: a page cannot ask or answer in our stead.
((asking, answering) => {
  const listen = EventTarget.prototype.addEventListener, dispatch = EventTarget.prototype.dispatchEvent;
  const Answer = CustomEvent, parse = JSON.parse;
  const PRIVATE = /(^|\s)(cc-\S+|one-time-code|current-password|new-password)(\s|$)/i;
  const passwords = new WeakSet(); // whatever was a password field once: some pages let people see what they type
  let counted = null; // how many text fields lie beside a password in its form, by form

  const outermost = () => {
    let view = window;
    try { while (view.parent !== view && view.parent.__autotelic) view = view.parent; } catch { /* of another origin */ }
    return view;
  };

  const fieldsIn = (root, found = []) => {
    for (const el of root.querySelectorAll("input, textarea, select, iframe, frame")) {
      let inner = null;
      try { inner = el.contentDocument; } catch { /* of another origin */ }
      if (inner) fieldsIn(inner, found);
      else if (el.matches("input, textarea, select")) found.push(el);
    }
    return found;
  };

  // Passwords, card numbers and codes; and whatever is typed beside a password, such as the name that goes with it.
  const isPassword = (el) => el.type === "password" || passwords.has(el);
  const isGuarded = (el) => isPassword(el) || PRIVATE.test(el.getAttribute("autocomplete") ?? "");
  const isBeside = (el) => el.tagName !== "SELECT" && counted.has(el.form ?? el.getRootNode());

  listen.call(window, asking, (event) => {
    event.stopImmediatePropagation();
    const path = event.composedPath().filter((node) => node instanceof Element);
    const view = outermost();
    const { parts } = view.__autotelic;
    const fields = new Set(fieldsIn(view.document));
    for (const el of fieldsIn(path[0].getRootNode())) fields.add(el);
    counted = new Set();
    for (const el of fields) if (isPassword(el)) { passwords.add(el); counted.add(el.form ?? el.getRootNode()); }
    const page = parts.observe();
    const known = new Set(parse(page).elements.filter((item) => item.interactive).map((item) => item.id));
    const target = path.map((el) => parts.idOf(el)).find((id) => known.has(id)) ?? "";
    const kind = isGuarded(path[0]) ? "guarded" : fields.has(path[0]) && isBeside(path[0]) ? "beside" : "";
    const hidden = [...fields].filter((el) => isGuarded(el) || isBeside(el)).map((el) => parts.idOf(el)).join(" ");
    const detail = [target, kind, hidden, view === window.top ? "" : "foreign", page].join("\n");
    dispatch.call(window, new Answer(answering, { detail }));
  }, true);
})
