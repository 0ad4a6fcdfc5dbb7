// Charts of meter values.
//
// <div class="chart" data-chart="URL of /meter-values/series" data-title="...">
//   <canvas role="img" aria-label="..."></canvas>
// </div>
//
// The URL is asked again when readings or transactions have changed (live.js); a page may also put
// another URL there and send the element a `redraw` event. Not for parts marked data-live.

import { onChange } from "./live.js";
import { element, rest, t } from "./page.js";

// The longer the time, the less does one more reading change, and the more has to be read for it.
const AT_MOST_EVERY = 3000;
const AT_LEAST_EVERY = 30_000;
const MOMENTS = 1000;
const COLOURS = 8;
const DASHES = [[], [6, 4], [2, 3], [10, 3, 2, 3]];
const POINTS = ["circle", "rect", "triangle", "rectRot"];
const ROWS = 200;
const FEW_POINTS = 40;
const MANY_SERIES = 4;
const FROM_ZERO = new Set(["kW", "A", "kVA"]);
// What people read is bigger than what meters send.
const SHOWN = { W: ["kW", 1000], Wh: ["kWh", 1000], VA: ["kVA", 1000], var: ["kvar", 1000], varh: ["kvarh", 1000], Percent: ["%", 1], Celsius: ["°C", 1] };

const language = document.documentElement.lang;
const numbers = new Intl.NumberFormat(language, { maximumFractionDigits: 2 });
const times = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium" });

const charts = [...document.querySelectorAll(".chart[data-chart]")].map((box) => new MeterChart(box));

function MeterChart(box) {
  const canvas = box.querySelector("canvas");
  const empty = element("p", { class: "empty", role: "status" });
  const details = element("details", { class: "numbers" }, element("summary", {}, t("Show the numbers")));
  let chart;
  let series = [];
  let busy = false;
  let again = false;

  empty.hidden = true;
  box.append(empty);
  details.hidden = true;
  box.after(details);
  details.addEventListener("toggle", writeTable);
  box.addEventListener("redraw", load);

  async function load() {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    let wait = AT_MOST_EVERY;
    try {
      const answer = await rest("GET", box.dataset.chart);
      series = answer.series.filter((one) => one.points.length).map(shown);
      box.classList.toggle("many", series.length > MANY_SERIES);
      draw(answer);
      box.dataset.points = series.reduce((count, one) => count + one.points.length, 0);
      say(series.length ? "" : t("No readings here."));
      const moment = (Date.parse(answer.to) - Date.parse(answer.from)) / MOMENTS;
      if (series.length) wait = Math.min(Math.max(wait, moment), AT_LEAST_EVERY);
    } catch (problem) {
      // What is drawn stays: it is old, and not wrong.
      const why = [problem.message, ...(problem.errors ?? []).map((error) => t(error.message))];
      if (!series.length) say(why.join(" · "));
    }
    writeTable();
    setTimeout(() => {
      busy = false;
      if (again) load();
      again = false;
    }, wait);
  }

  function say(text) {
    empty.textContent = text;
    empty.hidden = !text;
    canvas.hidden = Boolean(text);
    details.hidden = Boolean(text);
  }

  function draw(answer) {
    const colours = getComputedStyle(document.documentElement);
    const colour = (name) => colours.getPropertyValue(name).trim();
    const old = new Map((chart?.data.datasets ?? []).map((dataset, index) => [dataset.label, chart.isDatasetVisible(index)]));
    const datasets = series.map((one, index) => dataset(one, index, colour(`--chart-${(index % COLOURS) + 1}`)));
    datasets.forEach((one) => (one.hidden = old.get(one.label) === false));
    const options = chartOptions(answer, datasets, colour("--text"), colour("--line"));
    if (chart) {
      chart.data.datasets = datasets;
      chart.options = options;
      chart.update("none");
    } else {
      canvas.hidden = false;
      chart = new Chart(canvas, { type: "line", data: { datasets }, options });
    }
  }

  function writeTable() {
    if (!details.open) return;
    const rows = series.flatMap((one) => one.points.map(([time, value]) => [time, one.label, value, one.unit]));
    rows.sort((a, b) => b[0] - a[0]);
    const head = element("thead", {}, element("tr", {}, ...["Time", "What", "Value"].map((text) => element("th", { scope: "col", ...(text === "Value" && { class: "number" }) }, t(text)))));
    const body = element("tbody");
    for (const [time, label, value, unit] of rows.slice(0, ROWS)) {
      const number = element("td", { class: "number" }, `${numbers.format(value)} ${unit ?? ""}`);
      body.append(element("tr", {}, element("td", {}, times.format(time)), element("td", {}, label), number));
    }
    const table = element("table", {}, element("caption", {}, box.dataset.title), head, body);
    details.querySelector(".scroll")?.remove();
    details.append(element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": box.dataset.title }, table));
  }

  this.load = load;
  this.redraw = () => chart && load();
  load();
}

function shown(one) {
  const [unit, factor] = SHOWN[one.unit] ?? [one.unit, 1];
  return { ...one, unit, points: one.points.map(([time, value]) => [time, value / factor]) };
}

// No line where nothing was read for long: what was there in between is not known.
function withGaps(points) {
  const steps = points.slice(1).map(([time], index) => time - points[index][0]);
  const usual = [...steps].sort((a, b) => a - b)[Math.floor(steps.length / 2)] ?? 0;
  const longest = Math.max(5 * usual, 120_000);
  return points.flatMap(([x, y], index) => (steps[index] > longest ? [{ x, y }, { x: x + 1, y: NaN }] : [{ x, y }]));
}

function dataset(one, index, colour) {
  const look = Math.floor(index / 2);
  return {
    label: one.label,
    unit: one.unit,
    data: withGaps(one.points),
    yAxisID: axis(one.unit),
    borderColor: colour,
    backgroundColor: colour,
    borderDash: DASHES[look % DASHES.length],
    pointStyle: POINTS[index % POINTS.length],
    pointRadius: one.points.length > FEW_POINTS ? 0 : 2.5,
    pointHitRadius: 8,
    borderWidth: 2,
  };
}

const axis = (unit) => `y-${unit ?? ""}`;

function chartOptions(answer, datasets, text, line) {
  const font = { size: 12 };
  const units = [...new Set(datasets.map((one) => one.unit))];
  const x = {
    type: "time",
    min: Date.parse(answer.from),
    max: Date.parse(answer.to),
    ticks: { color: text, font, maxRotation: 0, autoSkipPadding: 16, maxTicksLimit: 8 },
    grid: { color: line },
    time: {
      tooltipFormat: "yyyy-MM-dd HH:mm:ss",
      displayFormats: { millisecond: "HH:mm:ss", second: "HH:mm:ss", minute: "HH:mm", hour: "HH:mm", day: "MM-dd", week: "MM-dd", month: "yyyy-MM", year: "yyyy" },
    },
  };
  const scales = { x };
  units.forEach((unit, index) => {
    scales[axis(unit)] = {
      type: "linear",
      position: index % 2 ? "right" : "left",
      title: { display: Boolean(unit), text: unit, color: text, font },
      ticks: { color: text, font, maxTicksLimit: 7, callback: (value) => numbers.format(value) },
      grid: { color: line, drawOnChartArea: index === 0 },
      grace: "5%",
      ...(unit === "%" ? { min: 0, max: 100, grace: 0 } : {}),
      beginAtZero: FROM_ZERO.has(unit),
    };
  });
  return {
    animation: false,
    responsive: true,
    maintainAspectRatio: false,
    interaction: { mode: "nearest", axis: "x", intersect: false },
    scales,
    plugins: {
      legend: { maxHeight: 120, labels: { color: text, font, usePointStyle: true, boxHeight: 6 } },
      tooltip: {
        callbacks: {
          label: ({ dataset: { label, unit }, parsed }) => `${label}: ${numbers.format(parsed.y)} ${unit ?? ""}`,
        },
      },
    },
  };
}

onChange((collections) => {
  const names = ["meter_values", "transactions", "*"];
  if (names.some((name) => collections.has(name))) charts.forEach((chart) => chart.load());
});

// Other colours.
const recolour = () => charts.forEach((chart) => chart.redraw());
new MutationObserver(recolour).observe(document.documentElement, { attributeFilter: ["data-theme"] });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
