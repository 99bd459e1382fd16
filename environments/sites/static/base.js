/* Behaviour shared by the bundled sites, attached by data attributes:
   data-dialog="id"        opens <dialog id>; with data-dialog-source its body is fetched from that address first
   data-close              closes the dialog around it
   data-reveal="id"        shows a hidden element, hides the button itself, and focuses its first control
   data-expand="id"        shows or hides an element; the button says which by aria-expanded
   data-autosubmit         submits its form when changed
   role=combobox + data-source   suggestions: the source answers ?q= with a JSON list of strings */
"use strict";

document.addEventListener("click", async (event) => {
  const origin = event.target.closest("[data-dialog], [data-close], [data-reveal], [data-expand]");
  if (!origin) return;
  if (origin.dataset.dialog) {
    const dialog = document.getElementById(origin.dataset.dialog);
    if (origin.dataset.dialogSource) {
      const response = await fetch(origin.dataset.dialogSource);
      if (!response.ok) return;
      dialog.querySelector("[data-dialog-body]").innerHTML = await response.text();
    }
    dialog.showModal();
  } else if (origin.dataset.reveal) {
    const hidden = document.getElementById(origin.dataset.reveal);
    hidden.hidden = false;
    origin.hidden = true;
    hidden.querySelector("input:not([type=hidden]), select, textarea")?.focus();
  } else if (origin.dataset.expand) {
    const part = document.getElementById(origin.dataset.expand);
    part.hidden = !part.hidden;
    origin.setAttribute("aria-expanded", String(!part.hidden));
  } else {
    origin.closest("dialog").close();
  }
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-autosubmit]")) event.target.form.requestSubmit();
});

function combobox(input) {
  const list = document.getElementById(input.getAttribute("aria-controls"));
  let active = -1;
  let asked = 0;

  function close() {
    list.hidden = true;
    active = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function choose(option) {
    input.value = option.textContent;
    close();
    input.focus();
  }

  function highlight(index) {
    const options = [...list.children];
    active = options.length ? (index + options.length) % options.length : -1;
    options.forEach((option, i) => option.setAttribute("aria-selected", String(i === active)));
    if (active < 0) return;
    input.setAttribute("aria-activedescendant", options[active].id);
    options[active].scrollIntoView({ block: "nearest" });
  }

  async function suggest() {
    const turn = ++asked;
    const typed = input.value.trim();
    if (!typed) return close();
    const response = await fetch(`${input.dataset.source}?q=${encodeURIComponent(typed)}`);
    const texts = response.ok ? await response.json() : [];
    if (turn !== asked || document.activeElement !== input) return;
    /* Nothing is left to suggest, and an open list would only cover what lies below. */
    if (texts.length === 1 && texts[0].toLowerCase() === typed.toLowerCase()) return close();
    list.replaceChildren(...texts.map((text, index) => {
      const option = document.createElement("li");
      option.id = `${list.id}-${index}`;
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", "false");
      option.textContent = text;
      return option;
    }));
    active = -1;
    list.hidden = texts.length === 0;
    input.setAttribute("aria-expanded", String(texts.length > 0));
  }

  input.addEventListener("input", suggest);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (list.hidden) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      highlight(active + (event.key === "ArrowDown" ? 1 : -1));
    } else if (event.key === "Enter" && active >= 0) {
      event.preventDefault();
      choose(list.children[active]);
    } else if (event.key === "Escape") {
      event.preventDefault();
      close();
    }
  });
  /* Keeps the focus in the input, so that blur does not close the list before the click arrives. */
  list.addEventListener("mousedown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) choose(option);
  });
}

for (const input of document.querySelectorAll("[role=combobox][data-source]")) combobox(input);
