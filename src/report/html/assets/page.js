"use strict";
// What a report does when it is touched: it sorts and filters tables, reads values off charts,
// zooms, hides curves, shows whom a service calls. Without it everything is there, and stands still.
(() => {
const all = (what, of = document) => [...of.querySelectorAll(what)];
const make = (name, text) => { const e = document.createElement(name); if (text !== undefined) e.textContent = text; return e; };

// Figures, as the rest of the page writes them.
const three = v => {
  if (v === 0) return "0";
  const size = Math.abs(v);
  if (size < 1e-6 || size >= 1e9) return v.toExponential(2);
  return Number(v.toPrecision(3)).toLocaleString("en-US", {maximumFractionDigits: 9});
};
const units = {
  ms: v => { const s = Math.abs(v);
    return s && s < .001 ? three(v * 1e6) + " ns" : s && s < 1 ? three(v * 1e3) + " µs" : s < 1e3 ? three(v) + " ms"
      : s < 120e3 ? three(v / 1e3) + " s" : s < 7200e3 ? three(v / 60e3) + " min" : three(v / 3600e3) + " h"; },
  s: v => v === 0 ? "0 s" : units.ms(v * 1e3),
  rate: v => three(v) + "/s",
  share: v => v > .99 && v < 1 ? Number((v * 100).toFixed(4)) + " %" : three(v * 100) + " %",
  count: three,
  quantile: v => "p" + Number((100 - 100 / v).toPrecision(6)),
};
const show = (unit, v) => v === null || v === undefined ? "–" : units[unit](v);

// Light and dark.
const root = document.documentElement;
const prefers = matchMedia("(prefers-color-scheme: dark)");
const paint = dark => { root.dataset.theme = dark ? "dark" : "light"; };
paint(prefers.matches);
prefers.addEventListener("change", e => paint(e.matches));
all("#theme").forEach(b => b.addEventListener("click", () => paint(root.dataset.theme !== "dark")));

// Tables.
const value = (cell, number) => number ? (cell.dataset.v === undefined ? null : +cell.dataset.v) : cell.textContent;
function sort(th) {
  const table = th.closest("table"), body = table.tBodies[0];
  const at = th.cellIndex, number = th.classList.contains("n");
  const was = th.getAttribute("aria-sort");
  const down = was === "none" ? number : was === "ascending";
  all("th[aria-sort]", table.tHead).forEach(t => t.setAttribute("aria-sort", "none"));
  th.setAttribute("aria-sort", down ? "descending" : "ascending");
  const rows = [...body.rows].map(row => [value(row.cells[at], number), row]);
  const names = new Intl.Collator("en", {numeric: true});
  // What was not measured comes last, whichever way.
  rows.sort(([a], [b]) => a === null || b === null ? (a === null) - (b === null)
    : (number ? a - b : names.compare(a, b)) * (down ? -1 : 1));
  body.append(...rows.map(r => r[1]));
}
all("table.sorts thead th[aria-sort] button").forEach(b => b.addEventListener("click", () => sort(b.closest("th"))));
all("input[data-filter]").forEach(input => input.addEventListener("input", () => {
  const words = input.value.toLowerCase().split(/\s+/);
  all("tbody tr", document.getElementById(input.dataset.filter)).forEach(row => {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every(word => text.includes(word));
  });
}));
all("button.copy").forEach(b => b.addEventListener("click", async () => {
  try { await navigator.clipboard.writeText(b.dataset.text); b.textContent = "copied"; }
  catch { b.replaceWith(Object.assign(make("code", b.dataset.text))); }
}));

// Charts. Places in a plot run from 0 to WIDE and from 0, the top, to HIGH.
const WIDE = 4000, HIGH = 1000;
const data = JSON.parse(document.getElementById("data").textContent);
const scale = axis => axis.log
  ? v => (Math.log(Math.max(v, axis.lo)) - Math.log(axis.lo)) / (Math.log(axis.hi) - Math.log(axis.lo))
  : v => (v - axis.lo) / (axis.hi - axis.lo);
const unscale = axis => axis.log
  ? s => Math.exp(Math.log(axis.lo) + s * (Math.log(axis.hi) - Math.log(axis.lo)))
  : s => axis.lo + s * (axis.hi - axis.lo);
function ticks(axis, many) {
  const list = [];
  if (axis.log) {
    const wide = axis.hi / axis.lo > 3e3;
    for (let p = Math.floor(Math.log10(axis.lo)); p <= Math.ceil(Math.log10(axis.hi)); p++)
      for (const lead of wide ? [1] : axis.hi / axis.lo > 60 ? [1, 3] : [1, 2, 5]) list.push(lead * 10 ** p);
    const inside = list.filter(v => v >= axis.lo * .999 && v <= axis.hi * 1.001);
    if (inside.length > 1) return inside;
    list.length = 0;
  }
  const range = axis.hi - axis.lo, rough = range / many, minutes = axis.u === "s" && range > 120;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = minutes ? ([15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400].find(s => s >= rough) ?? 86400)
    : [1, 2, 5, 10].find(l => l * power >= rough * .999) * power;
  for (let i = Math.ceil(axis.lo / step - 1e-9); i * step <= axis.hi + step * 1e-9; i++) list.push(i * step);
  return list;
}
const plots = all("figure[data-plot]").map(figure => {
  const spec = data[+figure.dataset.plot];
  const plot = {figure, spec, x: {...spec.x}, y: {...spec.y}, shown: spec.c.map(() => true),
    area: figure.querySelector(".plot"), keys: all(".key", figure), paths: all("path[data-c]", figure)};
  plot.cross = plot.area.appendChild(make("div")); plot.cross.className = "cross"; plot.cross.hidden = true;
  plot.cross.append(make("em"));
  plot.drag = plot.area.appendChild(make("div")); plot.drag.className = "drag"; plot.drag.hidden = true;
  listen(plot);
  return plot;
});
const xs = (plot, c, i) => plot.spec.c[c].x ? plot.spec.c[c].x[i] : (i + .5) * plot.spec.w;
function nearest(plot, c, x) {
  const n = plot.spec.c[c].y.length;
  if (!n) return -1;
  if (!plot.spec.c[c].x) return Math.max(0, Math.min(n - 1, Math.floor(x / plot.spec.w)));
  const at = scale(plot.spec.x), want = at(x);
  let best = 0;
  for (let i = 1; i < n; i++) if (Math.abs(at(xs(plot, c, i)) - want) < Math.abs(at(xs(plot, c, best)) - want)) best = i;
  return best;
}
const group = plot => plot.spec.g ? plots.filter(p => p.spec.g === plot.spec.g) : [plot];
function point(plot, x) {
  for (const p of group(plot)) {
    const share = x === null ? -1 : scale(p.x)(x);
    const inside = share >= 0 && share <= 1;
    p.cross.hidden = !inside;
    p.at = inside ? x : null;
    p.keys.forEach((key, c) => {
      const i = inside ? nearest(p, c, x) : -1;
      key.querySelector("b").textContent = i < 0 ? "" : show(p.spec.c[c].u ?? p.spec.y.u, p.spec.c[c].y[i]);
    });
    if (!inside) continue;
    p.cross.style.left = share * 100 + "%";
    const label = p.cross.firstChild;
    label.hidden = p !== plot;
    const on = (p.spec.b ?? []).filter(b => x >= b[1] && x <= b[2]).map(b => b[0]);
    label.textContent = [show(p.x.u, x), ...on].join(" · ");
    label.className = share < .12 ? "l" : share > .88 ? "r" : "";
  }
}
function listen(plot) {
  const where = e => { const box = plot.area.getBoundingClientRect();
    return Math.max(0, Math.min(1, (e.clientX - box.left) / box.width)); };
  let from = null;
  plot.area.addEventListener("pointerdown", e => { if (e.button === 0 && e.pointerType === "mouse") { from = where(e); plot.area.setPointerCapture(e.pointerId); } });
  plot.area.addEventListener("pointermove", e => {
    const to = where(e);
    point(plot, unscale(plot.x)(to));
    plot.drag.hidden = from === null || Math.abs(to - from) < .005;
    if (from !== null) { plot.drag.style.left = Math.min(from, to) * 100 + "%"; plot.drag.style.width = Math.abs(to - from) * 100 + "%"; }
  });
  plot.area.addEventListener("pointerup", e => {
    const to = where(e), a = from;
    from = null; plot.drag.hidden = true;
    if (a !== null && Math.abs(to - a) > .01) { const at = unscale(plot.x); zoom(plot, at(Math.min(a, to)), at(Math.max(a, to))); }
  });
  plot.area.addEventListener("pointerleave", () => { if (from === null) point(plot, null); });
  plot.area.addEventListener("dblclick", () => zoom(plot, null));
  plot.figure.addEventListener("keydown", e => {
    if (e.target !== plot.figure) return;
    const step = {ArrowLeft: -.01, ArrowRight: .01}[e.key];
    if (step) { const at = plot.at == null ? .5 : scale(plot.x)(plot.at);
      point(plot, unscale(plot.x)(Math.max(0, Math.min(1, at + step)))); e.preventDefault(); }
    if (e.key === "Escape") { point(plot, null); zoom(plot, null); }
  });
  plot.keys.forEach((key, c) => key.addEventListener("click", () => {
    plot.shown[c] = !plot.shown[c];
    if (!plot.shown.some(s => s)) plot.shown = plot.shown.map(() => true);
    plot.keys.forEach((k, i) => k.setAttribute("aria-pressed", plot.shown[i]));
    fit(plot); draw(plot);
  }));
}
function zoom(plot, lo, hi) {
  for (const p of group(plot)) {
    p.x.lo = lo === null ? p.spec.x.lo : lo;
    p.x.hi = lo === null ? p.spec.x.hi : hi;
    fit(p); draw(p);
    all("button.reset", p.figure).forEach(b => b.hidden = lo === null);
  }
}
all("button.reset").forEach(b => b.addEventListener("click", () => zoom(plots.find(p => p.figure.contains(b)), null)));
// The values of a curve as they are drawn: stacked ones lie on those before them.
function heights(plot) {
  let below = null;
  return plot.spec.c.map((curve, c) => {
    const own = curve.y.map(v => v === null ? null : v * (curve.f ?? 1));
    if (curve.k === "flag") return [own.map(v => v > .005 ? 1 : null)];
    if (curve.k !== "stack") return [own];
    const base = below ?? own.map(() => 0);
    const top = own.map((v, i) => base[i] + (plot.shown[c] ? v ?? 0 : 0));
    below = top;
    return [top, base];
  });
}
// The range of what is shown; an axis from zero begins there again.
function fit(plot) {
  if (plot.spec.y.fix) return;
  const whole = plot.shown.every(s => s) && plot.x.lo === plot.spec.x.lo && plot.x.hi === plot.spec.x.hi;
  plot.y = {...plot.spec.y};
  if (whole) return;
  let most = -Infinity, least = Infinity;
  heights(plot).forEach(([top], c) => plot.shown[c] && top.forEach((v, i) => {
    const x = xs(plot, c, i);
    if (v === null || x < plot.x.lo || x > plot.x.hi) return;
    most = Math.max(most, v); least = Math.min(least, v);
  }));
  if (!(most > 0)) return;
  if (plot.y.log) { if (least > 0) { plot.y.lo = least / 1.3; plot.y.hi = most * 1.3; } }
  else if (plot.spec.y.lo === 0) plot.y.hi = most * 1.08;
  else { plot.y.lo = least - (most - least || 1e-4) * .1; plot.y.hi = most; }
}
function trace(plot, x, line, c, dots = false) {
  const sx = scale(plot.x), sy = scale(plot.y);
  let path = "", pen = false;
  line.forEach((v, i) => {
    if (v === null) { pen = false; return; }
    path += (pen ? "L" : "M") + Math.round(sx(x(c, i)) * WIDE) + " " + Math.round(HIGH - Math.max(-.2, Math.min(1.2, sy(v))) * HIGH);
    if (!pen) path += "h0";
    pen = !dots;
  });
  return path;
}
function draw(plot) {
  const at = (c, i) => xs(plot, c, i);
  const tops = heights(plot);
  for (const path of plot.paths) {
    const c = +path.dataset.c, curve = plot.spec.c[c];
    path.style.display = plot.shown[c] ? "" : "none";
    const [top, base] = tops[c];
    if (path.dataset.r !== undefined) path.setAttribute("d", closed(trace(plot, at, curve.hi, c), trace(plot, (c, i) => at(c, curve.lo.length - 1 - i), [...curve.lo].reverse(), c)));
    else if (curve.k === "stack") path.setAttribute("d", closed(trace(plot, at, top, c), trace(plot, (c, i) => at(c, base.length - 1 - i), [...base].reverse(), c)));
    else if (curve.k === "area") path.setAttribute("d", closed(trace(plot, at, top.map(v => v ?? 0), c), trace(plot, (c, i) => at(c, top.length - 1 - i), top.map(() => 0), c)));
    else path.setAttribute("d", trace(plot, at, top, c, curve.k === "dots"));
  }
  const place = (axis, box, side, many) => {
    if (!box) return [];
    const list = ticks(axis, many), s = scale(axis);
    const label = v => axis.u === "s" && axis.hi - axis.lo > 120 && v > 0 && v % 60 === 0 && v < 7200 ? v / 60 + " min" : show(axis.u, v);
    box.replaceChildren(...list.map(v => { const t = make("span", label(v)); t.style[side] = s(v) * 100 + "%";
      if (side === "left" && s(v) > .97) t.className = "end"; return t; }));
    return list.map(s);
  };
  place(plot.x, plot.figure.querySelector(".x"), "left", 8);
  const lines = plot.figure.querySelector("path.grid");
  const levels = place(plot.y, plot.figure.querySelector(".y"), "bottom", 4);
  if (lines) lines.setAttribute("d", levels.map(l => `M0 ${Math.round(HIGH - l * HIGH)}H${WIDE}`).join(""));
  const sx = scale(plot.x), sy = scale(plot.y);
  (plot.spec.b ?? []).forEach((band, i) => {
    const rect = plot.figure.querySelectorAll("rect")[i], from = sx(Math.max(plot.x.lo, band[1])), to = sx(Math.min(plot.x.hi, band[2]));
    rect.setAttribute("x", from * WIDE); rect.setAttribute("width", Math.max(0, to - from) * WIDE);
    const label = plot.figure.querySelector(`.bands span[data-b="${i}"]`);
    if (label) { label.hidden = to <= from || from < 0 || from > 1; label.style.left = from * 100 + "%"; }
  });
  all(".rule", plot.figure).forEach(rule => {
    const high = HIGH - sy(+rule.dataset.y) * HIGH;
    if (rule.dataset.y !== undefined) { rule.setAttribute("y1", high); rule.setAttribute("y2", high); }
  });
  all(".rules span[data-y]", plot.figure).forEach(t => { const s = sy(+t.dataset.y); t.hidden = s < 0 || s > 1; t.style.bottom = s * 100 + "%"; });
}
const closed = (there, back) => there && back ? there + back.replace("M", "L") + "Z" : "";

// Whom a service calls, and who calls it.
all(".topology svg").forEach(svg => {
  let kept = null;
  const light = name => {
    all("g.node,g.link", svg).forEach(g => {
      const near = name === null || g.dataset.node === name || g.dataset.from === name || g.dataset.to === name
        || (g.dataset.node !== undefined && all("g.link", svg).some(l =>
          (l.dataset.from === name && l.dataset.to === g.dataset.node) || (l.dataset.to === name && l.dataset.from === g.dataset.node)));
      g.classList.toggle("dim", !near);
    });
  };
  all("g.node", svg).forEach(g => {
    g.addEventListener("pointerenter", () => light(g.dataset.node));
    g.addEventListener("pointerleave", () => light(kept));
    const keep = () => { kept = kept === g.dataset.node ? null : g.dataset.node; light(kept); };
    g.addEventListener("click", keep);
    g.addEventListener("keydown", e => { if (e.key === "Enter" || e.key === " ") { keep(); e.preventDefault(); } });
  });
});

// Paper shows what is folded.
let folded = [];
addEventListener("beforeprint", () => { folded = all("details:not([open])"); folded.forEach(d => d.open = true); });
addEventListener("afterprint", () => folded.forEach(d => d.open = false));
root.dataset.ready = "yes";
})();
