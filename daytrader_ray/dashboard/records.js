// Tables of any length: columns are unpacked when they are first looked at.
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
  const search = Object.assign(element("input"), { type: "search", placeholder: root.dataset.example, ariaLabel: `search ${root.dataset.name}` });
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
