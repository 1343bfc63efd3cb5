"use strict";
(() => {
  document.documentElement.classList.add("js");
  // What Rust writes in report/timeline.rs: logs, length of a bar in seconds, bars [log, place, records, failed, changed], and
  // lines [time, until, log, records, flags], where flag 1 is a failure and 2 a change.
  const data = JSON.parse(document.getElementById("data").textContent);
  const COLOURS = 6;
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const ofLog = (log) => colour(`--log-${log % COLOURS}`);
  const form = document.getElementById("filter");
  const rows = [...document.querySelectorAll("#bursts tbody tr")];
  const texts = rows.map((row) => [...row.cells].map((cell) => cell.textContent).join("\n").toLowerCase());
  const shown = document.getElementById("shown");
  const lines = data.lines.map(([time, until, log, records, flags]) => ({ time, until, log, records, failed: (flags & 1) > 0, change: (flags & 2) > 0 }));
  let charts = [];
  let range = null;

  const words = () => form.text.value.trim().toLowerCase();
  // An entity that a link looks for is found as a whole: 192.0.2.1 is not in 192.0.2.10. Text that is typed may be a part.
  let entity = { text: "", pattern: null };
  const whole = (text) => {
    const part = "[\\p{L}\\p{N}_-]" + (/:.*:/.test(text) ? "|:" : "");
    const inner = "\\.[\\p{L}\\p{N}]";
    const literal = text.replace(/[\\^$.*+?()[\]{}|\/]/g, "\\$&");
    return new RegExp(`(?<!${part}|[\\p{L}\\p{N}]\\.)${literal}(?!${part}|${inner})`, "u");
  };
  const finds = (text) => (entity.text === words() ? entity.pattern.test(text) : text.includes(words()));
  const isOn = (log) => {
    const box = form.querySelector(`input[name=log][value="${data.logs[log]}"]`);
    return !box || box.checked;
  };
  const passes = (line, place) =>
    isOn(line.log) && (!form.failed.checked || line.failed) && (!form.changes.checked || line.change) && (!words() || finds(texts[place]));

  const stamp = (seconds) => new Date(seconds * 1000).toISOString().replace("T", " ").replace(/\.\d+Z$/, "");
  const utc = (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC");
  const axis = (more) => ({ stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") }, ...more });
  // Times as the tables have them: the hour, and at midnight the day; over centuries the year.
  const isFar = data.bars.length > 0 && (data.bars.at(-1)[1] - data.bars[0][1]) * data.length > 3e9;
  const times = (_, splits) => (isFar ? splits.map((seconds) => `${new Date(seconds * 1000).getUTCFullYear()}`) : clocks(splits));
  const clocks = (splits) =>
    splits.map((seconds) => (seconds % 86400 === 0 ? stamp(seconds).split(" ")[0] : stamp(seconds).split(" ")[1].slice(0, seconds % 60 ? 8 : 5)));
  // Right of the last bar there is room for half of its label.
  const PADDING = [null, 40, null, null];
  // What a bar stands for, under the pointer.
  const when = (_, value) => (value === null || value === undefined ? "" : stamp(value) + " UTC");

  const comma = (number) => number.toLocaleString("en-US");
  const apply = () => {
    let count = 0;
    lines.forEach((line, place) => {
      const inRange = !range || (line.time !== null && line.until >= range[0] && line.time <= range[1]);
      rows[place].hidden = !(passes(line, place) && inRange);
      count += rows[place].hidden ? 0 : 1;
    });
    shown.textContent = `${comma(count)} of ${comma(lines.length)} ${lines.length === 1 ? "line" : "lines"} shown` + (range ? `, ${stamp(range[0])} to ${stamp(range[1])} UTC` : "");
    const timeline = charts.find((chart) => chart.kind === "timeline");
    if (!timeline) return;
    // Without new scales the library draws nothing by itself.
    timeline.plot.setData(timelineData(), false);
    timeline.plot.redraw();
  };

  // Records by bar: those of the whole case, or, while text is looked for, those of the lines found.
  const bars = () => {
    if (!words()) return data.bars.filter(([log]) => isOn(log));
    const found = new Map();
    lines.forEach((line, place) => {
      if (line.time === null || !passes(line, place)) return;
      const key = `${line.log}/${Math.floor(line.time / data.length)}`;
      if (!found.has(key)) found.set(key, [line.log, Math.floor(line.time / data.length), 0, 0, 0]);
      const bar = found.get(key);
      bar[2] += line.records;
      if (line.failed) bar[3] += line.records;
      else if (line.change) bar[4] += line.records;
    });
    return [...found.values()];
  };

  // Each log has a lane with bars of all records, changes and failures.
  const MEASURES = [
    { name: "", at: 2 },
    { name: " changed", at: 4, colour: "--change" },
    { name: " failed", at: 3, colour: "--bad" },
  ];
  const most = Math.max(1, ...data.bars.map((bar) => bar[2]), ...lines.map((line) => line.records));
  const height = (records) => (0.82 * Math.log1p(records)) / Math.log1p(most);
  const base = (log) => data.logs.length - 1 - log;
  const has = (log, at) => data.bars.some((bar) => bar[0] === log && bar[at] > 0);
  const lanes = data.logs.flatMap((_, log) => MEASURES.filter(({ at }) => has(log, at)).map((measure) => ({ log, ...measure })));
  const first = data.bars.length > 0 ? data.bars.reduce((least, bar) => Math.min(least, bar[1]), Infinity) : 0;
  const last = data.bars.reduce((greatest, bar) => Math.max(greatest, bar[1]), first);
  const middle = (place) => (place + 0.5) * data.length;
  // Every bar of the case is in the chart, with nothing in it if the filter leaves nothing, so that the times stay.
  const places = [...new Set(data.bars.map((bar) => bar[1]))].sort((a, b) => a - b);
  const spots = new Map(places.map((place, spot) => [place, spot]));
  let counts = [];
  const timelineData = () => {
    counts = lanes.map(() => places.map(() => null));
    const only = form.failed.checked ? 3 : form.changes.checked ? 4 : 0;
    for (const bar of bars()) {
      lanes.forEach(({ log, at }, lane) => {
        if (log === bar[0] && bar[at] > 0 && (!only || at === only) && spots.has(bar[1])) counts[lane][spots.get(bar[1])] = bar[at];
      });
    }
    return [places.map(middle), ...counts.map((of, lane) => of.map((records) => (records === null ? null : base(lanes[lane].log) + height(records))))];
  };

  const timeline = (element) => {
    const drawn = uPlot.paths.bars({ size: [0.9, 20, 2] });
    const series = lanes.map(({ log, name, colour: own }, lane) => {
      const fill = own ? colour(own) : ofLog(log);
      return {
        label: data.logs[log] + name,
        stroke: fill,
        fill,
        width: 0,
        paths: drawn,
        points: { show: false },
        fillTo: () => base(log),
        value: (_, value, __, at) => (value === null || value === undefined ? "–" : comma(counts[lane][at])),
      };
    });
    const ends = [first * data.length, (last + 1) * data.length];
    return new uPlot(
      {
        width: element.clientWidth - 18,
        height: 70 + 60 * data.logs.length,
        padding: PADDING,
        tzDate: utc,
        scales: {
          y: { range: [0, data.logs.length] },
          x: { time: !isFar, range: (_, min, max) => (min === null || (min <= middle(first) && max >= middle(last)) ? ends : [min, max]) },
        },
        axes: [
          axis({ values: times, space: 80 }),
          axis({ size: 90, splits: () => data.logs.map((_, log) => base(log) + 0.4), values: () => data.logs, grid: { show: false }, ticks: { show: false } }),
        ],
        series: [{ label: "time", value: when }, ...series],
        hooks: {
          setScale: [
            (plot, key) => {
              if (key !== "x" || !plot.status) return;
              const { min, max } = plot.scales.x;
              const next = min <= ends[0] && max >= ends[1] ? null : [min, max];
              // To draw anew is to set the same scale again.
              if (String(next) === String(range)) return;
              range = next;
              apply();
            },
          ],
        },
      },
      timelineData(),
      element,
    );
  };

  // The records of the whole case, in at most so many steps.
  const STEPS = 200;
  const hours = (element) => {
    const wide = Math.max(1, Math.ceil((last - first + 1) / STEPS));
    const from = Math.floor(first / wide);
    const steps = Array.from({ length: Math.floor(last / wide) - from + 2 }, (_, step) => step);
    const series = data.logs.map(() => steps.map(() => 0));
    data.bars.forEach(([log, place, records]) => (series[log][Math.floor(place / wide) - from] += records));
    const stepped = uPlot.paths.stepped({ align: 1 });
    return new uPlot(
      {
        width: element.clientWidth - 18,
        height: 220,
        padding: PADDING,
        tzDate: utc,
        scales: { x: { time: !isFar } },
        axes: [axis({ values: times, space: 80 }), axis({ size: 70, values: (_, ys) => ys.map((y) => (Number.isInteger(y) ? comma(y) : "")) })],
        series: [
          { label: "time", value: when },
          ...data.logs.map((name, log) => ({
            label: name,
            stroke: ofLog(log),
            fill: ofLog(log) + "33",
            width: 1.5,
            paths: stepped,
            points: { show: false },
            value: (_, value) => (value === null || value === undefined ? "–" : comma(value)),
          })),
        ],
      },
      [steps.map((step) => (from + step) * wide * data.length), ...series],
      element,
    );
  };

  const draw = () => {
    charts.forEach((chart) => chart.plot.destroy());
    charts = [];
    const element = (id) => document.getElementById(id);
    if (data.bars.length > 0) {
      charts.push({ kind: "hours", plot: hours(element("hours")) });
      charts.push({ kind: "timeline", plot: timeline(element("timeline")) });
    } else {
      ["hours", "timeline"].forEach((id) => (element(id).hidden = true));
    }
    apply();
  };
  const resize = () => charts.forEach(({ plot }) => plot.setSize({ width: Math.max(100, plot.root.parentElement.clientWidth - 18), height: plot.height }));

  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => { range = null; draw(); }));
  document.querySelectorAll("a[data-find]").forEach((link) => {
    link.addEventListener("click", () => {
      form.text.value = link.dataset.find;
      entity = { text: words(), pattern: whole(words()) };
      apply();
    });
  });
  // A link into a closed list opens it.
  const open = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    const list = target && target.closest("details");
    if (list && !list.open) {
      list.open = true;
      target.scrollIntoView({ block: "center" });
    }
  };
  addEventListener("hashchange", open);
  // On paper the colours are the light ones.
  for (const media of ["(prefers-color-scheme: dark)", "print"]) matchMedia(media).addEventListener("change", draw);
  addEventListener("resize", resize);
  draw();
  open();
  document.documentElement.dataset.ready = "yes";
})();
