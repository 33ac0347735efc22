// The table of all rigs. The rows come by HTTP: all of them once, then only the changed ones, when the
// server says that there is something new. Filters, order and scrolling never leave the browser.
const NARROW = 720;
let AgGrid = null; // fetched once the page is painted: it is a megabyte

export default {
  template: `
    <section class="lode-fleet">
      <div class="lode-toolbar">
        <input class="lode-input lode-search" type="search" v-model="filter.text" :placeholder="words.search" :aria-label="words.search" maxlength="200">
        <select v-for="choice in choices" :key="choice.field" class="lode-input" v-model="filter[choice.field]" :aria-label="choice.label">
          <option value="">{{ choice.all }}</option>
          <option v-for="value in choice.values" :key="value" :value="value">{{ value }}</option>
        </select>
        <span class="lode-count" aria-live="polite">{{ counted }}</span>
        <button v-if="isFiltered" type="button" class="lode-button" @click="clear">{{ words.clear }}</button>
      </div>
      <div class="lode-chips">
        <button v-for="state in shownStates" :key="state.state" type="button" class="lode-chip" :class="['lode-' + state.tone, {'lode-chip-on': filter.state === state.state}]" :aria-pressed="filter.state === state.state" :title="state.meaning" @click="toggle(state.state)">
          <span class="lode-shape" :class="'lode-shape-' + state.shape" aria-hidden="true"></span>{{ state.word }}<b>{{ state.count.toLocaleString("en-US") }}</b>
        </button>
      </div>
      <div v-show="total > 0" ref="grid" class="lode-grid"></div>
      <div v-if="loaded && total === 0" class="lode-empty"><b>{{ words.empty }}</b><span>{{ words.emptyHint }}</span></div>
      <div v-if="!loaded" class="lode-empty"><span>{{ trouble ? words.trouble : words.loading }}</span></div>
    </section>`,
  props: { beat: Number, columns: Array, states: Array, words: Object, site: String },
  data: () => ({
    filter: { text: "", state: "", site: "", rack: "", model: "" },
    total: 0,
    shown: 0,
    counts: {},
    values: { site: [], rack: [], model: [] },
    loaded: false,
    trouble: false,
  }),
  created() {
    this.rows = new Map(); // outside Vue's sight: ten thousand proxies would cost a second
    this.mark = { boot: "", since: 0 };
    this.looks = Object.fromEntries(this.states.map((state) => [state.state, state]));
    const asked = new URLSearchParams(window.location.search);
    for (const field of Object.keys(this.filter)) if (field !== "site") this.filter[field] = asked.get(field) ?? "";
  },
  async mounted() {
    if (!AgGrid) {
      AgGrid = await import("nicegui-aggrid");
      AgGrid.ModuleRegistry.registerModules([AgGrid.AllCommunityModule]);
    }
    if (!this.$refs.grid) return; // the page is gone already
    this.grid = AgGrid.createGrid(this.$refs.grid, this.options());
    this.sized = new ResizeObserver(() => this.fit());
    this.sized.observe(this.$refs.grid);
    this.forget = window.lode.watch(() => this.grow());
    this.load();
  },
  beforeUnmount() {
    clearTimeout(this.later);
    this.forget?.();
    this.sized?.disconnect();
    this.grid?.destroy();
  },
  watch: {
    beat: "load",
    filter: { deep: true, handler: "narrow" },
  },
  computed: {
    isFiltered() {
      return Object.values(this.filter).some((value) => value !== "");
    },
    counted() {
      const all = this.total.toLocaleString("en-US");
      return this.shown === this.total ? `${all} ${this.words.rigs}` : `${this.shown.toLocaleString("en-US")} ${this.words.of} ${all} ${this.words.rigs}`;
    },
    choices() {
      return ["site", "rack", "model"]
        .map((field) => ({ field, ...this.words.choices[field], values: this.values[field] }))
        .filter((choice) => choice.values.length > 1 || this.filter[choice.field]);
    },
    shownStates() {
      return this.states.map((state) => ({ ...state, count: this.counts[state.state] ?? 0 })).filter((state) => state.count || this.filter.state === state.state);
    },
  },
  methods: {
    async load() {
      if (!this.grid || this.loading || document.hidden) return;
      this.loading = true;
      try {
        const query = new URLSearchParams({ boot: this.mark.boot, since: this.mark.since });
        const answer = await fetch(`/_lode/fleet?${query}`, { cache: "no-store", signal: AbortSignal.timeout(15000) });
        if (answer.ok) this.take(await answer.json());
        this.trouble = !answer.ok;
      } catch {
        this.trouble = true; // the page's connection sign speaks of it; the next beat tries again
      } finally {
        this.loading = false;
      }
    },
    take(news) {
      const fields = news.fields;
      const read = (values) => Object.fromEntries(fields.map((field, index) => [field, values[index]]));
      const mine = (row) => !this.site || row.site === this.site;
      const rows = news.rows.map(read).filter(mine);
      this.mark = { boot: news.boot, since: news.beat };
      clearTimeout(this.later);
      if (news.later_ms) this.later = setTimeout(() => this.load(), news.later_ms + 50);
      if (news.whole) {
        this.rows = new Map(rows.map((row) => [row.id, row]));
        this.grid.setGridOption("rowData", rows);
      } else {
        const change = { add: rows.filter((row) => !this.rows.has(row.id)), update: rows.filter((row) => this.rows.has(row.id)), remove: news.gone.filter((id) => this.rows.has(id)).map((id) => ({ id })) };
        rows.forEach((row) => this.rows.set(row.id, row));
        change.remove.forEach((row) => this.rows.delete(row.id));
        if (rows.length || change.remove.length) this.grid.applyTransactionAsync(change, () => this.count());
      }
      this.loaded = true;
      this.summarise();
    },
    summarise() {
      const counts = {};
      const values = { site: new Set(), rack: new Set(), model: new Set() };
      for (const row of this.rows.values()) {
        counts[row.state] = (counts[row.state] ?? 0) + 1;
        for (const field in values) if (row[field]) values[field].add(row[field]);
      }
      const order = new Intl.Collator("en", { numeric: true }).compare;
      this.counts = counts;
      this.total = this.rows.size;
      for (const field in values) {
        const sorted = [...values[field]].sort(order);
        if (sorted.join("\n") !== this.values[field].join("\n")) this.values[field] = sorted;
      }
      this.count();
    },
    count() {
      this.shown = this.grid?.getDisplayedRowCount() ?? 0;
    },
    narrow() {
      const query = new URLSearchParams(window.location.search);
      for (const [field, value] of Object.entries(this.filter)) if (field !== "site") value ? query.set(field, value) : query.delete(field);
      const text = query.toString();
      window.history.replaceState(window.history.state, "", text ? `?${text}` : window.location.pathname);
      this.needle = this.filter.text.toLowerCase().split(/\s+/).filter(Boolean);
      this.grid?.onFilterChanged();
      this.top();
      this.count();
    },
    top() {
      if (this.grid?.getDisplayedRowCount()) this.grid.ensureIndexVisible(0, "top");
    },
    toggle(state) {
      this.filter.state = this.filter.state === state ? "" : state;
    },
    clear() {
      for (const field of Object.keys(this.filter)) this.filter[field] = "";
    },
    passes(row) {
      for (const field of ["state", "site", "rack", "model"]) if (this.filter[field] && row[field] !== this.filter[field]) return false;
      const text = (row.search ??= [row.name, row.site, row.rack, row.model, row.state, row.address, row.serial].join(" ").toLowerCase());
      return (this.needle ?? []).every((word) => text.includes(word));
    },
    // Ages grow by themselves, but only those in sight are drawn again.
    grow() {
      if (this.total) this.grid.refreshCells({ columns: ["at"], force: true, suppressFlash: true });
    },
    fit() {
      const width = this.$refs.grid.clientWidth;
      if (!width) return;
      const fits = this.columns.filter((column) => column.room <= width).map((column) => column.field);
      if (fits.join() === this.fits) return;
      this.fits = fits.join();
      this.grid.setColumnsVisible(fits, true);
      this.grid.setColumnsVisible(this.columns.map((column) => column.field).filter((field) => !fits.includes(field)), false);
      const firm = this.columns.filter((column) => !column.room && !column.flex);
      this.grid.setColumnWidths(firm.map((column) => ({ key: column.field, newWidth: width < NARROW ? column.min : column.width })));
    },
    options() {
      this.needle = this.filter.text.toLowerCase().split(/\s+/).filter(Boolean);
      return {
        theme: theme(),
        columnDefs: this.columns.map((column) => this.column(column)),
        defaultColDef: { sortable: true, resizable: true, suppressHeaderMenuButton: true, sortingOrder: ["desc", "asc", null] },
        getRowId: (params) => String(params.data.id),
        isExternalFilterPresent: () => true,
        doesExternalFilterPass: (node) => this.passes(node.data),
        onSortChanged: (event) => event.source === "uiColumnSorted" && this.top(),
        onModelUpdated: () => this.count(),
        onRowClicked: (event) => this.open(event),
        onCellKeyDown: (event) => event.event.key === "Enter" && this.open(event),
        rowHeight: 38,
        headerHeight: 44,
        animateRows: false,
        suppressCellFocus: false,
        suppressDragLeaveHidesColumns: true,
        asyncTransactionWaitMillis: 50,
        overlayNoRowsTemplate: "<span></span>",
        tooltipShowDelay: 400,
        enableCellTextSelection: true,
      };
    },
    open(event) {
      const click = event.event;
      if (click.target.closest?.("a")) return; // the link does it, with all its keys
      if (String(window.getSelection())) return; // somebody is copying a value
      window.location.assign(`/rigs/${Number(event.data.id)}`);
    },
    column(column) {
      const made = {
        field: column.field,
        headerName: column.title,
        headerComponentParams: { template: header(column.unit) },
        headerTooltip: column.hint || undefined,
        width: column.width,
        minWidth: column.min,
        flex: column.flex || undefined,
        pinned: column.pinned || undefined,
        type: column.digits === undefined || column.digits === null ? undefined : "rightAligned",
      };
      return { ...made, ...this.kinds()[column.kind](column) };
    },
    kinds() {
      const shown = (value, digits) => (value === null || value === undefined ? "–" : value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }));
      const nullsLast = (a, b, _x, _y, descending) => {
        if (a === b) return 0;
        if (a === null || a === undefined) return descending ? -1 : 1;
        if (b === null || b === undefined) return descending ? 1 : -1;
        return a < b ? -1 : 1;
      };
      const number = (column) => ({ comparator: nullsLast, valueFormatter: (cell) => shown(cell.value, column.digits) });
      const collator = new Intl.Collator("en", { numeric: true });
      return {
        number,
        text: (column) => ({ comparator: (a, b) => collator.compare(a ?? "", b ?? ""), tooltipField: column.field, valueFormatter: (cell) => cell.value || "–" }),
        name: (column) => ({ tooltipField: column.field, comparator: (a, b) => collator.compare(a ?? "", b ?? ""), cellRenderer: (cell) => this.nameCell(cell) }),
        state: () => ({ comparator: (a, b) => this.rank(a) - this.rank(b), cellRenderer: (cell) => stateCell(this.looks[cell.value] ?? this.looks.unknown, cell.value) }),
        heat: (column) => ({ ...number(column), cellClassRules: { "lode-cell-bad": (cell) => heat(cell, column) === "bad", "lode-cell-warn": (cell) => heat(cell, column) === "warn" } }),
        share: (column) => ({ ...number(column), cellRenderer: (cell) => shareCell(cell.value, shown(cell.value, 0)) }),
        ofwhole: (column) => ({ comparator: nullsLast, valueFormatter: (cell) => (cell.value === null ? "–" : `${cell.value}${cell.data[column.limit] ? ` / ${cell.data[column.limit]}` : ""}`), cellClassRules: { "lode-cell-bad": (cell) => cell.value !== null && cell.value < cell.data[column.limit] } }),
        lasted: () => ({ comparator: nullsLast, valueFormatter: (cell) => (cell.value === null ? "–" : window.lode.duration(cell.value)) }),
        age: () => ({ comparator: (a, b) => -nullsLast(a, b), valueFormatter: (cell) => (cell.value === null ? "never" : window.lode.duration((window.lode.now() - cell.value) / 1000)), cellClassRules: { "lode-cell-old": (cell) => cell.value === null || window.lode.now() - cell.value > 60000 } }),
        alerts: () => ({ comparator: nullsLast, cellRenderer: (cell) => alertsCell(cell.value) }),
      };
    },
    rank(state) {
      return this.states.findIndex((each) => each.state === state);
    },
    nameCell(cell) {
      const link = element("a", "lode-cell-name", cell.value);
      link.href = `/rigs/${Number(cell.data.id)}`;
      return link;
    },
  },
};

// Everything below makes elements by hand and sets text as text: a rig may be called anything.
function element(tag, style, text = "") {
  const made = document.createElement(tag);
  made.className = style;
  made.textContent = text;
  return made;
}

function stateCell(look, state) {
  const cell = element("span", `lode-state lode-${look.tone}`);
  cell.append(element("span", `lode-shape lode-shape-${look.shape}`), element("span", "lode-state-word", look.word ?? state));
  return cell;
}

function shareCell(value, text) {
  const cell = element("span", "lode-share");
  const bar = element("span", "lode-share-bar");
  const part = element("span", "lode-share-part");
  part.style.width = `${Math.max(0, Math.min(100, Number(value) || 0))}%`;
  bar.append(part);
  cell.append(bar, element("span", "lode-share-text", text));
  return cell;
}

function alertsCell(value) {
  return value ? element("span", "lode-badge lode-bad", String(value)) : element("span", "lode-faint", "–");
}

function heat(cell, column) {
  const limit = cell.data[column.limit];
  if (cell.value === null || cell.value === undefined || !limit) return "";
  if (cell.value >= limit) return "bad";
  return cell.value >= limit - 5 ? "warn" : "";
}

// The unit is ours, from the column's description; the title is put in by the grid as text.
function header(unit) {
  return `<div class="ag-cell-label-container" role="presentation"><div data-ref="eLabel" class="ag-header-cell-label" role="presentation"><span class="lode-head"><span data-ref="eText" class="ag-header-cell-text"></span><span class="lode-head-unit">${unit}</span></span><span data-ref="eSortOrder" class="ag-header-icon ag-sort-order ag-hidden"></span><span data-ref="eSortAsc" class="ag-header-icon ag-sort-ascending-icon ag-hidden"></span><span data-ref="eSortDesc" class="ag-header-icon ag-sort-descending-icon ag-hidden"></span><span data-ref="eSortNone" class="ag-header-icon ag-sort-none-icon ag-hidden"></span></div></div>`;
}

function theme() {
  return AgGrid.themeQuartz.withParams({
    backgroundColor: "var(--surface)",
    foregroundColor: "var(--text)",
    headerBackgroundColor: "var(--sunken)",
    headerTextColor: "var(--muted)",
    headerFontWeight: 500,
    headerFontSize: 12,
    borderColor: "var(--line)",
    rowBorder: true,
    columnBorder: false,
    wrapperBorder: false,
    wrapperBorderRadius: "0",
    oddRowBackgroundColor: "var(--surface)",
    rowHoverColor: "var(--accent-soft)",
    accentColor: "var(--accent)",
    fontFamily: "var(--font)",
    fontSize: 13,
    cellHorizontalPadding: 10,
    browserColorScheme: "inherit",
  });
}
