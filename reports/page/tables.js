"use strict";
// Tables: a click on a column head sorts the rows upwards, then downwards, then restores the original order.
// The field above a long table hides the rows that lack one of its words.
{
  const LONG = 15; // rows
  const NUMBER = /^([+\u2212-]?)(\d[\d,]*\.?\d*)(?=$|[\s%\u00d7([,;])/;
  const MISSING = /^\s*[\u2013-]?\s*$/;
  const NEXT = { none: "ascending", ascending: "descending", descending: "none" };

  const number = (text) => {
    const match = NUMBER.exec(text);
    return match && (match[1] && match[1] !== "+" ? -1 : 1) * Number(match[2].replaceAll(",", ""));
  };

  const text = (row, column) => row.cells[column].textContent.trim();

  // Missing cells stay last in both directions; equal rows keep their original order.
  const sorted = (rows, column, direction) => {
    const known = rows.filter((row) => !MISSING.test(text(row, column)));
    const missing = rows.filter((row) => MISSING.test(text(row, column)));
    const numeric = known.every((row) => number(text(row, column)) !== null);
    const compare = (a, b) => (numeric ? number(a) - number(b) : a.localeCompare(b, "en", { numeric: true }));
    const sign = direction === "ascending" ? 1 : -1;
    known.sort((a, b) => sign * compare(text(a, column), text(b, column)));
    return [...known, ...missing];
  };

  const element = (tag, properties) => Object.assign(document.createElement(tag), properties);

  const addFilter = (table, rows) => {
    const label = element("label", { textContent: "Show rows with " });
    const field = element("input", { type: "search", autocomplete: "off", placeholder: "words, such as a task" });
    const count = element("output", {});
    const line = element("div", { className: "filter" });
    label.append(field);
    line.append(label, count);
    table.parentElement.before(line);
    field.addEventListener("input", () => {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const row of rows) {
        const content = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => content.includes(word));
      }
      table.classList.toggle("filtered", words.length > 0);
      const shown = rows.filter((row) => !row.hidden).length;
      count.textContent = words.length ? `${shown} of ${rows.length} rows` : "";
    });
  };

  for (const table of document.querySelectorAll("table")) {
    const body = table.tBodies[0];
    const original = [...body.rows];
    const heads = [...table.tHead.rows[0].cells];
    if (original.length > LONG) addFilter(table, original);
    heads.forEach((head, column) => {
      const button = element("button", { type: "button" });
      button.append(...head.childNodes);
      head.append(button);
      head.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const direction = NEXT[head.getAttribute("aria-sort")];
        for (const other of heads) other.setAttribute("aria-sort", "none");
        head.setAttribute("aria-sort", direction);
        table.classList.toggle("sorted", direction !== "none");
        body.append(...(direction === "none" ? original : sorted(original, column, direction)));
      });
    });
  }
}
