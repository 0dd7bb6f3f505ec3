"use strict";
// Keys for lists, select-all, and asking again while a diagnosis is being made. Every page works without them.
(function () {
  const rows = () => Array.from(document.querySelectorAll("tr[data-row]"));
  const typing = (e) => e.target.closest("input:not([type=checkbox]), textarea, select") !== null;

  function move(by) {
    const all = rows();
    if (!all.length) return;
    const at = all.findIndex((row) => row.contains(document.activeElement));
    const next = all[Math.min(Math.max(at + by, 0), all.length - 1)];
    next.querySelector("a").focus();
    next.scrollIntoView({ block: "nearest" });
  }

  function tick() {
    const row = document.activeElement && document.activeElement.closest("tr[data-row]");
    const box = row && row.querySelector("input[type=checkbox]");
    if (box) box.checked = !box.checked;
  }

  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.altKey || e.metaKey || typing(e)) return;
    const search = document.querySelector("[data-search]");
    if (e.key === "j") move(1);
    else if (e.key === "k") move(-1);
    else if (e.key === "x") tick();
    else if (e.key === "/" && search) { e.preventDefault(); search.focus(); }
    else if (e.key === "?") { const keys = document.getElementById("keys"); if (keys) keys.open = !keys.open; }
  });

  const all = document.querySelector("[data-all]");
  if (all) all.addEventListener("change", () => {
    document.querySelectorAll("tr[data-row] input[type=checkbox]").forEach((box) => { box.checked = all.checked; });
  });

  if (document.querySelector("[data-pending]")) setTimeout(() => location.reload(), 1500);
})();
