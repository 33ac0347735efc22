// A chart of what holds from one moment to another: prices, powers, money, before now and after.
// A value is drawn as long as it holds; where none is known there is a gap. Spans are marked, and now.
const DASHES = { solid: "solid", dashed: [6, 4], dotted: [2, 3] };

export default {
  mixins: [window.lode.chart],
  template: `<div>
    <div class="lode-trend" role="img" :aria-label="label">
      <span class="lode-trend-unit">{{ unit }}</span>
      <div ref="canvas"></div>
      <span v-if="isEmpty" class="lode-trend-empty">{{ empty }}</span>
    </div>
    <ul v-if="!isEmpty" class="lode-chart-key">
      <li v-for="line in lines" :key="line.name" :data-line="line.name">
        <span v-if="line.bar" class="lode-chart-bars" aria-hidden="true"></span>
        <span v-else-if="line.stacked" class="lode-chart-span" aria-hidden="true" :style="{ '--ink': 'var(' + line.color + ')' }"></span>
        <span v-else class="lode-chart-ink" aria-hidden="true" :style="{ borderTop: line.width + 'px ' + line.dash + ' var(' + line.color + ')' }"></span>{{ line.name }}
      </li>
      <li v-for="kind in kinds" :key="kind.name" :data-mark="kind.name">
        <span class="lode-chart-span" aria-hidden="true" :style="{ '--ink': 'var(' + kind.color + ')' }"></span>{{ kind.name }}
      </li>
    </ul>
  </div>`,
  props: { lines: Array, marks: Array, from: Number, to: Number, now: Number, unit: String, label: String, empty: String },
  computed: {
    isEmpty() {
      return this.lines.every((line) => line.value.every((value) => value === null));
    },
    kinds() {
      return [...new Map(this.marks.map((mark) => [mark.kind, { name: mark.kind, color: mark.color }])).values()];
    },
  },
  watch: { lines: "draw", marks: "draw", now: "draw" },
  methods: {
    draw() {
      if (!this.chart) return;
      const ink = window.lode.style;
      this.chart.setOption(
        {
          animation: false,
          textStyle: { fontFamily: ink("--font") },
          grid: { left: 8, right: 14, top: 26, bottom: 4, containLabel: true },
          tooltip: this.tooltip(ink),
          xAxis: this.timeAxis(ink, 8, (when) => (when.getHours() || when.getMinutes() ? this.clock(when) : this.day(when))),
          yAxis: {
            type: "value",
            splitNumber: 4,
            axisLabel: this.valueLabel(ink),
            splitLine: { lineStyle: { color: ink("--line") } },
            axisPointer: { show: false },
          },
          series: [this.marked(ink), ...this.lines.map((line, n) => this.series(line, n, ink))],
        },
        { replaceMerge: ["series"] },
      );
    },
    // Spans and the line of now hang on a series of their own, which draws nothing.
    marked(ink) {
      const now = this.now > this.from && this.now < this.to && !this.isEmpty ? [{ xAxis: this.now }] : [];
      return {
        type: "line",
        silent: true,
        data: [[this.from, null]],
        markLine: {
          silent: true,
          symbol: "none",
          animation: false,
          lineStyle: { color: ink("--text"), type: "solid", width: 1 },
          label: { formatter: "now", color: ink("--text"), fontSize: 11, position: "end", distance: 4 },
          data: now,
        },
        markArea: {
          silent: true,
          animation: false,
          data: this.marks.map((mark) => [
            { xAxis: Math.max(mark.from, this.from), itemStyle: { color: ink(mark.color), opacity: 0.14 } },
            { xAxis: Math.min(mark.until, this.to) },
          ]),
        },
        z: 1,
      };
    },
    series(line, place, ink) {
      const color = ink(line.color);
      if (line.stacked) {
        // Each area reaches down to the axis; those that stand below it are drawn over it.
        const below = this.lines.slice(0, place).filter((each) => each.stacked);
        const value = line.value.map((own, n) => (own === null ? null : below.reduce((sum, each) => sum + (each.value[n] ?? 0), own)));
        return {
          type: "line",
          silent: true,
          step: "end",
          symbol: "none",
          connectNulls: false,
          data: held({ ...line, value }),
          lineStyle: { color, width: line.width },
          areaStyle: { color: ink(`${line.color}-soft`), opacity: 1 },
          z: 3 + this.lines.length - place,
        };
      }
      if (line.bar) {
        return {
          type: "bar",
          silent: true,
          barWidth: "62%",
          data: line.at.map((at, n) => ({ value: [at + line.step / 2, line.value[n]], itemStyle: { color: line.value[n] < 0 ? ink("--bad") : color } })),
          z: 3,
        };
      }
      return {
        type: "line",
        silent: true,
        step: "end",
        symbol: "none",
        connectNulls: false,
        data: held(line),
        lineStyle: { color, width: line.width, type: DASHES[line.dash] },
        z: 3,
      };
    },
    legend(ms, add) {
      for (const line of this.lines) {
        const n = line.at.findIndex((at) => at <= ms && ms < at + line.step);
        if (n < 0) continue;
        const value = line.value[n];
        const shown = value === null ? "not known" : `${this.number(value, line.digits, line.digits)} ${this.unit}`;
        add(`${line.name}  ${shown}`);
      }
      for (const mark of this.marks) {
        if (mark.from <= ms && ms < mark.until) add(mark.name);
      }
    },
  },
};

// The points of a line that holds each value for its step; a hole wherever nothing is known.
function held(line) {
  const points = [];
  line.at.forEach((at, n) => {
    points.push([at, line.value[n]]);
    const next = line.at[n + 1];
    if (next === undefined || next > at + line.step * 1.01) {
      points.push([at + line.step, line.value[n]], [at + line.step, null]);
    } else if (line.value[n + 1] === null && line.value[n] !== null) {
      points.push([at + line.step, line.value[n]]);
    }
  });
  return points;
}
