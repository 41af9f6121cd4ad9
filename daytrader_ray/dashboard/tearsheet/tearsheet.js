// Tables of trades and orders: columns are unpacked when they are first looked at.
const unpack = async (data) => {
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return (await new Response(stream).text()).split("\n");
};
const element = (tag, text = "", kind = "") => Object.assign(document.createElement(tag), { textContent: text, className: kind });
const PAGE = 25;
const shown = (count) => count.toLocaleString("en");

const records = (root) => {
  const given = JSON.parse(root.querySelector("script").textContent);
  const { file, n, columns } = given;
  let cells = null, lines = [], page = 0, sorted = null, down = false;
  const search = Object.assign(element("input"), { type: "search", placeholder: "AAPL stop 2024-03", ariaLabel: `search ${root.dataset.name}` });
  const csv = element("button", "CSV"), body = element("tbody"), count = element("span");
  const back = element("button", "‹"), next = element("button", "›");
  back.ariaLabel = "earlier lines"; next.ariaLabel = "later lines";

  const show = () => {
    const last = Math.max(Math.ceil(lines.length / PAGE) - 1, 0);
    page = Math.min(Math.max(page, 0), last);
    const rows = lines.slice(page * PAGE, (page + 1) * PAGE).map((line) => {
      const row = element("tr");
      columns.forEach((column, k) => row.append(element("td", cells[k][line], column.text ? "" : "number")));
      return row;
    });
    body.replaceChildren(...rows);
    count.textContent = `${shown(lines.length)} of ${shown(n)}, page ${shown(page + 1)} of ${shown(last + 1)}`;
    back.disabled = page === 0; next.disabled = page === last;
  };
  const choose = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const texts = columns.flatMap((column, k) => (column.text ? [k] : []));
    lines = Array.from({ length: n }, (_, k) => k);
    for (const word of words) lines = lines.filter((line) => texts.some((k) => cells[k][line].toLowerCase().includes(word)));
    if (sorted !== null) {
      const column = cells[sorted], turn = down ? -1 : 1;
      const order = columns[sorted].text
        ? (a, b) => (column[a] < column[b] ? -turn : column[a] > column[b] ? turn : 0)
        : (a, b) => (column[a] === "" || column[b] === "" ? (column[a] === "") - (column[b] === "") : turn * (column[a] - column[b]));
      lines.sort(order);
    }
    page = 0;
    show();
  };
  const heads = columns.map((column, k) => {
    const head = element("th", "", column.text ? "" : "number"), button = element("button", column.name);
    button.addEventListener("click", () => {
      down = sorted === k ? !down : !column.text;
      sorted = k;
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      choose();
    });
    head.scope = "col";
    head.append(button);
    return head;
  });
  csv.addEventListener("click", () => {
    const quoted = (cell) => (/[",]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
    const text = [columns.map((c) => quoted(c.name)).join(","), ...lines.map((line) => cells.map((c) => quoted(c[line])).join(","))].join("\n");
    const link = Object.assign(element("a"), { href: URL.createObjectURL(new Blob([text + "\n"], { type: "text/csv" })), download: `${file}.csv` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  });
  search.addEventListener("input", choose);
  back.addEventListener("click", () => { page -= 1; show(); });
  next.addEventListener("click", () => { page += 1; show(); });

  const bar = element("div", "", "bar"), table = element("table"), top = element("tr"), head = element("thead");
  const scroll = element("div", "", "scroll"), pages = element("div", "", "pages");
  bar.append(element("h3", `${root.dataset.name[0].toUpperCase()}${root.dataset.name.slice(1)}`), search, csv);
  top.append(...heads); head.append(top); table.append(head, body); scroll.append(table); pages.append(back, count, next);
  root.append(bar, scroll, pages);
  const seen = new IntersectionObserver(async (entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    seen.disconnect();
    cells = n ? await Promise.all(columns.map((column) => unpack(column.data))) : columns.map(() => []);
    choose();
  });
  seen.observe(root);
};
document.querySelectorAll(".records").forEach(records);

// Bars of a chosen symbol and day, with our fills.
const picker = document.getElementById("bars-day");
if (picker) {
  const days = JSON.parse(document.getElementById("bars-data").textContent);
  const place = document.getElementById("bars");
  const line = "rgba(128,140,155,0.22)", ink = "#8390a0";
  const draw = () => {
    const day = days[Number(picker.value)];
    const marks = [1, -1].map((side) => {
      const mine = day.fills.filter((fill) => fill.side === side);
      return {
        type: "scatter", mode: "markers", x: mine.map((f) => f.time), y: mine.map((f) => f.price), text: mine.map((f) => f.text),
        hovertemplate: "%{x} %{text}<extra></extra>", name: side > 0 ? "bought" : "sold", xaxis: "x", yaxis: "y",
        marker: { symbol: side > 0 ? "triangle-up" : "triangle-down", size: 13, color: side > 0 ? "#2563eb" : "#d97706", line: { width: 1, color: "#fff" } },
      };
    });
    const bars = {
      type: "candlestick", x: day.time, open: day.open, high: day.high, low: day.low, close: day.close, name: "bars", showlegend: false,
      increasing: { line: { color: "#0d9488", width: 1 } }, decreasing: { line: { color: "#dc2626", width: 1 } },
    };
    const volume = { type: "bar", x: day.time, y: day.volume, name: "volume", yaxis: "y2", marker: { color: "#94a3b8" }, showlegend: false };
    const hours = day.time.filter((time) => time.endsWith(":00") || time.endsWith(":30")).filter((_, k) => k % 2 === 1);
    const axis = { gridcolor: line, zerolinecolor: line, fixedrange: false };
    const layout = {
      height: 420, margin: { l: 56, r: 12, t: 12, b: 40 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: ink, family: "system-ui, sans-serif", size: 13 }, legend: { orientation: "h", y: 1, yanchor: "bottom", x: 0 },
      xaxis: { ...axis, type: "category", categoryorder: "array", categoryarray: day.time, rangeslider: { visible: false }, tickvals: hours, tickangle: 0, showgrid: false, anchor: "y2" },
      yaxis: { ...axis, domain: [0.24, 1] }, yaxis2: { ...axis, domain: [0, 0.18], nticks: 3 },
    };
    Plotly.react(place, [bars, volume, ...marks], layout, { displayModeBar: false, responsive: true });
  };
  picker.addEventListener("change", draw);
  draw();
}
