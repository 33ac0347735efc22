// System, light, dark, in turn; remembered by this browser.
const ORDER = ["system", "light", "dark"];
const SHAPES = { system: "auto", light: "sun", dark: "moon" };

export default {
  template: `
    <button type="button" class="lode-icon-button" @click="next" :title="label" :aria-label="label">
      <span class="lode-shape" :class="'lode-shape-' + shape" aria-hidden="true"></span>
    </button>`,
  props: { words: Object },
  data: () => ({ choice: window.lodeTheme.chosen() }),
  computed: {
    shape() {
      return SHAPES[this.choice] ?? "auto";
    },
    label() {
      return this.words[this.choice] ?? this.words.system;
    },
  },
  methods: {
    next() {
      this.choice = ORDER[(ORDER.indexOf(this.choice) + 1) % ORDER.length];
      window.lodeTheme.choose(this.choice);
    },
  },
};
