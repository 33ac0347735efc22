// What every chart over time has: its board, its axis of time, its words where the pointer is.
// A component mixes it in, and has `draw()` and `legend(hits, add)` of its own.
(() => {
  const pad = (number) => String(number).padStart(2, "0");

  window.lode.chart = {
    async mounted() {
      // Fetched only now: the page's numbers are painted before the megabyte that draws its charts.
      const { echarts } = await import("nicegui-echart");
      if (!this.$refs.canvas) return; // the page is gone already
      this.chart = echarts.init(this.$refs.canvas, null, { renderer: "canvas" });
      if (this.group) {
        this.chart.group = this.group;
        echarts.connect(this.group);
      }
      this.sized = new ResizeObserver(() => this.chart.resize());
      this.sized.observe(this.$refs.canvas);
      window.addEventListener("lode-theme", this.draw);
      this.draw();
    },
    beforeUnmount() {
      window.removeEventListener("lode-theme", this.draw);
      this.sized?.disconnect();
      this.chart?.dispose();
    },
    methods: {
      timeAxis(ink, splits, words) {
        return {
          type: "time",
          min: this.from,
          max: this.to,
          splitNumber: this.$el.clientWidth < 420 ? 3 : splits,
          axisLine: { onZero: false, lineStyle: { color: ink("--line-strong") } },
          axisTick: { show: false },
          axisLabel: { color: ink("--muted"), fontSize: 11, hideOverlap: true, formatter: (ms) => words(new Date(ms)) },
          splitLine: { show: false },
          axisPointer: { label: { show: false }, lineStyle: { color: ink("--line-strong") } },
        };
      },
      clock(when) {
        return `${pad(when.getHours())}:${pad(when.getMinutes())}`;
      },
      day(when) {
        return `${pad(when.getMonth() + 1)}-${pad(when.getDate())}`;
      },
      number(value, digits, least = 0) {
        return value.toLocaleString("en-US", { minimumFractionDigits: least, maximumFractionDigits: digits }).replace("-", "\u2212");
      },
      valueLabel(ink) {
        return { color: ink("--muted"), fontSize: 11, hideOverlap: true, formatter: (value) => this.number(value, 2) };
      },
      tooltip(ink) {
        return {
          trigger: "axis",
          confine: true,
          transitionDuration: 0,
          backgroundColor: ink("--raised"),
          borderColor: ink("--line-strong"),
          padding: [8, 10],
          textStyle: { color: ink("--text"), fontSize: 12 },
          formatter: (hits) => this.told(hits),
        };
      },
      told(hits) {
        const root = document.createElement("div");
        const add = (text, style = "lode-trend-row") => {
          const row = document.createElement("div");
          row.className = style;
          row.textContent = text;
          root.append(row);
        };
        add(new Date(hits[0].axisValue).toLocaleString(), "lode-trend-time");
        this.legend(hits[0].axisValue, add);
        return root;
      },
    },
  };
})();
