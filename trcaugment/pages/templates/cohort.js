"use strict";
// A click on a column's title sorts the table by it: numbers from the highest, words from A; again, the other way round.
document.querySelectorAll("th button").forEach((button) => button.addEventListener("click", () => {
  const head = button.parentElement, column = head.cellIndex, body = document.querySelector("#trials tbody");
  const rows = [...body.rows], numeric = rows.some((row) => "value" in row.cells[column].dataset);
  const first = numeric ? "descending" : "ascending", second = numeric ? "ascending" : "descending";
  const order = head.ariaSort === first ? second : first, sign = order === "ascending" ? 1 : -1;
  const words = new Intl.Collator(undefined, { numeric: true });
  const value = (row) => (numeric ? row.cells[column].dataset.value : row.cells[column].textContent.trim());
  rows.sort((a, b) => {
    const [left, right] = [value(a), value(b)];
    if (left === "" || right === "") return (left === "") - (right === ""); // what is not known stands last
    return sign * (numeric ? left - right : words.compare(left, right));
  });
  document.querySelectorAll("th[aria-sort]").forEach((each) => { each.ariaSort = "none"; });
  head.ariaSort = order;
  body.append(...rows);
}));
