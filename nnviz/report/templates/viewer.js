/* The viewer: a large look at any picture of the page, with the numbers behind its colours. */
{
const dialog = byId("viewer"), ui = Object.fromEntries(all("[id^=viewer-]").map(part => [part.id.slice(7), part]));
const images = all("img[data-look]"); // in the order of the looks
const state = {}; // what is shown: look, known (of its picture), fine (its finest look), base (its pixels), size; map, grid, chance, canvas
let now, order = [], place, ticket = 0;

const say = (key, values) => fill(looking().words[key], values);
const percent = p => (floor(p * 1000) / 10).toFixed(1) + "%", lines = parts => parts.filter(Boolean).join("\n");
const alike = (a, b) => a.name === b?.name && a.target === b?.target;

/* The numbers of a map: {size, values}. */
async function grid([stack, k]) {
  const record = looking().stacks[stack], [, rows, cols] = record.shape, values = await load(record);
  return {size: [rows, cols], values: values.subarray(k * rows * cols, (k + 1) * rows * cols)};
}
/* The colour of a value, for a map's look. */
async function colouring({cmap, named, low, high}) {
  const table = named ? named.map(([, , hex]) => [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16))) : await load(looking().tables[cmap]), last = table.length / 3 - 1;
  return v => {
    if (named) return table[named.findIndex(one => one[0] === v)] ?? [128, 128, 128];
    const k = 3 * Math.round(high > low ? clamp((v - low) / (high - low), 0, 1) * last : 0);
    return Number.isFinite(v) ? table.subarray(k, k + 3) : [128, 128, 128];
  };
}
const drawn = ({size, values}, colour) => paint(...size, i => colour(values[i]));
async function bar(parent, cmap, low, high) {
  parent.replaceChildren();
  if (!cmap) return;
  const colour = await colouring({cmap, low: 0, high: 255});
  parent.replaceChildren(paint(1, 256, colour, {role: "img", "aria-label": say("scale", {low, high})}), h("span", low), h("span", high));
}

/* Look at picture k of the page. */
async function show(k) {
  const {looks, pictures, shape, files} = looking(), look = looks[now = k], own = looks.filter(one => one.p === look.p), alone = look.p === undefined;
  const fine = alone ? undefined : best(own.filter(one => !one.map), one => -(one.block ?? 1)), known = pictures[look.p];
  const from = new Image(), mine = ++ticket; // one of its own: a lazy one further down may never load
  from.src = (images[looks.indexOf(fine)] ?? images[k]).src;
  await from.decode();
  if (mine !== ticket) return;
  const base = h("canvas", {width: from.naturalWidth, height: from.naturalHeight}), maps = alone ? [] : own.filter(one => one.cmap);
  base.getContext("2d").drawImage(from, 0, 0);
  // Each name and class once.
  Object.assign(state, {look, known, fine, base, size: alone ? [base.height, base.width] : shape, maps: maps.filter((one, i) => i === maps.findIndex(other => alike(one, other)))});
  ui.title.textContent = files[look.f].title;
  ui.count.textContent = say("of", {k: order.indexOf(k) + 1, n: order.length});
  ui.answer.textContent = lines([
    alone ? [look.name, look.target].filter(Boolean).join(": ") : say("picture", {i: look.p}) + (known?.file ? " · " + known.file : ""),
    known?.t !== undefined && say("true", {true: known.t}),
    known?.a !== undefined && say("answer", {answer: known.a, sure: percent(known.top[0][1])}),
    (alone || look.map) && look.label,
  ]);
  ui.sure.hidden = !known?.top;
  ui.chances.replaceChildren(...(known?.top ?? []).map(([name, p]) => h("li", h("span", name), h("span", percent(p)), h("i", {style: `--p: ${100 * p}%`}))));
  place = null;
  await choose(look.map && look);
}

/* Lay a map over the picture; none for the picture alone. */
async function choose(map) {
  const mine = ++ticket, numbers = map && await grid(map.map), chance = map?.chance && await grid(map.chance), canvas = map && drawn(numbers, await colouring(map));
  if (mine !== ticket) return;
  Object.assign(state, {map, grid: numbers, chance, canvas});
  options();
  stage();
  bar(ui.scale, map?.cmap, ...map?.cmap ? say("ends", {low: short(map.low), high: short(map.high), a: map.ends[0], b: map.ends[1]}).split("|") : []);
  source(map ?? state.look);
  read(place ?? cells().map(n => floor(n / 2)));
  beside();
}
function options() {
  const {maps, map, known} = state, names = [...new Set(maps.map(m => m.name))], of = name => maps.filter(m => m.name === name), same = of(map?.name);
  const list = (select, entries, chosen) => {
    select.replaceChildren(...entries.map((text, k) => new Option(text, k, false, k === chosen)));
    select.disabled = entries.length < 2;
  };
  if (map && !names.includes(map.name)) names.unshift(map.name);
  ui.tools.hidden = !names.length;
  list(ui.map, [say("none"), ...names], map ? names.indexOf(map.name) + 1 : 0);
  list(ui.class, same.map(m => m.target ?? ""), same.findIndex(m => m.target === map.target));
  ui.map.onchange = () => {
    const found = of(names[ui.map.value - 1]), about = target => found.find(m => m.target === target);
    choose(about(map?.target) ?? about(known?.a) ?? found[0]);
  };
  ui.class.onchange = () => choose(same[ui.class.value]);
  ui.opacity.disabled = !map;
}

/* The stage: the picture, the map over it, and the mark of the place that is read. */
function stage() {
  const {base, map, canvas, size} = state, [rows, cols] = size, {style, parentElement} = ui.stage;
  const fit = min(innerHeight * .62 / rows, parentElement.clientWidth / cols, 640 / max(rows, cols)), times = fit >= 1 ? floor(fit) : fit;
  style.width = cols * times + "px", style.height = rows * times + "px";
  ui.stage.replaceChildren(put(base, [0, 0, ...size], size), ...map ? [put(canvas, frame(), size)] : [], h("i"));
  fade();
}
function fade() {
  if (state.map) state.canvas.style.opacity = ui.opacity.value / 100;
}
/* Where the map, or the picture alone, lies in pixels of the picture, and into how many cells it is cut. */
const frame = () => state.map?.frame ?? [0, 0, ...state.map?.block ? state.grid.size.map(n => n * state.map.block) : state.size];
const cells = () => state.map ? state.grid.size : [state.base.height, state.base.width];
/* The cell at a point, where [top, left, bottom, right] is cut into so many. */
const cellAt = (point, box, count) => count.map((n, axis) => clamp(floor((point[axis] - box[axis]) / (box[axis + 2] - box[axis]) * n), 0, n - 1));
/* Say what stands at a cell. */
function read(cell) {
  const {map, size, chance, base, fine} = state, count = cells(), over = frame(), {block} = map ?? fine ?? {}, parts = [];
  const [row, col] = place = count.map((n, axis) => clamp(cell[axis], 0, n - 1));
  const edge = [0, 1, 2, 3].map(side => side % 2).map((axis, side) => over[axis] + (place[axis] + (side > 1)) * ((over[axis + 2] - over[axis]) / count[axis]));
  put(ui.stage.lastChild, edge, size);
  const last = axis => min((place[axis] + 1) * block, size[axis]) - 1;
  parts.push(block ? say("block", {row: row * block, row2: last(0), col: col * block, col2: last(1)}) : say("place", {row, col}));
  if (map) {
    const v = state.grid.values[row * count[1] + col];
    parts.push(map.named?.find(one => one[0] === v)?.[1] ?? (Number.isFinite(v) ? short(v, 5) : "–"));
    if (chance) {
      const [down, along] = cellAt([(edge[0] + edge[2]) / 2, (edge[1] + edge[3]) / 2], map.chance[2], chance.size);
      parts.push(say("chance", {p: (100 * chance.values[down * chance.size[1] + along]).toPrecision(4) + "%"}));
    }
  } else {
    const [r, g, b] = base.getContext("2d").getImageData(col, row, 1, 1).data;
    parts.push(r === g && g === b ? say("brightness", {v: r}) : say("colour", {r, g, b}));
  }
  ui.reading.textContent = parts.join(" · ");
}
function source(look) {
  const {code, files} = looking(), own = files[look.f];
  const links = ["png", "npz"].filter(kind => own[kind]).flatMap((kind, i) => [i ? ", " : "", h("a", {href: own[kind]}, own[kind])]);
  ui.links.replaceChildren(...links, look.at ? h("code", look.at) : "");
  ui.code.textContent = lines([code, look.again]);
}

/* Maps of the picture on one scale; probabilities are of another kind. */
async function beside() {
  const {maps, map, known} = state, which = ui.which.value, own = ui.own.checked, mine = ticket;
  ui.side.hidden = !maps.length;
  const wanted = {name: map?.name, target: map?.target ?? known?.a}, kin = maps.filter(m => m.cmap !== "viridis");
  let shown = kin.filter(m => which === "all" || m[which] === wanted[which]);
  if (!shown.length) shown = kin;
  if (!shown.length) return;
  const grids = await Promise.all(shown.map(m => grid(m.map))), sign = shown.find(m => m.low < 0), {cmap} = sign ?? shown[0];
  const tops = grids.map(({values}) => values.reduce((top, v) => Number.isFinite(v) ? max(top, abs(v)) : top, 0)), one = max(...tops);
  const low = sign ? short(-one) : "0", high = short(one), tiles = await Promise.all(shown.map(async (m, k) => {
    const top = (own ? tops[k] : one) || 1, colour = await colouring({cmap, low: sign ? -top : 0, high: top});
    return button(() => choose(m), drawn(grids[k], colour), h("span.label", lines([m.name, m.target, say("top", {v: short(tops[k])})])), {"aria-pressed": alike(m, map)});
  }));
  if (mine !== ticket) return;
  ui.range.textContent = own ? say("each") : say("one", {low, high});
  bar(ui.scales, own ? "" : cmap, low, high);
  ui.beside.replaceChildren(...tiles);
}

/* Opening, leafing, closing. */
const moves = {ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0]};
const inFigure = element => all(".open", element.closest("figure")), seen = element => inFigure(element).filter(b => b.getClientRects().length);
for (const image of images) {
  const open = h("button.open", {type: "button", "aria-haspopup": "dialog"});
  image.replaceWith(open);
  open.append(image);
}
for (const figure of all("figure")) {
  const open = all(".open", figure); // one tab stop a figure, then arrow keys
  stay(open, open[0]);
}
document.addEventListener("click", event => {
  const open = event.target.closest(".open");
  if (!open) return;
  order = seen(open).map(b => +b.firstChild.dataset.look);
  stay(inFigure(open), open);
  open.focus();
  dialog.showModal();
  ui.stage.focus();
  show(+open.firstChild.dataset.look);
});
document.addEventListener("keydown", event => {
  const open = event.target, [down, along] = moves[event.key] ?? [];
  if (!open.matches(".open") || down === undefined) return;
  const there = seen(open), next = there[there.indexOf(open) + down + along];
  event.preventDefault();
  if (next) stay(inFigure(next), next), next.focus();
});
const leaf = by => show(order[(order.indexOf(now) + by + order.length) % order.length]);
ui.previous.onclick = () => leaf(-1);
ui.next.onclick = () => leaf(1);
ui.close.onclick = () => dialog.close();
dialog.onclick = event => { if (event.target === dialog) dialog.close(); };
ui.opacity.oninput = fade;
ui.which.onchange = ui.own.onchange = beside;
ui.stage.onkeydown = event => {
  const move = moves[event.key];
  if (!move || !place) return;
  event.preventDefault();
  read(place.map((at, axis) => at + move[axis]));
};
ui.stage.onpointermove = ui.stage.onpointerdown = event => { if (place) read(cellAt(pointed(event, ui.stage, state.size), frame(), cells())); };
addEventListener("resize", () => { if (dialog.open && place) stage(), read(place); });
ui.copy.onclick = async () => {
  getSelection().selectAllChildren(ui.code);
  try { await navigator.clipboard.writeText(ui.code.textContent); ui.reading.textContent = say("copied"); }
  catch { document.execCommand("copy"); }
};
}
