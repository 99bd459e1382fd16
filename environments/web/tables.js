// Tables: cells with their column and row, so that a fact can be asked for and found.
(() => {
  const { parts } = window.__autotelic;
  const { fold, rendered, textOf, nameOf } = parts;
  const FIELDS = "input:not([type=hidden]), select, textarea";
  const isHead = (cell) => cell.tagName === "TH" || /^(columnheader|rowheader)$/.test(cell.getAttribute("role") ?? "");

  const rowsOf = (el) => (el.tagName === "TABLE" ? [...el.rows] : [...el.querySelectorAll("[role=row]")])
    .map((row) => ({ row, cells: row.cells ? [...row.cells] : [...row.children].filter((one) => /cell|header/.test(one.getAttribute("role") ?? "")) }))
    .filter(({ row, cells }) => cells.length > 0 && rendered(row));

  const headRow = (rows) => rows.findIndex(({ cells }) => cells.length > 1 && cells.every((cell, at) => isHead(cell) || (at === 0 && !textOf(cell))));

  // Tables that only arrange a page have no heads and uneven rows, or tables in them.
  const isData = (el, rows) => {
    if (/^(presentation|none)$/.test(el.getAttribute("role") ?? "") || rows.length === 0) return false;
    if (el.querySelector("table") && headRow(rows) < 0) return false;
    if (el.caption || el.hasAttribute("aria-label") || rows.some(({ cells }) => cells.some(isHead))) return true;
    const width = rows[0].cells.length;
    return width >= 2 && rows.length >= 2 && rows.every(({ cells }) => cells.length === width) && !el.querySelector(FIELDS);
  };

  const walk = (reader, cell, ctx) => reader.element(cell, { ...ctx, mute: true, muteAll: true });

  // Rows of a head and what belongs to it: facts, or fields with their labels.
  const facts = (reader, cells, ctx) => {
    let name = "";
    for (const cell of cells) {
      if (isHead(cell)) {
        name = textOf(cell).replace(/:$/, "");
        walk(reader, cell, ctx);
        continue;
      }
      const value = name && !cell.querySelector(FIELDS) ? textOf(cell, { longest: 400 }) : "";
      if (value) reader.emit(cell, "definition", name, ctx, { value });
      if (value) walk(reader, cell, { ...ctx, label: name });
      else reader.element(cell, { ...ctx, label: name || ctx.label });
      name = "";
    }
  };

  // A record is named by its first cell, or by what it links to where that is a mere number or date.
  const nameOfRow = (cells) => {
    const told = cells.filter((cell) => textOf(cell));
    const head = told.find(isHead);
    if (head || /\p{L}/u.test(told.length ? textOf(told[0]) : "")) return head ?? told[0];
    return told.find((cell) => /\p{L}/u.test(textOf(cell)) && cell.querySelector("a[href]")) ?? told[0];
  };

  parts.table = (reader, el, ctx) => {
    const rows = rowsOf(el);
    if (!isData(el, rows)) return false;
    const table = fold(nameOf(el, "table"), 80);
    const columns = [];
    const headed = headRow(rows);
    const heads = rows.some(({ cells }) => cells.some(isHead));
    if (el.caption) reader.element(el.caption, { ...ctx, mute: true });
    let index = 0;
    rows.forEach(({ row, cells }, at) => {
      reader.nodes++;
      if (at === headed || (headed >= 0 && cells.length > 1 && cells.every(isHead))) {
        columns.length = 0; // a table may begin anew, with other heads
        for (const cell of cells) {
          for (let span = 0; span < Math.min(cell.colSpan ?? 1, 50); span++) columns.push(textOf(cell, { controls: true, longest: 80 }));
          walk(reader, cell, { ...ctx, table });
        }
        reader.say("\n");
        return;
      }
      if (headed < 0 && heads) {
        facts(reader, cells, { ...ctx, group: table || ctx.group });
        reader.say("\n");
        return;
      }
      // What spans the whole table is about the records below it, or about all of them.
      if (cells.length === 1 && cells[0].colSpan > 1) {
        reader.element(cells[0], ctx);
        reader.say("\n");
        return;
      }
      index++;
      const head = nameOfRow(cells);
      const name = head ? textOf(head, { longest: 120 }) : "";
      let column = 0;
      for (const cell of cells) {
        const inner = { ...ctx, table, row: name, rowIndex: index, column: columns[column] ?? "", label: columns[column] };
        const text = textOf(cell, { longest: 400 });
        if (text) reader.emit(cell, "cell", text, inner);
        walk(reader, cell, inner);
        column += Math.min(cell.colSpan ?? 1, 50);
      }
      reader.say("\n");
      if (row.tagName !== "TR") reader.say("\n");
    });
    return true;
  };
})();
