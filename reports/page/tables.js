"use strict";
// Tables: a click on a column head sorts the rows upwards, then downwards, then restores the original order.
{
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

  for (const table of document.querySelectorAll("table")) {
    const body = table.tBodies[0];
    const original = [...body.rows];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
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
