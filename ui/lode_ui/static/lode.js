// Puts the remembered theme on the page before anything is painted, and keeps it with the system's.
(() => {
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => {
    try {
      return localStorage.getItem("lode-theme") || "system";
    } catch {
      return "system"; // storage may be forbidden: then the system decides
    }
  };
  const apply = () => {
    const choice = chosen();
    const dark = choice === "dark" || (choice === "system" && system.matches);
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    if (typeof setDark === "function") setDark(dark);
    window.dispatchEvent(new CustomEvent("lode-theme", { detail: choice }));
  };
  window.lodeTheme = {
    chosen,
    choose(choice) {
      try {
        localStorage.setItem("lode-theme", choice);
      } catch {
        // not remembered, but shown
      }
      apply();
    },
    apply,
  };
  system.addEventListener("change", apply);
  document.documentElement.dataset.theme =
    chosen() === "dark" || (chosen() === "system" && system.matches) ? "dark" : "light";
})();

// On a phone the tabs are wider than the window: the one that is open is brought into sight.
document.addEventListener("DOMContentLoaded", () => {
  const shown = () => document.querySelector('.lode-tab[aria-current]')?.scrollIntoView({ inline: "center", block: "nearest" });
  setTimeout(shown, 300);
});

// The hub's clock as this page knows it, one tick a second for all that shows an age, and the words
// for it (the same as lode_ui.figures.duration).
window.lode = (() => {
  let offset = null;
  const watchers = new Set();
  const units = [
    [86400, "d", 3600, "h"],
    [3600, "h", 60, "min"],
    [60, "min", 1, "s"],
  ];
  setInterval(() => {
    if (!document.hidden) watchers.forEach((watch) => watch());
  }, 1000);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) watchers.forEach((watch) => watch());
  });
  return {
    now: () => Date.now() + (offset ?? 0),
    // The least delayed message tells the time best; a jump of 2 s means that a clock was set.
    heard(hubMs) {
      const seen = hubMs - Date.now();
      if (offset === null || seen > offset || offset - seen > 2000) offset = seen;
    },
    watch(callback) {
      watchers.add(callback);
      return () => watchers.delete(callback);
    },
    duration(seconds) {
      const whole = Math.max(0, Math.floor(seconds));
      for (const [length, name, nextLength, nextName] of units) {
        if (whole < length) continue;
        const large = Math.floor(whole / length).toLocaleString("en-US");
        const small = Math.floor((whole % length) / nextLength);
        return small ? `${large}\u00a0${name} ${small}\u00a0${nextName}` : `${large}\u00a0${name}`;
      }
      return `${whole}\u00a0s`;
    },
    style: (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim(),
  };
})();
