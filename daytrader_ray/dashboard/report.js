// Sortable tables, and a row that shows its curve in the chart.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = head.querySelector("button");
    if (!button) return;
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") !== "descending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const value = (row) => row.cells[column].dataset.value;
      const rows = [...table.tBodies[0].rows];
      rows.sort((a, b) => {
        const [x, y] = [value(a), value(b)];
        if (x === "" || y === "") return (x === "") - (y === "");
        return (Number(x) - Number(y)) * (down ? -1 : 1);
      });
      table.tBodies[0].append(...rows);
    });
  });
}
const chart = document.getElementById("equity");
for (const one of document.querySelectorAll(".js-plotly-plot")) {
  new ResizeObserver(() => Plotly.Plots.resize(one)).observe(one.parentElement);
}
const choose = (row) => {
  document.querySelectorAll("tr.chosen").forEach((other) => other.classList.remove("chosen"));
  row.classList.add("chosen");
  const chosen = Number(row.dataset.trace);
  const n = document.querySelectorAll("tr[data-trace]").length;
  const each = (yes, no) => Array.from({ length: n }, (_, k) => (k === chosen ? yes : no));
  const all = Array.from({ length: n }, (_, k) => k);
  Plotly.restyle(chart, { "line.color": each("#0d9488", "#94a3b8"), "line.width": each(3, 1), opacity: each(1, 0.45) }, all);
};
for (const row of document.querySelectorAll("tr[data-trace]")) {
  row.tabIndex = 0;
  row.addEventListener("click", () => choose(row));
  row.addEventListener("keydown", (event) => event.key === "Enter" && choose(row));
}
