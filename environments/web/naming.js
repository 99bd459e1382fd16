// Roles, accessible names, values and states of elements, after ARIA in HTML and accname, in the parts that pages use.
(() => {
  const { parts } = window.__autotelic;
  const INPUT_ROLES = {
    button: "button", submit: "button", reset: "button", image: "button", file: "button", checkbox: "checkbox",
    radio: "radio", range: "slider", number: "spinbutton", search: "searchbox",
  };
  const TAG_ROLES = {
    BUTTON: "button", SUMMARY: "button", TEXTAREA: "textbox", DIALOG: "dialog", OUTPUT: "status", H1: "heading",
    H2: "heading", H3: "heading", H4: "heading", H5: "heading", H6: "heading", FORM: "form", NAV: "navigation",
    MAIN: "main", ASIDE: "complementary", FIELDSET: "group",
  };
  const INTERACTIVE = new Set([
    "link", "button", "textbox", "searchbox", "combobox", "listbox", "option", "checkbox", "radio", "switch", "slider",
    "spinbutton", "tab", "menuitem", "menuitemcheckbox", "menuitemradio", "treeitem",
  ]);
  const INFORMATIVE = new Set(["heading", "alert", "status", "dialog", "alertdialog"]);
  const KNOWN = new Set([
    ...INTERACTIVE, ...INFORMATIVE, "table", "grid", "treegrid", "row", "cell", "gridcell", "columnheader", "rowheader",
    "form", "search", "navigation", "main", "complementary", "region", "group", "radiogroup", "toolbar", "presentation",
    "none", "list", "listitem", "banner", "contentinfo", "img",
  ]);
  const DEFAULT_LABELS = { submit: "Submit", reset: "Reset", file: "Choose file" };
  const LONGEST = 200;

  const fold = (text, longest = LONGEST) => {
    const folded = (text ?? "").slice(0, longest * 8).replace(/\s+/g, " ").trim();
    return folded.length > longest ? folded.slice(0, longest).trimEnd() : folded;
  };
  const rendered = (el) => el.checkVisibility() || getComputedStyle(el).display === "contents";

  const roleOf = (el) => {
    const given = el.getAttribute("role");
    if (given) {
      const role = given.toLowerCase().split(/\s+/).find((one) => KNOWN.has(one));
      if (role) return role;
    }
    const tag = el.tagName;
    switch (tag) {
      case "A": case "AREA": case "a": return el.hasAttribute("href") || el.hasAttribute("xlink:href") ? "link" : "";
      case "INPUT": {
        const type = el.type;
        if (type === "hidden") return "";
        return INPUT_ROLES[type] ?? (el.hasAttribute("list") ? "combobox" : "textbox");
      }
      case "SELECT": return el.multiple || el.size > 1 ? "listbox" : "combobox";
      default:
        if (TAG_ROLES[tag]) return TAG_ROLES[tag];
        if (el.isContentEditable && !el.parentElement?.isContentEditable) return "textbox";
        return "";
    }
  };

  // The text of a subtree as a name: images by their alt, nothing from controls, nothing hidden.
  const textOf = (el, { controls = false, longest = LONGEST } = {}) => {
    if (!el.firstElementChild && !el.shadowRoot) return fold(el.textContent, longest);
    const found = [];
    let length = 0;
    const visit = (node) => {
      for (let child = node.firstChild; child && length < longest * 4; child = child.nextSibling) {
        if (child.nodeType === 3) {
          found.push(child.data);
          length += child.data.length;
        } else if (child.nodeType === 1) {
          const tag = child.tagName;
          if (tag === "SCRIPT" || tag === "STYLE" || tag === "TEMPLATE" || tag === "NOSCRIPT" || tag === "SELECT") continue;
          if (tag === "TEXTAREA" || tag === "DATALIST" || child.getAttribute("aria-hidden") === "true") continue;
          if (tag === "IMG") { found.push(" ", child.alt, " "); continue; }
          if (tag === "BR") { found.push(" "); continue; }
          if (tag === "INPUT" || (!controls && (tag === "BUTTON" || child.getAttribute("role") === "button"))) continue;
          if (!rendered(child)) continue;
          const label = child.getAttribute("aria-label");
          if (label) { found.push(" ", label, " "); continue; }
          const inline = getComputedStyle(child).display === "inline";
          if (!inline) found.push(" ");
          visit(child.shadowRoot ?? child);
          if (!inline) found.push(" ");
        }
      }
    };
    visit(el.shadowRoot ?? el);
    return fold(found.join(""), longest);
  };

  const referenced = (el, attribute) => {
    const ids = el.getAttribute(attribute);
    if (!ids) return [];
    const root = el.getRootNode();
    return ids.trim().split(/\s+/).map((id) => root.getElementById?.(id)).filter(Boolean);
  };

  const FROM_CONTENT = new Set([
    "link", "button", "heading", "option", "checkbox", "radio", "switch", "tab", "menuitem", "menuitemcheckbox",
    "menuitemradio", "treeitem", "cell",
  ]);

  const nameOf = (el, role, fallback = "") => {
    const by = referenced(el, "aria-labelledby").map((one) => textOf(one, { controls: true })).join(" ");
    if (by.trim()) return fold(by);
    const label = fold(el.getAttribute("aria-label"));
    if (label) return label;
    const tag = el.tagName;
    if (tag === "INPUT" || tag === "SELECT" || tag === "TEXTAREA" || tag === "BUTTON") {
      const type = el.type;
      if (tag === "INPUT" && (type === "submit" || type === "reset" || type === "button")) {
        const value = fold(el.value) || DEFAULT_LABELS[type];
        if (value) return value;
      }
      if (tag === "INPUT" && type === "image" && fold(el.alt)) return fold(el.alt);
      const labels = el.labels ? [...el.labels].map((one) => textOf(one)).join(" ") : "";
      if (labels.trim()) return fold(labels);
    } else if (tag === "FIELDSET") {
      const legend = el.querySelector(":scope > legend");
      if (legend) return textOf(legend);
    } else if (tag === "TABLE") {
      if (el.caption) return textOf(el.caption);
    } else if (tag === "svg") {
      const title = el.querySelector("title");
      if (title) return fold(title.textContent);
    }
    if (FROM_CONTENT.has(role) && tag !== "INPUT") {
      const text = textOf(el, { controls: true });
      if (text) return text;
      const title = el.querySelector("svg title");
      if (title) return fold(title.textContent);
    }
    return fold(el.getAttribute("title")) || fold(el.getAttribute("placeholder")) || fold(el.getAttribute("aria-placeholder"))
      || (DEFAULT_LABELS[el.type] ?? "") || fallback
      || (/^(INPUT|SELECT|TEXTAREA)$/.test(tag) ? fold(el.name.replace(/[_\-\[\].:]+/g, " ")) : "");
  };

  const options = (el, role) => {
    if (el.tagName === "SELECT") return [...el.options].filter((one) => !one.disabled).map((one) => fold(one.label, 120));
    if (el.list) return [...el.list.options].map((one) => fold(one.value || one.label, 120));
    if (role !== "listbox" && role !== "combobox") return [];
    const boxes = role === "listbox" ? [el] : [...referenced(el, "aria-controls"), ...referenced(el, "aria-owns"), el];
    return boxes.flatMap((box) => [...box.querySelectorAll("[role=option]")]).filter(rendered).map((one) => nameOf(one, "option"));
  };

  const valueOf = (el, role) => {
    switch (el.tagName) {
      case "SELECT": return fold([...el.selectedOptions].map((one) => fold(one.label, 120)).join(", "), 400);
      case "TEXTAREA": return fold(el.value, 400);
      case "INPUT":
        if (el.type === "password") return el.value ? "•••" : "";
        if (role === "checkbox" || role === "radio" || role === "switch" || role === "button") return "";
        return fold(el.value, 400);
      default:
    }
    if (role === "textbox" || role === "searchbox") return textOf(el, { longest: 400 });
    if (role === "combobox") {
      const inner = el.querySelector("input");
      return inner ? fold(inner.value) : textOf(el);
    }
    if (role === "slider" || role === "spinbutton") return fold(el.getAttribute("aria-valuetext") ?? el.getAttribute("aria-valuenow"));
    if (role === "listbox") {
      return fold([...el.querySelectorAll("[role=option][aria-selected=true]")].map((one) => nameOf(one, "option")).join(", "));
    }
    return "";
  };

  const statesOf = (el, role) => {
    const found = [];
    const aria = (name) => el.getAttribute("aria-" + name);
    const on = (name) => aria(name) === "true";
    const native = el.tagName === "INPUT" && (el.type === "checkbox" || el.type === "radio");
    if (native ? el.checked : on("checked") || on("pressed")) found.push("checked");
    if ((native && el.indeterminate) || aria("checked") === "mixed") found.push("mixed");
    if (on("selected") && role !== "listbox") found.push("selected");
    if (el.matches(":disabled") || el.closest("[aria-disabled=true]")) found.push("disabled");
    if (on("expanded") || (el.tagName === "SUMMARY" && el.parentElement?.open)) found.push("expanded");
    if (el.required || on("required")) found.push("required");
    if ((aria("invalid") ?? "false") !== "false" || (el.validity && el.matches(":user-invalid"))) found.push("invalid");
    if ((role === "textbox" || role === "searchbox" || role === "spinbutton") && (el.readOnly || on("readonly"))) found.push("readonly");
    const active = el.getRootNode().activeElement;
    if (active === el && el !== el.ownerDocument.body) found.push("focused");
    return found;
  };

  const levelOf = (el, role) => {
    if (role !== "heading") return null;
    const level = parseInt(el.getAttribute("aria-level") ?? (/^H[1-6]$/.test(el.tagName) ? el.tagName[1] : "2"), 10);
    return level >= 1 ? level : 2;
  };

  Object.assign(parts, {
    INTERACTIVE, INFORMATIVE, fold, rendered, roleOf, textOf, referenced, nameOf, options, valueOf, statesOf, levelOf,
  });
})();
