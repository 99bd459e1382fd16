/* A combobox over a fixed list: <form data-choices> with a role=combobox input, its listbox, and a hidden field.
   Opens on click or typing, narrows as one types, and submits the form with the option chosen. */
"use strict";

function choices(form) {
  const input = form.querySelector("[role=combobox]");
  const list = form.querySelector("[role=listbox]");
  const value = form.querySelector("input[type=hidden]");
  const options = [...list.children];
  let active = null;

  const visible = () => options.filter((option) => !option.hidden);

  function highlight(option) {
    active = option ?? null;
    for (const each of options) each.setAttribute("aria-selected", String(each === active));
    if (!active) return input.removeAttribute("aria-activedescendant");
    input.setAttribute("aria-activedescendant", active.id);
    active.scrollIntoView({ block: "nearest" });
  }

  function open() {
    const typed = input.value.trim().toLowerCase();
    for (const option of options) option.hidden = !option.textContent.toLowerCase().includes(typed);
    list.hidden = visible().length === 0;
    input.setAttribute("aria-expanded", String(!list.hidden));
    highlight(typed ? visible()[0] : null);
  }

  function close() {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    highlight(null);
  }

  function choose(option) {
    value.value = option.textContent;
    input.value = option.textContent;
    close();
    form.requestSubmit();
  }

  form.addEventListener("submit", (event) => {
    if (!value.value) event.preventDefault();
  });
  input.addEventListener("click", open);
  input.addEventListener("input", open);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) return open();
      const shown = visible();
      const step = event.key === "ArrowDown" ? 1 : -1;
      const next = active ? shown.indexOf(active) + step : step > 0 ? 0 : -1;
      highlight(shown.at(next % shown.length));
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (active) choose(active);
    } else if (event.key === "Escape") {
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

for (const form of document.querySelectorAll("form[data-choices]")) choices(form);
