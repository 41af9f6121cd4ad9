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
