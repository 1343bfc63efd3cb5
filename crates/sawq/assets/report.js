"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const LOGS = ["s3_access", "cloudtrail", "vpc_flow"];
  const COLOURS = { s3_access: "--s3", cloudtrail: "--trail", vpc_flow: "--flow" };
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const form = document.getElementById("filter");
  const rows = [...document.querySelectorAll("#bursts tbody tr")];
  const shown = document.getElementById("shown");
  let charts = [];
  let range = null;

  const passes = (burst) => {
    const words = form.text.value.trim().toLowerCase();
    const log = form.querySelector(`input[name=log][value=${burst.log}]`);
    return (
      (!log || log.checked) &&
      (!form.failed.checked || burst.failed) &&
      (!form.changes.checked || burst.change) &&
      (!words || burst.text.includes(words))
    );
  };

  const axis = (more) => ({ stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") }, ...more });
  // Times as the tables have them: the hour, and at midnight the day.
  const times = (_, splits) =>
    splits.map((seconds) => (seconds % 86400 === 0 ? stamp(seconds).slice(0, 10) : stamp(seconds).slice(11, seconds % 60 ? 19 : 16)));
  // Right of the last hour there is room for half of its label.
  const PADDING = [null, 40, null, null];
  const utc = (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC");
  const stamp = (seconds) => new Date(seconds * 1000).toISOString().replace("T", " ").slice(0, 19);

  const apply = () => {
    let count = 0;
    data.bursts.forEach((burst, place) => {
      const inRange = !range || (burst.time !== null && burst.until >= range[0] && burst.time <= range[1]);
      rows[place].hidden = !(passes(burst) && inRange);
      count += rows[place].hidden ? 0 : 1;
    });
    shown.textContent = `${count} of ${data.bursts.length} lines shown` + (range ? `, ${stamp(range[0])} to ${stamp(range[1])} UTC` : "");
    const timeline = charts.find((chart) => chart.kind === "timeline");
    if (timeline) timeline.plot.setData(points(), false);
  };

  const points = () => {
    const bursts = data.bursts.filter((burst) => passes(burst) && burst.time !== null);
    const lane = (log, failed) =>
      bursts.map((burst) => (burst.log === log && burst.failed === failed ? LOGS.length - LOGS.indexOf(log) - (failed ? 0.2 : 0) : null));
    return [bursts.map((burst) => burst.time), ...LOGS.flatMap((log) => [lane(log, false), lane(log, true)])];
  };

  const timeline = (element) => {
    const series = LOGS.flatMap((log) =>
      [false, true].map((failed) => ({
        label: log + (failed ? " failed" : ""),
        stroke: colour(failed ? "--bad" : COLOURS[log]),
        paths: () => null,
        points: { show: true, size: 9, fill: colour(failed ? "--bad" : COLOURS[log]) },
        value: (_, value) => (value === null ? "" : "here"),
      })),
    );
    return new uPlot(
      {
        width: element.clientWidth - 18,
        height: 220,
        padding: PADDING,
        tzDate: utc,
        scales: { y: { range: [0.4, 3.4] }, x: { time: true } },
        axes: [axis({ values: times, space: 80 }), axis({ size: 90, splits: () => [1, 2, 3], values: (_, ys) => ys.map((y) => LOGS[LOGS.length - y]) })],
        series: [{ value: (_, value) => (value === null ? "" : stamp(value) + " UTC") }, ...series],
        hooks: {
          setScale: [
            (plot, key) => {
              if (key !== "x" || !plot.status) return;
              const { min, max } = plot.scales.x;
              const all = plot.data[0].length === 0 || (min <= plot.data[0][0] && max >= plot.data[0].at(-1));
              range = all ? null : [min, max];
              apply();
            },
          ],
        },
      },
      points(),
      element,
    );
  };

  const hours = (element) => {
    const stepped = uPlot.paths.stepped({ align: 1 });
    const logs = LOGS.filter((log) => data.hours.series[log]);
    return new uPlot(
      {
        width: element.clientWidth - 18,
        height: 240,
        padding: PADDING,
        tzDate: utc,
        axes: [axis({ values: times, space: 80 }), axis({ size: 70 })],
        series: [
          { value: (_, value) => (value === null ? "" : stamp(value) + " UTC") },
          ...logs.map((log) => ({ label: log, stroke: colour(COLOURS[log]), fill: colour(COLOURS[log]) + "33", width: 1.5, paths: stepped, points: { show: false } })),
        ],
      },
      [data.hours.time, ...logs.map((log) => data.hours.series[log])],
      element,
    );
  };

  const draw = () => {
    charts.forEach((chart) => chart.plot.destroy());
    charts = [];
    const element = (id) => document.getElementById(id);
    if (data.hours.time.length > 0) charts.push({ kind: "hours", plot: hours(element("hours")) });
    if (data.bursts.length > 0) charts.push({ kind: "timeline", plot: timeline(element("timeline")) });
    apply();
  };

  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => { range = null; draw(); }));
  // On paper the colours are the light ones.
  for (const media of ["(prefers-color-scheme: dark)", "print"]) matchMedia(media).addEventListener("change", draw);
  addEventListener("resize", () => {
    charts.forEach(({ plot }) => plot.setSize({ width: plot.root.parentElement.clientWidth - 18, height: plot.height }));
  });
  draw();
  document.documentElement.dataset.ready = "yes";
})();
