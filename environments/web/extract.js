// One pass over the page: its visible text, and its interactive and informative elements in document order.
(() => {
  const { parts, state, now } = window.__autotelic;
  const { INTERACTIVE, INFORMATIVE, fold, rendered, roleOf, textOf, nameOf, options, valueOf, statesOf, levelOf } = parts;
  const SKIPPED = new Set([
    "SCRIPT", "STYLE", "TEMPLATE", "NOSCRIPT", "HEAD", "META", "LINK", "TITLE", "BASE", "SOURCE", "TRACK", "COL",
    "COLGROUP", "DATALIST", "OPTION", "OPTGROUP", "OBJECT", "EMBED", "title", "desc", "defs",
  ]);
  const CARDS = new Set(["LI", "ARTICLE", "DIV", "SECTION", "A"]);
  const HEADS = "h1, h2, h3, h4, h5, h6, [role=heading]";
  const CONTROLS = "input:not([type=hidden]), select, textarea, button, [role=button]";
  const GROUPS = new Set(["form", "search", "navigation", "main", "complementary", "region", "group", "radiogroup", "dialog", "alertdialog", "toolbar"]);
  const MOST_NODES = 30000, LONGEST_TEXT = 100000, DEEPEST = 400;
  const TOLD = new Set(["P", "DIV", "SPAN", "UL", "OL"]);
  const BAD = /(^|[\s_-])(error|errors|errorlist|danger)($|[\s_-])/i;
  const GOOD = /(^|\s)(ok|success|flash|alert|status)([_-](message|msg|box|text|success|info))?($|\s)/i;
  const stringify = JSON.stringify;
  const MEANING = /[\p{L}\p{N}\p{Sc}]/u;
  const PAIR = /^(\p{L}[^:]{0,39}):\s+(\S.{0,159})$/u;

  // What pages without roles tell people: messages are known by the class that colours them.
  const noticed = (el, tag) => {
    if (!TOLD.has(tag) || !el.className) return "";
    const bad = BAD.test(el.className);
    if (!bad && !GOOD.test(el.className)) return "";
    if (el.textContent.length > 400 || el.querySelector(CONTROLS)) return "";
    return bad ? "alert" : "status";
  };

  class Reader {
    constructor(most) {
      this.most = most;
      this.items = [];
      this.text = [];
      this.length = 0;
      this.nodes = 0;
      this.frames = 0;
      this.modal = null;
    }

    say(text) {
      if (this.length > LONGEST_TEXT) return;
      this.text.push(text);
      this.length += text.length;
    }

    emit(el, role, name, ctx, more = {}) {
      const item = { id: parts.idOf(el), role, name, interactive: INTERACTIVE.has(role), ...more };
      const place = parts.boxed(el);
      const states = item.states ?? [];
      if (place) {
        const { left, top, width, height } = place.rect;
        item.bounds = [left + ctx.x, top + ctx.y, width, height].map(Math.round);
        const view = el.ownerDocument.defaultView;
        if (left >= view.innerWidth || top >= view.innerHeight || left + width <= 0 || top + height <= 0) {
          states.push("offscreen");
        } else if (item.interactive && !states.includes("disabled") && parts.reach(el, place.at, place.rect).x === undefined) {
          states.push("covered");
        }
      }
      if (this.modal && !ctx.modal && !states.includes("covered")) states.push("covered");
      if (states.length) item.states = states;
      for (const key of ["group", "table", "row", "column", "frame"]) if (ctx[key]) item[key] = ctx[key];
      const form = item.interactive ? el.form ?? el.closest("form") : null;
      if (form) item.form = parts.idOf(form);
      if (ctx.row && ctx.rowIndex) item.row_index = ctx.rowIndex;
      this.items.push(item);
      return item;
    }

    children(node, ctx) {
      if (ctx.depth > DEEPEST) return;
      const cards = ctx.row || ctx.nav || ctx.quiet || node.nodeType !== 1 ? null : this.cards(node);
      for (let child = node.firstChild; child; child = child.nextSibling) {
        if (child.nodeType === 3) this.words(child, ctx);
        else if (child.nodeType === 1) {
          const card = cards?.get(child);
          this.element(child, card ? { ...ctx, ...card, table: "", column: "" } : ctx);
        }
      }
    }

    words(node, ctx) {
      if (!ctx.visible) return;
      this.say(node.data);
      if (ctx.collect) ctx.collect.push(node.data);
    }

    element(el, ctx) {
      const tag = el.tagName;
      if (SKIPPED.has(tag) || ++this.nodes > MOST_NODES || !rendered(el)) return;
      const style = getComputedStyle(el);
      const inline = style.display === "inline" || style.display === "contents";
      const block = !inline && !style.display.startsWith("inline");
      const inner = { ...ctx, depth: ctx.depth + 1, visible: style.visibility === "visible" };
      if (block) {
        this.say("\n");
        inner.collect = null;
        if (!ctx.inside) inner.mute = false;
        if (ctx.muteAll) inner.mute = true;
      } else if (!inline) {
        this.say(" ");
        ctx.collect?.push(" ");
      }
      if (this.modal === el) inner.modal = true;
      if (el.getAttribute("aria-hidden") === "true" || el.inert) inner.quiet = true;
      this.dispatch(el, tag, style, inner, ctx);
      if (block) this.say("\n");
      else if (!inline) {
        this.say(" ");
        ctx.collect?.push(" ");
      }
      if (tag === "BR") { this.say("\n"); ctx.collect?.push(" "); }
      if (tag === "TD" || tag === "TH") this.say("\t");
    }

    dispatch(el, tag, style, ctx, outer) {
      const role = roleOf(el) || noticed(el, tag);
      if (tag === "IFRAME" || tag === "FRAME") return this.frame(el, ctx);
      if (GROUPS.has(role)) {
        ctx.group = nameOf(el, role).slice(0, 80) || ctx.group;
        if (role === "navigation") ctx.nav = true;
      }
      if (ctx.quiet || !ctx.visible) return this.descend(el, ctx);
      if (INTERACTIVE.has(role)) return this.control(el, role, ctx);
      if (tag === "LABEL" || tag === "LEGEND" || tag === "CAPTION") {
        if (tag !== "LABEL" || (el.control && rendered(el.control))) ctx.mute = ctx.muteAll = true;
      }
      if (!ctx.inside && this.clickable(el, tag, style, outer)) return this.control(el, "button", ctx);
      if (INFORMATIVE.has(role) && !ctx.inside) return this.notice(el, role, ctx);
      if (tag === "TABLE" || role === "table" || role === "grid" || role === "treegrid") {
        if (parts.table(this, el, ctx)) return undefined;
      }
      if (tag === "DL") return this.definitions(el, ctx);
      if (tag === "IMG") return undefined;
      return this.block(el, ctx);
    }

    descend(el, ctx) {
      if (el.shadowRoot) return this.children(el.shadowRoot, ctx);
      if (el.tagName === "SLOT" && el.assignedNodes) {
        const given = el.assignedNodes();
        if (given.length) {
          for (const node of given) {
            if (node.nodeType === 3) this.words(node, ctx);
            else if (node.nodeType === 1) this.element(node, ctx);
          }
          return undefined;
        }
      }
      return this.children(el, ctx);
    }

    control(el, role, ctx) {
      const tag = el.tagName;
      const place = parts.boxed(el);
      if (!place) return this.descend(el, ctx);
      const { right, bottom, width, height } = place.rect;
      const view = el.ownerDocument.defaultView;
      if (right + view.scrollX <= 0 || bottom + view.scrollY <= 0 || (width <= 1 && height <= 1)) return undefined;
      const choices = options(el, role);
      const item = this.emit(el, role, nameOf(el, role, ctx.label ?? ctx.row ?? this.before(el, role)), ctx, {
        value: valueOf(el, role), states: statesOf(el, role), options: choices.slice(0, 100), interactive: true,
      });
      if (role === "link") item.href = String(el.href?.baseVal ?? el.href ?? "").slice(0, 500);
      if (tag === "INPUT" || tag === "BUTTON") item.input_type = el.type;
      if (tag === "SELECT") { this.say(item.value); return undefined; }
      if (tag === "INPUT" || tag === "TEXTAREA") return undefined;
      const buried = role !== "link";
      return this.descend(el, { ...ctx, inside: true, mute: true, muteAll: role !== "listbox", collect: buried ? null : ctx.collect });
    }

    // A field without any name takes the words just before it, in its parent or in the table cell before its own.
    before(el, role) {
      if (role === "button" || role === "link" || role === "option") return "";
      const own = el.parentElement?.tagName === "TD" ? el.parentElement.previousElementSibling : null;
      for (let node = el.previousSibling ?? own; node; node = node.previousSibling ?? (node === own ? null : own)) {
        if (node.nodeType === 1 && (node.tagName === "LABEL" || node.matches(CONTROLS) || node.querySelector(CONTROLS))) return "";
        const text = node.nodeType === 8 ? "" : fold(node.textContent, 60);
        if (text) return text.length < 60 ? text.replace(/:$/, "") : "";
        if (node === own) return "";
      }
      return "";
    }

    clickable(el, tag, style, outer) {
      if (tag === "LABEL" || tag === "HTML" || tag === "BODY" || tag === "svg") return false;
      const heard = parts.clickable(el);
      const pointing = style.cursor === "pointer" && (!el.parentElement || getComputedStyle(el.parentElement).cursor !== "pointer");
      if (!heard && !pointing) return false;
      if (el.querySelector(`a[href], ${CONTROLS}, [role=link], [role=tab], [role=option], [role=menuitem]`)) return false;
      for (const inner of heard ? el.getElementsByTagName("*") : []) if (parts.clickable(inner)) return false;
      return el.textContent.length <= 600 && textOf(el, { longest: 161 }).length <= 160 && !outer.inside;
    }

    notice(el, role, ctx) {
      if (role === "dialog" || role === "alertdialog") {
        this.emit(el, "dialog", nameOf(el, role), ctx);
        return this.descend(el, ctx);
      }
      const name = textOf(el, { longest: 400 });
      if (!name) return this.descend(el, ctx);
      this.emit(el, role, name, ctx, role === "heading" ? { level: levelOf(el, role) } : {});
      return this.descend(el, { ...ctx, mute: true, muteAll: true, collect: null });
    }

    // Text of an element that holds words of its own, with its inline children; the blocks in it speak for themselves.
    block(el, ctx) {
      if (ctx.mute) return this.descend(el, ctx);
      let own = false;
      for (let child = (el.shadowRoot ?? el).firstChild; child && !own; child = child.nextSibling) {
        own = child.nodeType === 3 && MEANING.test(child.data);
      }
      if (!own) return this.pair(el, ctx) || this.descend(el, ctx);
      const collect = [];
      const at = this.items.length;
      this.descend(el, { ...ctx, collect, mute: true, inside: ctx.inside });
      this.tell(el, fold(collect.join(""), 400), ctx, at);
      return undefined;
    }

    tell(el, text, ctx, at) {
      if (!text) return;
      const pair = PAIR.exec(text);
      const rest = this.items.splice(at);
      if (pair && pair[1].split(" ").length <= 5) this.emit(el, "definition", pair[1], ctx, { value: pair[2] });
      else this.emit(el, "text", text, ctx);
      this.items.push(...rest);
    }

    // <span class="label">Price</span><span>$5</span>
    pair(el, ctx) {
      if (el.childElementCount !== 2 || el.shadowRoot) return false;
      const [first, second] = el.children;
      if (first.childElementCount || second.childElementCount || SKIPPED.has(first.tagName) || SKIPPED.has(second.tagName)) return false;
      if (roleOf(first) || roleOf(second) || first.tagName === "LABEL" || !rendered(first) || !rendered(second)) return false;
      const name = fold(first.textContent, 60), value = fold(second.textContent, 160);
      if (!name || !value || (!name.endsWith(":") && !/(^|[-_ ])(label|term|key)([-_ ]|$)/i.test(first.className))) return false;
      this.emit(el, "definition", name.replace(/:$/, ""), ctx, { value });
      this.descend(el, { ...ctx, mute: true, muteAll: true });
      return true;
    }

    definitions(el, ctx) {
      let terms = [];
      const visit = (list) => {
        for (const child of list.children) {
          if (child.tagName === "DIV") { visit(child); continue; }
          if (!rendered(child)) continue;
          if (child.tagName === "DT") {
            if (child.previousElementSibling?.tagName !== "DT") terms = [];
            terms.push(textOf(child).replace(/:$/, ""));
          } else if (child.tagName === "DD" && terms.length) {
            const value = textOf(child, { longest: 400 });
            if (value) this.emit(child, "definition", terms.join(", "), ctx, { value });
          }
          this.element(child, { ...ctx, mute: true, muteAll: true, label: child.tagName === "DD" ? terms.join(", ") : ctx.label });
        }
      };
      visit(el);
    }

    // Siblings of one shape, each with a heading or link and something more: rows that are named by it.
    cards(parent) {
      const count = parent.childElementCount;
      const first = parent.firstElementChild;
      if (count < 1 || count > 300 || !CARDS.has(first.tagName)) return null;
      const listed = first.tagName === "LI" || first.tagName === "ARTICLE";
      if (count === 1 && !listed) return null;
      const shape = (el) => el.tagName + "." + (el.classList[0] ?? "");
      const tally = new Map();
      for (const child of parent.children) tally.set(shape(child), (tally.get(shape(child)) ?? 0) + 1);
      const [commonest, number] = [...tally].reduce((a, b) => (b[1] > a[1] ? b : a));
      if (number < count * 0.6 || (number < 2 && !listed)) return null;
      const found = new Map();
      let index = 0, rich = 0;
      for (const child of parent.children) {
        if (shape(child) !== commonest || !rendered(child)) continue;
        index++;
        if (child.getElementsByTagName("*").length > 80) return null;
        const heads = child.querySelectorAll(HEADS);
        const head = heads[0] ?? child.querySelector("a[href]") ?? (child.tagName === "A" ? child.querySelector("strong, b") : null);
        if (!head || heads.length > 2 || child.querySelector("table, nav")) continue;
        const row = textOf(head, { longest: 120 });
        if (!row) continue;
        found.set(child, { row, rowIndex: index });
        if (fold(child.textContent, 400).length > row.length + 1 || child.querySelector(CONTROLS)) rich++;
      }
      return rich > 0 && found.size >= index * 0.6 && rich >= found.size * 0.5 ? found : null;
    }

    frame(el, ctx) {
      const rect = el.getBoundingClientRect();
      if (rect.width < 2 || rect.height < 2) return;
      let body = null;
      try { body = el.contentDocument?.body; } catch { body = null; }
      const frame = fold(el.title || el.name || el.getAttribute("src") || "frame", 80);
      if (body) {
        const view = { ...ctx, x: ctx.x + rect.left + el.clientLeft, y: ctx.y + rect.top + el.clientTop, frame };
        this.say("\n");
        this.element(body, view);
        this.say("\n");
      } else {
        this.items.push({ hole: this.frames++, at: [rect.left + el.clientLeft + ctx.x, rect.top + el.clientTop + ctx.y], frame });
        this.text.push(`\n\u0000${this.frames - 1}\u0000\n`);
        parts.holes.push(new WeakRef(el));
      }
    }
  }

  const prune = (items, most) => {
    if (items.length <= most) return items;
    const controls = items.filter((item) => item.interactive).length;
    let spare = Math.max(most - controls, 0), kept = 0;
    return items.filter((item) => (item.interactive ? kept++ < most : spare-- > 0));
  };

  const tidy = (chunks) => chunks.join("").split("\n").map((line) => line.replace(/\s+/g, " ").trim()).filter(Boolean).join("\n");

  // Old libraries give arrays a `toJSON` of their own, which would write them as strings.
  const write = (value) => {
    const own = Array.prototype.toJSON;
    if (!own) return stringify(value);
    delete Array.prototype.toJSON;
    try { return stringify(value); } finally { Array.prototype.toJSON = own; }
  };

  const read = (most) => {
    const reader = new Reader(most);
    parts.holes = [];
    if (document.body) {
      reader.modal = [...document.querySelectorAll("dialog[open], [aria-modal=true]")]
        .filter((el) => (el.tagName !== "DIALOG" || el.matches(":modal") || el.ariaModal === "true") && rendered(el)).at(-1) ?? null;
      reader.element(document.body, { x: 0, y: 0, depth: 0, visible: true });
    }
    return reader;
  };

  const again = (role, name, nth) => read(400).items.filter((item) => item.role === role && item.name === name)[nth - 1]?.id;

  const observe = (most = 400) => {
    const reader = read(most);
    state.since = now();
    return write({
      url: location.href, title: fold(document.title, 300), text: tidy(reader.text).slice(0, LONGEST_TEXT),
      elements: prune(reader.items, most), ready: document.readyState,
      status: performance.getEntriesByType("navigation")[0]?.responseStatus ?? 0,
    });
  };

  Object.assign(parts, { observe, again, holeOf: (el) => parts.holes.findIndex((ref) => ref.deref() === el) });
})();
