"""A map as one page: no library, nothing is loaded, and it may be sent to anybody."""

from __future__ import annotations

import base64
import html
import json
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

# Points are written into the pixels by hand: 126,000 take about 0.1 s, on any machine,
# where WebGL needs a graphics card. All text reaches the page through textContent or fillText.
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'">
<title>%(title)s</title>
<style>
html,body{margin:0;height:100%%;overflow:hidden;font:14px/1.4 system-ui,sans-serif;color:#222}
#map{position:absolute;inset:0;width:100%%;height:100%%;touch-action:none;cursor:grab}
#bar{position:absolute;top:8px;left:8px;width:260px;max-height:calc(100%% - 32px);overflow:auto;
 background:#fffd;border:1px solid #ccc;border-radius:6px;padding:8px 10px}
#bar h1{font-size:15px;margin:0 0 6px}#bar input{width:100%%;box-sizing:border-box;padding:4px}
#bar small{color:#666;display:block;margin:4px 0}
#legend button{display:block;width:100%%;text-align:left;border:0;background:none;font:inherit;
 padding:1px 0;cursor:pointer}#legend button[aria-pressed=false]{opacity:.35}
#legend i{display:inline-block;width:10px;height:10px;border-radius:5px;margin-right:6px}
#tip{position:absolute;pointer-events:none;background:#222;color:#fff;border-radius:4px;
 padding:4px 8px;max-width:320px;display:none;overflow-wrap:anywhere}
</style></head><body>
<canvas id="map" tabindex="0" aria-label="map"></canvas>
<div id="bar"><h1>%(title)s</h1>
<input id="search" type="search" placeholder="Search titles and names" aria-label="Search">
<small id="found" role="status"></small><small>%(caption)s</small>
<small>Wheel or + and - zoom, dragging moves, 0 shows all. Faint points lie among others than their
 true neighbours.</small><div id="legend"></div></div>
<div id="tip" role="tooltip"></div>
<script id="data" type="application/json">%(data)s</script>
<script>
"use strict";
const D = JSON.parse(document.getElementById("data").textContent);
const bytes = s => Uint8Array.from(atob(s), c => c.charCodeAt(0));
const XY = new Float32Array(bytes(D.xy).buffer), truth = bytes(D.truth), group = bytes(D.group);
const square = bytes(D.word), n = D.names.length;
const canvas = document.getElementById("map"), pen = canvas.getContext("2d");
const tip = document.getElementById("tip"), box = document.getElementById("search");
const colors = D.colors.map(c => [1, 3, 5].map(i => parseInt(c.slice(i, i + 2), 16)));
const shown = D.groups.map(() => true), hit = new Uint8Array(n).fill(1);
const lower = D.titles.map((t, i) => (t + "\\n" + D.names[i]).toLowerCase());
let W, H, R, scale, X0, Y0, base, hits = n, searching = false, waiting = false;
const sx = i => (XY[2 * i] - X0) * scale + W / 2, sy = i => H / 2 - (XY[2 * i + 1] - Y0) * scale;

function fit() {
  let a = Infinity, b = -Infinity, c = Infinity, d = -Infinity;
  for (let i = 0; i < n; i++) {
    a = Math.min(a, XY[2 * i]); b = Math.max(b, XY[2 * i]);
    c = Math.min(c, XY[2 * i + 1]); d = Math.max(d, XY[2 * i + 1]);
  }
  // Beside the bar, if there is room.
  const left = W > 800 * R ? 290 * R : 0;
  scale = base = 0.9 * Math.min((W - left) / Math.max(b - a, 1e-9), H / Math.max(d - c, 1e-9));
  X0 = (a + b) / 2 - left / 2 / scale; Y0 = (c + d) / 2;
}
function resize() {
  R = window.devicePixelRatio || 1;
  canvas.width = W = Math.max(1, Math.round(innerWidth * R));
  canvas.height = H = Math.max(1, Math.round(innerHeight * R));
  if (scale === undefined) fit();
  draw();
}
function radius() {
  const full = R * Math.max(1.5, Math.min(5, 150 / Math.sqrt(n)));
  return Math.min(9 * R, full * Math.pow(scale / base, 0.35));
}
function disc(size, square) {
  const far = Math.ceil(size), found = [];
  for (let dy = -far; dy <= far; dy++) for (let dx = -far; dx <= far; dx++)
    if (square || dx * dx + dy * dy <= size * size) found.push(dx, dy);
  return found;
}
function points() {
  const image = pen.createImageData(W, H), data = image.data, r = radius();
  const shapes = [disc(r, false), disc(r, true), disc(r + R, false), disc(r + R, true)];
  new Uint32Array(data.buffer).fill(0xffffffff);
  // Those that are found lie on top.
  for (let pass = 0; pass < (searching ? 2 : 1); pass++) for (let i = 0; i < n; i++) {
    const lit = searching && hit[i] === 1;
    if (!shown[group[i]] || lit !== (pass === 1)) continue;
    const x = Math.round(sx(i)), y = Math.round(sy(i));
    if (x < -9 || y < -9 || x > W + 9 || y > H + 9) continue;
    const alpha = searching ? (lit ? 1 : .12) : .25 + .75 * truth[i] / 255;
    const rgb = colors[group[i]], red = rgb[0], green = rgb[1], blue = rgb[2];
    const shape = shapes[(lit ? 2 : 0) + square[i]];
    for (let k = 0; k < shape.length; k += 2) {
      const px = x + shape[k], py = y + shape[k + 1];
      if (px < 0 || py < 0 || px >= W || py >= H) continue;
      const at = 4 * (py * W + px);
      data[at] += (red - data[at]) * alpha;
      data[at + 1] += (green - data[at + 1]) * alpha;
      data[at + 2] += (blue - data[at + 2]) * alpha;
    }
  }
  pen.putImageData(image, 0, 0);
}
function labels() {
  const taken = [];
  const write = (text, x, y, size, bold) => {
    pen.font = (bold ? "600 " : "") + size * R + "px system-ui,sans-serif";
    const w = pen.measureText(text).width, h = size * R;
    const r = [x - w / 2 - 2, y - h, x + w / 2 + 2, y + h / 2];
    if (r[2] < 0 || r[3] < 0 || r[0] > W || r[1] > H) return;
    if (taken.some(t => r[0] < t[2] && t[0] < r[2] && r[1] < t[3] && t[1] < r[3])) return;
    taken.push(r);
    pen.textAlign = "center"; pen.lineWidth = 3 * R; pen.strokeStyle = "#ffffffdd";
    pen.strokeText(text, x, y); pen.fillStyle = "#222"; pen.fillText(text, x, y);
  };
  for (const [x, y, text] of D.regions)
    write(text, (x - X0) * scale + W / 2, H / 2 - (y - Y0) * scale, 13, true);
  const inside = [];
  for (let i = 0; i < n && inside.length <= 150; i++) {
    const x = sx(i), y = sy(i);
    if (shown[group[i]] && x > 0 && y > 0 && x < W && y < H && (!searching || hit[i]))
      inside.push(i);
  }
  if (inside.length <= 150)
    for (const i of inside) write(short(D.titles[i]), sx(i), sy(i) - radius() - 3 * R, 11, false);
}
const short = t => t.length > 40 ? t.slice(0, 39) + "\\u2026" : t;
function draw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; points(); labels(); });
}
function search() {
  const q = box.value.trim().toLowerCase();
  searching = q !== ""; hits = 0;
  for (let i = 0; i < n; i++) hits += hit[i] = lower[i].includes(q) ? 1 : 0;
  document.getElementById("found").textContent =
    searching ? hits + " of " + n + " found" : n + " points";
  draw();
}
function nearest(x, y) {
  let best = -1, least = (radius() + 6 * R) ** 2;
  for (let i = 0; i < n; i++) if (shown[group[i]]) {
    const d = (sx(i) - x) ** 2 + (sy(i) - y) ** 2;
    if (d < least) { least = d; best = i; }
  }
  return best;
}
function zoom(factor, x = W / 2, y = H / 2) {
  const s = Math.max(base / 2, Math.min(base * 5000, scale * factor)), k = 1 / scale - 1 / s;
  X0 += (x - W / 2) * k; Y0 -= (y - H / 2) * k; scale = s; draw();
}
let drag = null;
canvas.addEventListener("pointerdown", e => {
  drag = [e.clientX, e.clientY]; canvas.setPointerCapture(e.pointerId);
});
canvas.addEventListener("pointerup", () => { drag = null; });
canvas.addEventListener("pointermove", e => {
  if (drag) {
    X0 -= (e.clientX - drag[0]) * R / scale; Y0 += (e.clientY - drag[1]) * R / scale;
    drag = [e.clientX, e.clientY]; tip.style.display = "none"; draw(); return;
  }
  const i = nearest(e.clientX * R, e.clientY * R);
  tip.style.display = i < 0 ? "none" : "block";
  if (i < 0) return;
  const name = D.names[i] === D.titles[i] ? "" : " (" + D.names[i] + ")";
  tip.textContent = D.titles[i] + name + " \\u00b7 " + D.groups[group[i]] + " \\u00b7 " +
    Math.round(100 * truth[i] / 255) + " %% of its neighbours kept";
  tip.style.left = Math.min(e.clientX + 12, innerWidth - 330) + "px";
  tip.style.top = Math.min(e.clientY + 12, innerHeight - 60) + "px";
});
canvas.addEventListener("wheel", e => {
  e.preventDefault(); zoom(Math.exp(-e.deltaY / 400), e.clientX * R, e.clientY * R);
}, {passive: false});
canvas.addEventListener("keydown", e => {
  if (e.key === "+") zoom(1.5); else if (e.key === "-") zoom(1 / 1.5);
  else if (e.key === "0") { fit(); draw(); }
});
box.addEventListener("input", search);
addEventListener("resize", resize);
D.groups.forEach((name, g) => {
  const button = document.createElement("button"), dot = document.createElement("i");
  dot.style.background = D.colors[g];
  button.append(dot, name); button.setAttribute("aria-pressed", "true");
  button.onclick = () => {
    shown[g] = !shown[g]; button.setAttribute("aria-pressed", shown[g]); draw();
  };
  document.getElementById("legend").append(button);
});
search(); resize();
</script></body></html>
"""


def page(title: str, caption: str, data: Mapping[str, Any]) -> str:
    """Return the page of a map; arrays in `data` are written as base64."""
    # Nothing in it can end the script, or begin a comment.
    text = json.dumps(data, ensure_ascii=False, default=_base64).replace("<", "\\u003c")
    shown = {"title": html.escape(title), "caption": html.escape(caption), "data": text}
    return _PAGE % shown


def _base64(array: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
