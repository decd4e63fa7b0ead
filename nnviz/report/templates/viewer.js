"use strict";
/* Numbers of the page: an array that report/packed.py packed, as {shape, data}. */
async function unpack(record) {
  const bytes = Uint8Array.from(atob(record.data), c => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const buffer = await new Response(stream).arrayBuffer();
  if (record.dtype === "u1") return {shape: record.shape, data: new Uint8Array(buffer)};
  if (record.dtype === "f4") return {shape: record.shape, data: new Float32Array(buffer)};
  const halves = new Uint16Array(buffer), data = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) data[i] = half(halves[i]) * record.scale;
  return {shape: record.shape, data};
}

/* The value of a half-precision number, by its 16 bits. */
function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1, power = bits >> 10 & 31, rest = bits & 1023;
  if (power === 31) return rest ? NaN : sign * Infinity;
  return sign * (power ? 2 ** (power - 25) * (1024 + rest) : 2 ** -24 * rest);
}

/* The viewer: a large look at any picture of the page, with the numbers behind its colours. */
{
const $ = id => document.getElementById("viewer-" + id), dialog = document.getElementById("viewer");
const all = new Map(); // promises of unpacked records
let island, now, order = [], place = [0, 0], ticket = 0;
const state = {look: null, map: null, base: null, grid: null};

const data = () => island ??= JSON.parse(document.getElementById("look-data").textContent);
const say = (key, values = {}) => data().words[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
const percent = p => (Math.floor(p * 1000) / 10).toFixed(1) + "%";
const short = v => v === 0 ? "0" : String(Number(v.toPrecision(3)));
function unpacked(record) {
  if (!all.has(record)) all.set(record, unpack(record));
  return all.get(record);
}
function make(tag, parent, text = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  parent.append(element);
  return element;
}

/* The numbers of a map: {rows, cols, values}. */
async function grid([stack, k]) {
  const {shape: [, rows, cols], data: values} = await unpacked(data().stacks[stack]);
  return {rows, cols, values: values.subarray(k * rows * cols, (k + 1) * rows * cols)};
}
async function colours(look) {
  if (!look.named) return (await unpacked(data().tables[look.cmap])).data;
  return Uint8Array.from(look.named.flatMap(n => [1, 3, 5].map(i => parseInt(n[2].slice(i, i + 2), 16))));
}
function paint(canvas, {rows, cols, values}, rgb, low, high) {
  const image = new ImageData(canvas.width = cols, canvas.height = rows), last = rgb.length / 3 - 1;
  for (let i = 0; i < values.length; i++) {
    const share = high > low ? (values[i] - low) / (high - low) : 0;
    const k = 3 * Math.round(Math.min(1, Math.max(0, share)) * last);
    image.data.set(Number.isFinite(values[i]) ? rgb.subarray(k, k + 3) : [128, 128, 128], 4 * i);
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}
async function paintLook(canvas, look, numbers) {
  if (!look.named) return paint(canvas, numbers, await colours(look), look.low, look.high);
  const order = new Map(look.named.map(([number], k) => [number, k]));
  paint(canvas, {...numbers, values: Array.from(numbers.values, v => order.get(v))}, await colours(look), 0, look.named.length - 1);
}
async function bar(parent, cmap, low, high) {
  parent.replaceChildren();
  const canvas = make("canvas", parent);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", say("scale", {low, high}));
  paint(canvas, {rows: 1, cols: 256, values: Array.from({length: 256}, (_, i) => i)}, (await unpacked(data().tables[cmap])).data, 0, 255);
  make("span", parent, low);
  make("span", parent, high);
}

/* The maps of the picture that is shown, each name and class once. */
function mapsOf(p) {
  const found = new Map();
  for (const look of data().looks)
    if (p !== undefined && look.p === p && look.cmap && !found.has(look.name + "\n" + (look.target ?? "")))
      found.set(look.name + "\n" + (look.target ?? ""), look);
  return [...found.values()];
}
/* The finest picture of this number on the page. */
function original(p) {
  let best = -1;
  data().looks.forEach((look, k) => {
    if (look.p === p && !look.map && (best < 0 || (look.block ?? 1) < (data().looks[best].block ?? 1))) best = k;
  });
  return document.querySelector(`img[data-look="${best}"]`);
}

async function show(k) {
  now = k;
  const look = state.look = data().looks[k], own = document.querySelector(`img[data-look="${k}"]`);
  const from = new Image(), mine = ++ticket; // one of its own: a lazy one further down may never load
  from.src = (look.p === undefined ? own : original(look.p) ?? own).src;
  await from.decode();
  if (mine !== ticket) return;
  const base = state.base = document.createElement("canvas");
  base.width = from.naturalWidth, base.height = from.naturalHeight;
  base.getContext("2d").drawImage(from, 0, 0);
  state.size = look.p === undefined ? [base.height, base.width] : data().shape;
  const known = data().pictures[look.p], file = known?.file ? " · " + known.file : "";
  $("title").textContent = data().files[look.f].title;
  $("count").textContent = say("of", {k: order.indexOf(k) + 1, n: order.length});
  const lines = [look.p === undefined ? [look.name, look.target].filter(Boolean).join(": ") : say("picture", {i: look.p}) + file];
  if (known?.t !== undefined) lines.push(say("true", {true: known.t}));
  if (known?.a !== undefined) lines.push(say("answer", {answer: known.a, sure: percent(known.top[0][1])}));
  if (look.label && (look.p === undefined || look.map)) lines.push(look.label);
  $("answer").textContent = lines.filter(Boolean).join("\n");
  $("sure").hidden = !known?.top;
  $("chances").replaceChildren();
  for (const [name, p] of known?.top ?? []) {
    const line = make("li", $("chances"));
    make("span", line, name);
    make("span", line, percent(p));
    make("i", line).style.setProperty("--p", 100 * p + "%");
  }
  state.maps = mapsOf(look.p);
  place = null;
  const likely = state.maps.length ? null : undefined;
  await choose(look.map ? look : likely);
}

/* Lay a map over the picture; null for the picture alone. */
async function choose(map) {
  const mine = ++ticket, numbers = map ? await grid(map.map) : null;
  const chance = map?.chance ? await grid(map.chance) : null, canvas = document.createElement("canvas");
  if (map) await paintLook(canvas, map, numbers);
  if (mine !== ticket) return;
  Object.assign(state, {map, grid: numbers, chance, canvas});
  options();
  stage();
  if (map?.cmap) bar($("scale"), map.cmap, ...say("ends", {low: short(map.low), high: short(map.high), a: map.ends[0], b: map.ends[1]}).split("|"));
  else $("scale").replaceChildren();
  source(map ?? state.look);
  read(place ?? [Math.floor(cells()[0] / 2), Math.floor(cells()[1] / 2)]);
  beside();
}
function fill(select, entries, chosen) {
  select.replaceChildren(...entries.map((text, k) => new Option(text, k, false, k === chosen)));
  select.disabled = entries.length < 2;
}
function options() {
  const {maps, map} = state, extra = map && !maps.includes(map) && !maps.some(m => m.name === map.name) ? [map.name] : [];
  const names = [...new Set([...extra, ...maps.map(m => m.name)])], same = maps.filter(m => m.name === map?.name);
  $("tools").hidden = !names.length;
  fill($("map"), [say("none"), ...names], map ? names.indexOf(map.name) + 1 : 0);
  fill($("class"), same.map(m => m.target ?? ""), same.findIndex(m => m.target === map?.target));
  $("map").onchange = () => {
    const of = maps.filter(m => m.name === names[$("map").value - 1]);
    choose(of.find(m => m.target === state.map?.target) ?? of.find(m => m.target === data().pictures[state.look.p]?.a) ?? of[0] ?? null);
  };
  $("class").onchange = () => choose(same[$("class").value]);
  $("opacity").disabled = !map;
}

/* The stage: the picture, the map over it, and the mark of the place that is read. */
function stage() {
  const [rows, cols] = state.size, box = $("stage"), room = [innerHeight * .62, box.parentElement.clientWidth];
  const fit = Math.min(room[0] / rows, room[1] / cols, 640 / Math.max(rows, cols)), times = fit >= 1 ? Math.floor(fit) : fit;
  box.style.width = cols * times + "px", box.style.height = rows * times + "px";
  box.replaceChildren(state.base);
  put(state.base, [0, 0, rows, cols]);
  if (state.map) {
    box.append(state.canvas);
    put(state.canvas, frame());
  }
  make("i", box);
  opacity();
}
function put(element, [top, left, bottom, right]) {
  const [rows, cols] = state.size, set = {top: top / rows, left: left / cols, height: (bottom - top) / rows, width: (right - left) / cols};
  for (const side in set) element.style[side] = 100 * set[side] + "%";
}
function opacity() {
  if (state.map) state.canvas.style.opacity = $("opacity").value / 100;
}
/* Where the map lies, in pixels of the picture. */
function frame() {
  const {map, size} = state, block = map?.block;
  return map?.frame ?? (block ? [0, 0, state.grid.rows * block, state.grid.cols * block] : [0, 0, ...size]);
}
const cells = () => state.map ? [state.grid.rows, state.grid.cols] : [state.base.height, state.base.width];
function box([row, col]) {
  const [top, left, bottom, right] = state.map ? frame() : [0, 0, ...state.size], [rows, cols] = cells();
  const down = (bottom - top) / rows, along = (right - left) / cols;
  return [top + row * down, left + col * along, top + (row + 1) * down, left + (col + 1) * along];
}
/* Say what stands at a cell. */
function read([row, col]) {
  const [rows, cols] = cells(), {map} = state, block = map ? map.block : state.look.p === undefined ? 0 : original(state.look.p) && data().looks[original(state.look.p).dataset.look].block;
  row = Math.min(rows - 1, Math.max(0, row)), col = Math.min(cols - 1, Math.max(0, col));
  place = [row, col];
  const edge = box(place), parts = [];
  put($("stage").lastChild, edge);
  const last = (k, size) => Math.min(k * block + block, size) - 1;
  parts.push(block ? say("block", {row: row * block, row2: last(row, state.size[0]), col: col * block, col2: last(col, state.size[1])}) : say("place", {row, col}));
  if (map) {
    const v = state.grid.values[row * cols + col], named = map.named?.find(n => n[0] === v);
    parts.push(named ? named[1] : Number.isFinite(v) ? String(Number(v.toPrecision(5))) : "–");
    if (state.chance) {
      const [, , [top, left, bottom, right]] = map.chance, c = state.chance, middle = [(edge[0] + edge[2]) / 2, (edge[1] + edge[3]) / 2];
      const at = (x, low, high, n) => Math.min(n - 1, Math.max(0, Math.floor((x - low) / (high - low) * n)));
      const p = c.values[at(middle[0], top, bottom, c.rows) * c.cols + at(middle[1], left, right, c.cols)];
      parts.push(say("chance", {p: (100 * p).toPrecision(4) + "%"}));
    }
  } else {
    const [r, g, b] = state.base.getContext("2d").getImageData(col, row, 1, 1).data;
    parts.push(r === g && g === b ? say("brightness", {v: r}) : say("colour", {r, g, b}));
  }
  $("reading").textContent = parts.join(" · ");
}
function source(look) {
  const files = data().files[look.f], links = $("links");
  links.replaceChildren();
  for (const kind of ["png", "npz"]) if (files[kind]) {
    if (links.childNodes.length) links.append(", ");
    make("a", links, files[kind]).href = files[kind];
  }
  if (look.at) make("code", links, look.at);
  $("code").textContent = [data().code, look.again].filter(Boolean).join("\n");
}

/* Maps of the picture on one scale; probabilities are of another kind. */
async function beside() {
  const {maps, map} = state, which = $("which").value, mine = ticket;
  $("side").hidden = !maps.length;
  const target = map?.target ?? data().pictures[state.look.p]?.a;
  const alike = maps.filter(m => m.cmap !== "viridis");
  let shown = alike.filter(m => which === "all" || m[which] === (which === "name" ? map?.name : target));
  if (!shown.length) shown = alike;
  const grids = await Promise.all(shown.map(m => grid(m.map))), sign = shown.find(m => m.low < 0);
  const tops = grids.map(g => g.values.reduce((top, v) => Number.isFinite(v) ? Math.max(top, Math.abs(v)) : top, 0));
  const one = Math.max(...tops, 0), own = $("own").checked;
  if (mine !== ticket || !shown.length) return;
  const cmap = (sign ?? shown[0]).cmap, rgb = (await unpacked(data().tables[cmap])).data;
  $("range").textContent = own ? say("each") : say("one", {low: sign ? short(-one) : 0, high: short(one)});
  if (own) $("scales").replaceChildren(); else bar($("scales"), cmap, sign ? short(-one) : "0", short(one));
  $("beside").replaceChildren();
  shown.forEach((m, k) => {
    const button = make("button", $("beside")), top = (own ? tops[k] : one) || 1;
    button.type = "button";
    button.setAttribute("aria-pressed", m === map || m.name === map?.name && m.target === map?.target);
    paint(make("canvas", button), grids[k], rgb, sign ? -top : 0, top);
    make("span", button, [m.name, m.target, say("top", {v: short(tops[k])})].filter(Boolean).join("\n")).className = "label";
    button.onclick = () => choose(m);
  });
}

/* Opening, leafing, closing. */
const images = [...document.querySelectorAll("img[data-look]")];
const button = k => document.querySelector(`img[data-look="${k}"]`).parentElement;
const stay = (buttons, one) => buttons.forEach(b => b.tabIndex = b === one ? 0 : -1);
function inFigure(element) {
  return [...element.closest("figure").querySelectorAll(".open")];
}
for (const image of images) {
  const open = document.createElement("button");
  open.type = "button", open.className = "open";
  open.setAttribute("aria-haspopup", "dialog");
  image.replaceWith(open);
  open.append(image);
}
for (const figure of document.querySelectorAll("figure")) {
  const open = [...figure.querySelectorAll(".open")]; // one tab stop a figure, then arrow keys
  stay(open, open[0]);
}
document.addEventListener("click", event => {
  const open = event.target.closest(".open");
  if (!open) return;
  order = inFigure(open).filter(b => b.getClientRects().length).map(b => Number(b.firstChild.dataset.look));
  stay(inFigure(open), open);
  open.focus();
  dialog.showModal();
  $("stage").focus();
  show(Number(open.firstChild.dataset.look));
});
const steps = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1};
document.addEventListener("keydown", event => {
  if (!event.target.matches(".open") || !(event.key in steps)) return;
  const there = inFigure(event.target).filter(b => b.getClientRects().length);
  const next = there[there.indexOf(event.target) + steps[event.key]];
  event.preventDefault();
  if (next) stay(inFigure(next), next), next.focus();
});
const leaf = by => show(order[(order.indexOf(now) + by + order.length) % order.length]);
$("previous").onclick = () => leaf(-1);
$("next").onclick = () => leaf(1);
$("close").onclick = () => dialog.close();
dialog.onclick = event => { if (event.target === dialog) dialog.close(); };
$("opacity").oninput = opacity;
$("which").onchange = $("own").onchange = beside;
const moves = {ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0]};
$("stage").onkeydown = event => {
  const move = moves[event.key];
  if (!move || !place) return;
  event.preventDefault();
  read([place[0] + move[0], place[1] + move[1]]);
};
$("stage").onpointermove = $("stage").onpointerdown = event => {
  if (!place) return;
  const edges = $("stage").getBoundingClientRect(), [rows, cols] = cells(), [top, left, bottom, right] = state.map ? frame() : [0, 0, ...state.size];
  const down = (event.clientY - edges.top) / edges.height * state.size[0], along = (event.clientX - edges.left) / edges.width * state.size[1];
  read([Math.floor((down - top) / (bottom - top) * rows), Math.floor((along - left) / (right - left) * cols)]);
};
addEventListener("resize", () => { if (dialog.open && place) stage(), read(place); });
$("copy").onclick = async () => {
  getSelection().selectAllChildren($("code"));
  try { await navigator.clipboard.writeText($("code").textContent); $("reading").textContent = say("copied"); }
  catch { document.execCommand("copy"); }
};
}
