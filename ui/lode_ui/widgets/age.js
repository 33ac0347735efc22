// How long ago something was observed, counted on by the browser itself, so that a number grows old
// before the reader's eyes even when nobody answers any more.
const pad = (number) => String(number).padStart(2, "0");

export default {
  template: `<time :class="{'lode-old': old}" :title="full" :datetime="iso">{{ words }}</time>`,
  props: {
    at: Number,
    form: { type: String, default: "ago" }, // ago | clock | plain
    stale: Number, // seconds after which it is shown as old
    missing: { type: String, default: "never" },
  },
  data: () => ({ now: window.lode.now() }),
  mounted() {
    this.forget = window.lode.watch(() => (this.now = window.lode.now()));
  },
  unmounted() {
    this.forget?.();
  },
  computed: {
    known() {
      return this.at !== null && this.at !== undefined;
    },
    seconds() {
      return Math.max(0, (this.now - this.at) / 1000);
    },
    old() {
      return this.known && this.stale > 0 && this.seconds > this.stale;
    },
    words() {
      if (!this.known) return this.missing;
      if (this.form === "clock") return this.clock;
      const lasted = window.lode.duration(this.seconds);
      return this.form === "plain" ? lasted : `${lasted} ago`;
    },
    clock() {
      const when = new Date(this.at);
      const time = `${pad(when.getHours())}:${pad(when.getMinutes())}:${pad(when.getSeconds())}`;
      const day = `${when.getFullYear()}-${pad(when.getMonth() + 1)}-${pad(when.getDate())}`;
      return new Date(this.now).toDateString() === when.toDateString() ? time : `${day} ${time}`;
    },
    iso() {
      return this.known ? new Date(this.at).toISOString() : undefined;
    },
    full() {
      return this.known ? `${new Date(this.at).toLocaleString()} (${this.iso})` : undefined;
    },
  },
};
