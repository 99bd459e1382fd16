"use strict";
// The task gallery and the recordings. Everything from the run enters the page as text, never as markup.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const make = (tag, className, text) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const fill = (select, values) => {
    for (const value of [...new Set(values)].sort()) {
      const option = make("option", "", value);
      option.value = value;
      select.append(option);
    }
  };

  $("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });

  // ---- tasks
  if ($("task-list")) {
    let shown = 12;
    fill($("task-family"), data.tasks.map((task) => task.family));
    const draw = () => {
      const query = $("task-search").value.toLowerCase();
      const family = $("task-family").value;
      const role = $("task-role").value;
      const found = data.tasks.filter((task) =>
        (!family || task.family === family) && (!role || task.role === role) &&
        (!query || (task.instruction + " " + task.check).toLowerCase().includes(query)));
      $("task-list").replaceChildren(...found.slice(0, shown).map(row));
      if (!found.length) $("task-list").append(make("p", "none", "No task matches."));
      $("task-count").textContent = `${found.length} of ${data.tasks.length}`;
      $("task-more").hidden = found.length <= shown;
    };
    const row = (task) => {
      const node = make("div", "task");
      const words = make("div");
      words.append(make("p", "", task.instruction));
      const fine = make("p", "fine");
      fine.append(make("span", "chip", task.family));
      if (task.role === "heldout") fine.append(make("span", "chip", "held out"));
      fine.append(`done when ${task.check}`);
      words.append(fine);
      const meter = make("div", "meter");
      const rate = task.scored ? task.solved / task.scored : 0;
      meter.append(make("span", "", task.scored ? `${Math.round(rate * 100)}% of ${task.scored}` : "unscored"));
      const rail = make("i");
      const bar = make("b");
      bar.style.width = `${rate * 100}%`;
      rail.append(bar);
      meter.append(rail);
      node.append(words, meter);
      return node;
    };
    for (const id of ["task-search", "task-family", "task-role"]) $(id).addEventListener("input", () => { shown = 12; draw(); });
    $("task-more").addEventListener("click", () => { shown += 48; draw(); });
    draw();
  }

  // ---- recordings
  if (!$("rec-list")) return;
  const roles = { train: "practice", heldout: "held-out test", control: "control", explore: "exploration", verify: "replay", demo: "demonstration" };
  let current = null;
  let frame = 0;
  let mode = "view";
  fill($("rec-outcome"), data.recordings.map((rec) => rec.outcome));
  fill($("rec-family"), data.recordings.map((rec) => rec.family));
  fill($("rec-role"), data.recordings.map((rec) => rec.role));
  for (const option of $("rec-role").options) if (roles[option.value]) option.textContent = roles[option.value];

  const list = () => {
    const [outcome, family, role] = ["rec-outcome", "rec-family", "rec-role"].map((id) => $(id).value);
    const found = data.recordings.filter((rec) =>
      (!outcome || rec.outcome === outcome) && (!family || rec.family === family) && (!role || rec.role === role));
    $("rec-list").replaceChildren(...found.map((rec) => {
      const item = make("li");
      const button = make("button");
      button.type = "button";
      button.dataset.id = rec.id;
      button.append(make("span", "words", rec.instruction));
      const fine = make("small");
      fine.append(make("span", `chip ${rec.outcome}`, rec.outcome), ` ${roles[rec.role] || rec.role} · iteration ${rec.iteration}`);
      button.append(fine);
      button.addEventListener("click", () => open(rec));
      item.append(button);
      return item;
    }));
    $("rec-count").textContent = `${found.length} of ${data.recordings.length}`;
    if (found.length && !found.includes(current)) open(found.find((rec) => rec.outcome === "solved") || found[0]);
    else if (!found.length) { current = null; $("rec").replaceChildren(make("p", "none", "No recording matches.")); }
    else mark();
  };
  const mark = () => {
    for (const button of $("rec-list").querySelectorAll("button")) button.setAttribute("aria-current", String(current !== null && button.dataset.id === current.id));
  };
  const open = (rec) => { current = rec; frame = 0; mark(); show(); };
  const move = (by) => {
    if (!current) return;
    frame = Math.min(Math.max(frame + by, 0), Math.max(current.frames.length - 1, 0));
    show();
  };

  const show = () => {
    const rec = current;
    const head = make("h3", "", rec.instruction);
    const facts = make("p", "facts");
    facts.append(make("span", `chip ${rec.outcome}`, rec.outcome), ` ${rec.why || ""}`);
    const more = [`done when ${rec.check}`, `ended: ${rec.stop}`, `${rec.seconds} s`, `policy ${rec.policy}`];
    if (rec.answer !== null) more.splice(1, 0, `answered “${rec.answer}”`);
    if (rec.judge) more.push(`judged by ${rec.judge}`);
    facts.append(make("br"), more.join(" · "));
    const parts = [head, facts];
    if (rec.error) parts.push(make("p", "act wrong", rec.error));
    if (rec.frames.length) parts.push(...stage(rec));
    else parts.push(make("p", "none", "The episode ended before its first step."));
    $("rec").replaceChildren(...parts);
  };

  const stage = (rec) => {
    const now = rec.frames[frame];
    const strip = make("div", "steps");
    rec.frames.forEach((each, index) => {
      const last = !each.action && index === rec.frames.length - 1;
      const wrong = index + 1 < rec.frames.length && rec.frames[index + 1].error;
      const button = make("button", wrong ? "wrong" : "", last ? "end" : String(index + 1));
      button.type = "button";
      button.title = each.action || "the final page";
      button.setAttribute("aria-current", String(index === frame));
      button.addEventListener("click", () => { frame = index; show(); });
      strip.append(button);
    });
    const out = [strip];
    if (now.error) out.push(make("p", "act wrong", `the last action failed: ${now.error}`));
    out.push(make("p", "act", now.action ? (now.by === "policy" ? "" : `${now.by}: `) + now.action : "the final page"));
    if (now.wrote && now.wrote !== now.action && now.by === "policy") {
      const full = make("details");
      full.append(make("summary", "", "what the policy wrote"), make("pre", "", now.wrote));
      out.push(full);
    }
    const kinds = [];
    if (now.image) kinds.push(["image", "screenshot"]);
    if (now.view !== null) kinds.push(["view", "as the agent reads it"]);
    if (now.text !== null) kinds.push(["text", "page text"]);
    const usable = kinds.map(([kind]) => kind);
    const chosen = usable.includes(mode) && !(mode === "view" && now.image && !touched) ? mode : usable[0];
    const tabs = make("div", "tabs");
    for (const [kind, label] of kinds) {
      const button = make("button", "", label);
      button.type = "button";
      button.setAttribute("aria-pressed", String(kind === chosen));
      button.addEventListener("click", () => { mode = kind; touched = true; show(); });
      tabs.append(button);
    }
    out.push(tabs);
    const screen = make("div", "screen");
    screen.append(make("div", "address", now.title ? `${now.title} — ${now.url}` : now.url));
    if (chosen === "image") {
      const image = make("img");
      image.alt = `Screenshot of ${now.title || "the page"}`;
      image.src = data.images[now.image];
      screen.append(image);
    } else if (chosen) {
      screen.append(make("pre", "", data.texts[now[chosen]] || "(empty)"));
    }
    out.push(screen);
    const moves = make("div", "moves");
    for (const [label, by, stuck] of [["← back", -1, frame === 0], ["next →", 1, frame === rec.frames.length - 1]]) {
      const button = make("button", "", label);
      button.type = "button";
      button.disabled = stuck;
      button.addEventListener("click", () => move(by));
      moves.append(button);
    }
    moves.append(make("span", "", `step ${frame + 1} of ${rec.frames.length} · arrow keys work too`));
    out.push(moves);
    return out;
  };
  let touched = false;
  document.addEventListener("keydown", (event) => {
    if (["INPUT", "SELECT", "TEXTAREA"].includes(event.target.tagName)) return;
    if (event.key === "ArrowRight") move(1);
    if (event.key === "ArrowLeft") move(-1);
  });
  for (const id of ["rec-outcome", "rec-family", "rec-role"]) $(id).addEventListener("input", list);
  list();
})();
