// A chart over time: a line for the mean, a band from lowest to highest, a dashed line for a limit.
// Where nothing was measured there is a gap; one of up to three buckets is bridged by a thin dashed
// line, and the chart says so. The axis always ends now.
const BRIDGED = 3;
const HOUR = 3600e3;

export default {
  mixins: [window.lode.chart],
  template: `<div class="lode-trend" role="img" :aria-label="label"><span class="lode-trend-unit">{{ lines[0]?.unit }}<span v-if="bridges" class="lode-trend-bridges" :data-bridges="bridges"> · dashed: nothing measured</span></span><div ref="canvas"></div><span v-if="isEmpty" class="lode-trend-empty">{{ empty }}</span></div>`,
  props: { lines: Array, limits: Array, events: Array, from: Number, to: Number, zero: Boolean, group: String, label: String, empty: String },
  computed: {
    isEmpty() {
      return this.lines.every((line) => line.mean.every((value) => value === null));
    },
    bridges() {
      return this.lines.reduce((sum, line) => sum + bridged(line).length, 0);
    },
  },
  watch: {
    lines: "draw",
    from: "draw",
  },
  methods: {
    draw() {
      if (!this.chart || !this.lines.length) return; // without an axis there is nothing to draw on
      const ink = window.lode.style;
      this.chart.setOption(
        {
          animation: false,
          textStyle: { fontFamily: ink("--font") },
          grid: { left: 8, right: this.axes().length > 1 ? 8 : 14, top: this.events.length ? 44 : 26, bottom: 4, containLabel: true },
          tooltip: this.tooltip(ink),
          xAxis: this.timeAxis(ink, 6, (when) => (this.to - this.from > 30 * HOUR ? this.day(when) : this.clock(when))),
          yAxis: this.axes().map((line, index) => this.valueAxis(line, index, ink)),
          series: this.lines.flatMap((line, index) => this.series(line, index, ink)),
        },
        { replaceMerge: ["series", "yAxis"] },
      );
    },
    axes() {
      const axes = [];
      this.lines.forEach((line) => (axes[line.axis] ??= line));
      return axes;
    },
    valueAxis(line, index, ink) {
      return {
        type: "value",
        position: index ? "right" : "left",
        min: this.zero ? 0 : (range) => this.floor(range, index),
        max: (range) => this.roof(range, index),
        scale: !this.zero,
        boundaryGap: this.zero ? [0, "8%"] : ["12%", "8%"],
        splitNumber: 4,
        axisLabel: this.valueLabel(ink),
        splitLine: { show: index === 0, lineStyle: { color: ink("--line") } },
        axisPointer: { show: false },
      };
    },
    // The limit stays in sight; everything else is left to the axis, which ends at a round number.
    roof(range, index) {
      const limit = index === 0 ? Math.max(-Infinity, ...this.limits.map((each) => each.value)) : -Infinity;
      return limit >= range.max ? Math.ceil((limit + 1) / 5) * 5 : undefined;
    },
    floor(range, index) {
      const least = index === 0 ? Math.min(Infinity, ...this.limits.map((each) => each.value)) : Infinity;
      return least <= range.min ? Math.floor((least - 1) / 5) * 5 : undefined;
    },
    series(line, index, ink) {
      const color = ink(line.color);
      const points = gapped(line);
      const common = { type: "line", yAxisIndex: line.axis, silent: true, connectNulls: false };
      const mean = {
        ...common,
        name: line.name,
        data: points.map((point) => ({ value: [point.at, point.mean], symbol: point.alone ? "circle" : "none" })),
        symbolSize: 4,
        lineStyle: { color, width: 1.8, type: line.dashed ? [5, 4] : "solid" },
        itemStyle: { color },
        areaStyle: line.area ? { color, opacity: 0.08 } : undefined,
        z: 3,
      };
      if (index === 0 && this.limits.length + this.events.length) mean.markLine = this.marks(ink);
      const bridge = {
        ...common,
        name: "bridge",
        symbol: "none",
        data: bridged(line).flatMap(([from, to]) => [[from.at, from.mean], [to.at, to.mean], [to.at, null]]),
        lineStyle: { color, width: 1, type: [2, 3], opacity: 0.8 },
        z: 3,
      };
      if (!line.low) return [mean, bridge];
      const edge = { ...common, symbol: "none", lineStyle: { opacity: 0 }, stack: `band ${index}`, stackStrategy: "all", z: 2 };
      return [
        mean,
        bridge,
        { ...edge, name: "low", data: points.map((point) => [point.at, point.low]) },
        { ...edge, name: "band", data: points.map((point) => [point.at, point.high === null ? null : point.high - point.low]), areaStyle: { color, opacity: 0.16 } },
      ];
    },
    // Levels to compare with lie across, their names apart from each other; events stand upright.
    marks(ink) {
      const places = ["insideStartTop", "insideEndTop", "insideMiddleTop"];
      const levels = this.limits.map((limit, index) => ({
        name: limit.name,
        yAxis: limit.value,
        lineStyle: { color: ink(limit.color), type: [6, 4], width: 1.2 },
        label: { color: ink(limit.color), fontSize: 11, position: places[index % 3], formatter: limit.name },
      }));
      const events = this.events.map((event) => ({
        name: event.name,
        xAxis: event.at,
        lineStyle: { color: ink("--muted"), type: [2, 3], width: 1.2 },
        label: { color: ink("--text"), fontSize: 11, position: "end", align: this.side(event.at), formatter: event.name },
      }));
      return { silent: true, symbol: "none", animation: false, data: [...levels, ...events] };
    },
    // Near an edge a name leans inwards.
    side(at) {
      const part = (at - this.from) / (this.to - this.from);
      return part < 0.12 ? "left" : part > 0.88 ? "right" : "center";
    },
    legend(ms, add) {
      for (const line of this.lines) {
        const point = gapped(line).find((each) => each.at === ms);
        if (!point || point.mean === null) continue;
        const shown = (value) => this.number(value, line.digits, line.digits);
        const range = line.low && point.low !== null ? `  (${shown(point.low)} to ${shown(point.high)})` : "";
        add(`${line.name}  ${shown(point.mean)} ${line.unit}${range}`);
      }
    },
  },
};

// The pairs of measured points with one to three missing buckets between them.
function bridged(line) {
  const step = line.bucket * 1000;
  const points = line.at.map((at, index) => ({ at, mean: line.mean[index] })).filter((point) => point.mean !== null);
  return points.slice(1).flatMap((to, index) => {
    const missing = Math.round((to.at - points[index].at) / step) - 1;
    return missing >= 1 && missing <= BRIDGED ? [[points[index], to]] : [];
  });
}

// The points of a line, with a hole wherever a bucket is missing; a point between two holes stands alone.
function gapped(line) {
  const step = line.bucket * 1000;
  const points = [];
  line.at.forEach((at, index) => {
    const last = points.at(-1);
    if (last && at - last.at > step * 1.5) points.push({ at: last.at + step, mean: null, low: null, high: null });
    points.push({ at, mean: line.mean[index], low: line.low?.[index] ?? null, high: line.high?.[index] ?? null });
  });
  points.forEach((point, index) => {
    const empty = (other) => !other || other.mean === null;
    point.alone = point.mean !== null && empty(points[index - 1]) && empty(points[index + 1]);
  });
  return points;
}
