// The floor: every rig a small square, rack by rack, drawn by its state. The table on the fleet page
// says the same in words; here the eye finds the rack that went dark.
const SIZES = [26, 22, 18, 15, 12, 10, 8, 6, 5, 4];
const HEIGHT = 250;

export default {
  template: `
    <div class="lode-floor" v-show="count > 0">
      <canvas ref="canvas" role="img" :aria-label="label" @mousemove="point" @mouseleave="hit = null" @click="open"></canvas>
      <div v-if="hit" class="lode-floor-tip" :style="{ left: hit.left + 'px', top: hit.top + 'px' }">
        <b>{{ hit.row.name }}</b><span>{{ hit.words }}</span>
      </div>
    </div>`,
  props: { beat: Number, states: Object, site: String, label: String, none: String },
  data: () => ({ count: 0, hit: null }),
  created() {
    this.rows = new Map(); // outside Vue's sight, as there may be ten thousand
    this.places = [];
    this.mark = { boot: "", since: 0 };
  },
  mounted() {
    this.sized = new ResizeObserver(() => this.draw());
    this.sized.observe(this.$el.parentElement);
    window.addEventListener("lode-theme", this.draw);
    this.load();
  },
  beforeUnmount() {
    clearTimeout(this.later);
    this.sized.disconnect();
    window.removeEventListener("lode-theme", this.draw);
  },
  watch: { beat: "load" },
  methods: {
    async load() {
      if (this.loading || document.hidden) return;
      this.loading = true;
      try {
        const query = new URLSearchParams({ boot: this.mark.boot, since: this.mark.since });
        const answer = await fetch(`/_lode/fleet?${query}`, { cache: "no-store", signal: AbortSignal.timeout(15000) });
        if (answer.ok) this.take(await answer.json());
      } catch {
        // the page's connection sign speaks of it; the next beat tries again
      } finally {
        this.loading = false;
      }
    },
    take(news) {
      if (news.whole) this.rows.clear();
      this.mark = { boot: news.boot, since: news.beat };
      clearTimeout(this.later);
      if (news.later_ms) this.later = setTimeout(() => this.load(), news.later_ms + 50);
      for (const values of news.rows) {
        const row = Object.fromEntries(news.fields.map((field, index) => [field, values[index]]));
        if (!this.site || row.site === this.site) this.rows.set(row.id, row);
      }
      for (const id of news.gone) this.rows.delete(id);
      this.count = this.rows.size;
      this.draw();
    },
    racks() {
      const order = new Intl.Collator("en", { numeric: true }).compare;
      const racks = new Map();
      const sites = new Set();
      for (const row of this.rows.values()) {
        const key = `${row.site}\u0000${row.rack}`;
        sites.add(row.site);
        if (!racks.has(key)) racks.set(key, { site: row.site, name: row.rack || this.none, rows: [] });
        racks.get(key).rows.push(row);
      }
      if (sites.size > 1) for (const rack of racks.values()) rack.name = `${rack.site} ${rack.name}`;
      for (const rack of racks.values()) rack.rows.sort((a, b) => order(a.name, b.name));
      return [...racks.entries()].sort((a, b) => order(a[0], b[0])).map((entry) => entry[1]);
    },
    draw() {
      const width = this.$el.parentElement?.clientWidth ?? 0;
      if (!this.count || !width) return;
      const racks = this.racks();
      const room = width - 2 * parseFloat(getComputedStyle(this.$el.parentElement).paddingLeft);
      const plans = SIZES.map((size) => plan(racks, size, room));
      const chosen = plans.find((each) => each.height <= HEIGHT) ?? plans.at(-1);
      this.places = chosen.places;
      const canvas = this.$refs.canvas;
      const density = window.devicePixelRatio || 1;
      canvas.width = room * density;
      canvas.height = chosen.height * density;
      canvas.style.height = `${chosen.height}px`;
      const pen = canvas.getContext("2d");
      pen.scale(density, density);
      const inks = {};
      for (const look of Object.values(this.states)) {
        inks[look.tone] ??= { full: window.lode.style(`--${look.tone}`), soft: window.lode.style(`--${look.tone}-soft`) };
      }
      const ink = { paper: window.lode.style("--surface"), bad: window.lode.style("--bad") };
      pen.font = `11px ${window.lode.style("--font")}`;
      pen.fillStyle = window.lode.style("--muted");
      for (const label of chosen.labels) pen.fillText(label.text, label.x, label.y, label.width);
      for (const place of chosen.places) square(pen, place, chosen.size, inks[(this.states[place.row.state] ?? this.states.unknown).tone], ink);
    },
    find(event) {
      const box = this.$refs.canvas.getBoundingClientRect();
      const [x, y] = [event.clientX - box.left, event.clientY - box.top];
      return this.places.find((place) => x >= place.x && x < place.x + place.step && y >= place.y && y < place.y + place.step);
    },
    point(event) {
      const place = this.find(event);
      if (!place) return void (this.hit = null);
      const { row } = place;
      const told = [(this.states[row.state] ?? this.states.unknown).word];
      if (row.hashrate !== null) told.push(`${row.hashrate.toFixed(1)} TH/s`);
      if (row.chip_temp !== null) told.push(`${row.chip_temp.toFixed(1)} °C`);
      const left = Math.min(place.x, this.$refs.canvas.clientWidth - 190);
      this.hit = { row, words: told.join(" · "), left: Math.max(0, left), top: place.y + place.step + 4 };
    },
    open(event) {
      const place = this.find(event);
      if (place) window.location.assign(`/rigs/${Number(place.row.id)}`);
    },
  },
};

// Where each square goes: racks flow from left to right, each about twice as wide as high.
function plan(racks, size, width) {
  const gap = size > 8 ? 3 : size > 5 ? 2 : 1;
  const step = size + gap;
  const isNamed = size >= 10;
  const between = isNamed ? 14 : step;
  const places = [];
  const labels = [];
  let [x, y, tallest] = [0, 0, 0];
  for (const rack of racks) {
    const rows = Math.max(1, Math.round(Math.sqrt(rack.rows.length / 2)));
    const across = Math.max(1, Math.min(Math.floor(width / step), Math.ceil(rack.rows.length / rows)));
    const wide = Math.max(across * step - gap, isNamed ? 34 : 0);
    const high = Math.ceil(rack.rows.length / across) * step + (isNamed ? 16 : 0);
    if (x > 0 && x + wide > width) [x, y, tallest] = [0, y + tallest + between - gap, 0];
    if (isNamed) labels.push({ text: rack.name.slice(0, 24), x, y: y + 10, width: wide });
    rack.rows.forEach((row, index) => {
      places.push({ row, step, x: x + (index % across) * step, y: y + (isNamed ? 16 : 0) + Math.floor(index / across) * step });
    });
    x += wide + between;
    tallest = Math.max(tallest, high);
  }
  return { places, labels, size, height: y + tallest };
}

// Each state has its own figure besides its colour.
function square(pen, { row, x, y }, size, tone, ink) {
  const round = size > 9 ? 3 : size > 5 ? 1.5 : 0;
  const fill = (color, top = 0) => {
    pen.fillStyle = color;
    pen.beginPath();
    pen.roundRect(x, y + top, size, size - top, round);
    pen.fill();
  };
  const edge = (dash) => {
    pen.strokeStyle = tone.full;
    pen.lineWidth = size > 9 ? 1.5 : 1;
    pen.setLineDash(dash);
    pen.beginPath();
    pen.roundRect(x + 0.75, y + 0.75, size - 1.5, size - 1.5, round);
    pen.stroke();
    pen.setLineDash([]);
  };
  const line = (color, points) => {
    pen.strokeStyle = color;
    pen.lineWidth = Math.max(1, size / 9);
    pen.beginPath();
    points.forEach(([px, py], index) => (index % 2 ? pen.lineTo(x + px * size, y + py * size) : pen.moveTo(x + px * size, y + py * size)));
    pen.stroke();
  };
  if (row.state === "mining") fill(tone.full);
  else if (row.state === "faulted") {
    fill(tone.full);
    if (size > 7) line(ink.paper, [[0.5, 0.2], [0.5, 0.58], [0.5, 0.7], [0.5, 0.82]]);
  } else if (row.state === "unreachable") {
    fill(tone.soft);
    edge([]);
    if (size > 5) line(tone.full, [[0.28, 0.28], [0.72, 0.72], [0.72, 0.28], [0.28, 0.72]]);
  } else if (row.state === "silent") edge([size / 5, size / 6]);
  else {
    fill(tone.soft);
    if (row.state === "curtailed") fill(tone.full, size / 2);
    else if (row.state === "tuning") fill(tone.full, size / 4);
    else edge([]);
  }
  if (row.alerts && size > 7) {
    pen.fillStyle = ink.paper;
    pen.beginPath();
    pen.arc(x + size - 1, y + 1, size / 4.5 + 1.2, 0, 7);
    pen.fill();
    pen.fillStyle = ink.bad;
    pen.beginPath();
    pen.arc(x + size - 1, y + 1, size / 4.5, 0, 7);
    pen.fill();
  }
}
