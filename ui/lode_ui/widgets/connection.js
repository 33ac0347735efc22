// Whether what the page shows is live: the link to the hub, the hub's own trouble, and the age of the
// last answer. It also brings the page back by itself, which socket.io alone does not in every case.
export default {
  template: `
    <div class="lode-connection">
      <span class="lode-pill" :class="'lode-' + look.tone" role="status" :title="look.title">
        <span class="lode-shape" :class="'lode-shape-' + look.shape" aria-hidden="true"></span>
        <span class="lode-pill-word">{{ look.word }}</span>
      </span>
      <div v-if="banner" class="lode-banner" :class="'lode-' + look.tone" role="alert">
        <span class="lode-shape" :class="'lode-shape-' + look.shape" aria-hidden="true"></span>
        <span>{{ banner }}</span>
      </div>
    </div>`,
  props: { now: Number, heard: Number, problem: String, words: Object, late: Number },
  data: () => ({ at: window.lode.now(), linked: true, lostAt: null }),
  mounted() {
    window.lodeTheme.apply();
    window.lode.heard(this.now);
    this.forget = window.lode.watch(() => (this.at = window.lode.now()));
    this.attach();
    this.pulse = setInterval(() => document.hidden || this.check(), 15000);
    window.addEventListener("pageshow", this.shown);
  },
  unmounted() {
    this.forget?.();
    clearInterval(this.pulse);
    window.removeEventListener("pageshow", this.shown);
    document.body.classList.remove("lode-is-stale");
  },
  watch: {
    now(hubMs) {
      window.lode.heard(hubMs);
      this.at = window.lode.now();
    },
    isStale(stale) {
      document.body.classList.toggle("lode-is-stale", stale);
    },
  },
  computed: {
    silence() {
      return (this.at - this.now) / 1000; // since the hub last spoke
    },
    age() {
      return (this.at - this.heard) / 1000; // since it last had an answer
    },
    state() {
      if (!this.linked || this.silence > this.late) return "lost";
      if (this.problem) return "trouble";
      return "live";
    },
    isStale() {
      return this.state !== "live";
    },
    look() {
      const looks = {
        live: { tone: "good", shape: "disc", word: this.words.live },
        trouble: { tone: "warn", shape: "alert", word: this.words.trouble },
        lost: { tone: "bad", shape: "cross", word: this.words.lost },
      };
      const title = `${this.words.updated} ${window.lode.duration(this.age)} ago`;
      return { ...looks[this.state], title };
    },
    banner() {
      const age = `${this.words.from} ${window.lode.duration(this.age)} ago.`;
      if (this.state === "lost") return `${this.words.gone} ${age}`;
      return this.state === "trouble" ? `${this.problem} ${age}` : "";
    },
  },
  methods: {
    attach() {
      const socket = window.socket;
      if (!socket) return void setTimeout(this.attach, 20);
      socket.on("connect", () => (this.linked = true));
      socket.on("disconnect", () => (this.linked = false));
      // The framework's own answer to a failed connection is to load the page again at once. With the
      // hub gone that leaves the browser's error page, which never comes back: so ask first.
      socket.off("connect_error");
      socket.off("try_reconnect");
      const again = () => this.reload();
      socket.on("connect_error", () => {
        this.linked = false;
        again();
      });
      socket.on("try_reconnect", again);
    },
    async reload() {
      if (this.asking) return;
      this.asking = true;
      while (!(await this.check())) await new Promise((resolve) => setTimeout(resolve, 1000));
      this.asking = false;
      if (!window.socket.connected) window.location.reload();
    },
    // True when the hub answers; when it no longer knows the session, the login page takes over.
    async check() {
      try {
        const answer = await fetch("/_lode/pulse", {
          cache: "no-store",
          redirect: "manual",
          signal: AbortSignal.timeout(5000),
        });
        if (answer.status === 204) return true;
        const refused = answer.type === "opaqueredirect" || [401, 403].includes(answer.status);
        if (refused) window.location.reload();
        return false;
      } catch {
        return false;
      }
    },
    shown(event) {
      if (event.persisted) window.location.reload(); // from the back-forward cache: long dead
    },
  },
};
