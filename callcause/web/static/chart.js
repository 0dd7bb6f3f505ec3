"use strict";
// Draws the figures that stand beside each picture of the server again with uPlot: with a cursor and a zoom.
// Without the library, or where anything goes wrong, the picture of the server stays.
(function () {
  if (typeof uPlot !== "function") return;
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const HEIGHT = 190;

  function line(u, from, to, ink, dash) {
    u.ctx.save();
    u.ctx.strokeStyle = ink;
    u.ctx.lineWidth = 1.5 * devicePixelRatio;
    u.ctx.setLineDash(dash.map((n) => n * devicePixelRatio));
    u.ctx.beginPath();
    u.ctx.moveTo(from[0], from[1]);
    u.ctx.lineTo(to[0], to[1]);
    u.ctx.stroke();
    u.ctx.restore();
  }

  function marks(data) {
    return (u) => {
      const box = u.bbox;
      if (data.limit !== null) {
        const y = u.valToPos(data.limit, "y", true);
        if (y >= box.top && y <= box.top + box.height) line(u, [box.left, y], [box.left + box.width, y], colour("--hit"), [4, 3]);
      }
      if (data.mark !== null) {
        const x = u.valToPos(data.mark, "x", true);
        if (x >= box.left && x <= box.left + box.width) line(u, [x, box.top], [x, box.top + box.height], colour("--nodata"), []);
      }
    };
  }

  function span(data, low, high) {
    const most = data.limit === null ? high : Math.max(high, data.limit);
    const least = data.limit === null ? low : Math.min(low, data.limit);
    const margin = (most - least) * 0.08 || Math.abs(most) * 0.05 || 1;
    return [least - margin, most + margin];
  }

  function series(data) {
    const looks = { line: { stroke: colour("--accent"), width: 1.6, points: data.x.length < 40 ? { show: true, size: 7 } : { size: 4 } }, low: { width: 0 }, high: { width: 0 } };
    const number = (u, v) => (v === null || v === undefined ? "–" : Number(v.toPrecision(4)).toString());
    const first = data.names ? { label: data.time, value: (u, v) => (v === null ? "–" : data.names[v]) } : { label: data.time };
    return [first, ...data.series.map((one) => ({ label: one.label, value: number, ...looks[one.role] }))];
  }

  function options(data, width) {
    const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 } };
    const names = data.names ? { values: (u, at) => at.map((v) => data.names[v] || ""), incrs: [1, 2, 3, 6, 12] } : {};
    return {
      width: width, height: HEIGHT,
      scales: { x: data.names ? { time: false, range: [-0.5, data.x.length - 0.5] } : { time: true }, y: { range: (u, low, high) => span(data, low, high) } },
      tzDate: (s) => uPlot.tzDate(new Date(s * 1000), "Etc/UTC"),
      series: series(data),
      bands: [{ series: [3, 2], fill: colour("--band") }],
      axes: [{ ...axis, ...names }, { ...axis, size: 60 }],
      hooks: { draw: [marks(data)] },
    };
  }

  function draw(figure) {
    const data = JSON.parse(figure.dataset.chart);
    const picture = figure.querySelector("svg");
    if (!picture || !data.x.length) return;
    const box = document.createElement("div");
    figure.append(box);
    const width = () => Math.max(figure.clientWidth - 18, 200);
    const chart = new uPlot(options(data, width()), [data.x, ...data.series.map((one) => one.values)], box);
    const canvas = box.querySelector("canvas");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", picture.getAttribute("aria-label"));
    picture.remove();
    new ResizeObserver(() => { if (chart.width !== width()) chart.setSize({ width: width(), height: HEIGHT }); }).observe(figure);
  }

  document.querySelectorAll("figure[data-chart]").forEach((figure) => {
    try { draw(figure); } catch (error) { figure.classList.add("plain"); }
  });
})();
