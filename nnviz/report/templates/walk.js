/* The walk through the network: a layer, a picture, a channel, a place, and the very numbers. */
(() => {
const panel = document.getElementById("walk"), island = document.getElementById("walk-data");
if (!panel || !island) return;
const data = JSON.parse(island.textContent), {blocks, nodes} = data, now = {block: data.start, picture: 0, fresh: true};
const say = (key, values) => data.words[key].replace(/{(\w+)}/g, (_, name) => values[name]);
const number = (x, digits = 8) => String(+x.toPrecision(digits)).replace(/-/g, "−");
const range = n => [...Array(n).keys()], total = list => list.reduce((sum, x) => sum + x, 0);
const by = (list, size) => [...list].sort((a, b) => size(b) - size(a));
const named = k => blocks[now.block].classes?.[k] ?? say("channel", {k});

function make(tag, attributes, ...inside) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element[name] = value;
    else if (value != null) element.setAttribute(name, value);
  }
  element.append(...inside);
  return element;
}
const p = text => make("p", {}, text), title = text => make("h5", {}, text);
const button = (onclick, inside, attributes) => make("button", {type: "button", onclick, ...attributes}, inside);

/* Numbers: of a crop, or of the whole where no box is named, by their places in the whole. */
const opened = new Map();
async function reader(record, [rows, cols, depth]) {
  const numbers = record.numbers || await load(record), [top, left, , right] = record.box || [0, 0, rows, cols], kept = record.channels;
  return {numbers, at: (r, c, k) => numbers[((r - top) * (right - left) + c - left) * (kept || {length: depth}).length + (kept ? kept.indexOf(k) : k)]};
}

function load(record) {
  if (!opened.has(record)) opened.set(record, unpack(record).then(found => found.data));
  return opened.get(record);
}

async function output(name) {
  const {as, from, out, shape} = nodes[name], given = as && (await output(from[0])).numbers;
  if (as) return reader({numbers: as === "relu" ? given.map(x => Math.max(x, 0)) : given}, shape);
  return out && reader(out[now.picture], shape);
}

/* What each operation makes of the chosen place: {cells: what is read, lines: sums, text, value}. */
const OPS = {
  async sum({step, xs, k, depth, own, many, cells, learnt}) {
    let read, lines = [], terms = step.terms && step.terms[now.picture];
    if (terms) {
      const most = terms.places.shape[1], [places, x, w, rest] = await Promise.all(["places", "x", "weight", "rest"].map(key => load(terms[key])));
      read = range(most).map(i => ({k: places[own * most + i], x: x[own * most + i], w: w[own * most + i]}));
      lines = [[say("rest", {n: terms.others}), rest[2 * own] + rest[2 * own + 1]]];
    } else {
      const weight = await load(step.weight), each = step.weight.shape[2], first = Math.floor(k * step.groups / depth) * each;
      read = range(each).flatMap(c => cells(first + c, 0).map((cell, n) => ({...cell, w: weight[(n * each + c) * many + own]})));
    }
    for (const cell of read) cell.product = cell.x * cell.w;
    const sum = total(read.map(cell => cell.product)) + (terms ? lines[0][1] : 0), bias = await learnt("bias");
    lines.push([say("sum", {n: read.length + (terms ? terms.others : 0)}), sum]);
    if (bias != null) lines.push([say("bias"), bias]);
    return {cells: read, lines, value: sum + (bias ?? 0)};
  },
  pool({step, k, cells}) {
    const read = cells(k, NaN), inside = read.filter(cell => cell.inside), [top, left, bottom, right] = step.counts || [];
    if (step.how === "max") {
      const won = inside.reduce((best, cell) => cell.x > best.x ? cell : best);
      return {cells: read, won, text: say("winner", {n: inside.length, place: say("place.short", won)}), value: won.x};
    }
    const sum = total(inside.map(cell => cell.x)), n = read.filter(c => c.row >= top && c.col >= left && c.row < bottom && c.col < right).length;
    return {cells: read, text: `${number(sum)} / ${n} = ${number(sum / n)}`, value: sum / n};
  },
  async affine({step, x, learnt}) {
    const [m, v, g, b] = await Promise.all(["mean", "variance", "gamma", "beta"].map(learnt)), value = (x - m) * g / Math.sqrt(v + step.epsilon) + b;
    return {text: `(${number(x)} − ${number(m)}) × ${number(g)} / √(${number(v)} + ${step.epsilon}) + ${number(b)} = ${number(value)}`, value};
  },
  curve({step, x}) {
    const {curve, low, high, negative_slope: slope, alpha} = step;
    const value = {relu: Math.max(x, 0), sigmoid: 1 / (1 + Math.exp(-x)), tanh: Math.tanh(x), clip: Math.min(Math.max(x, low ?? -Infinity), high ?? Infinity),
      leaky: x > 0 ? x : x * slope, elu: x > 0 ? x : alpha * Math.expm1(x)}[curve];
    return {text: say(curve, {x: number(x), low: low ?? "−∞", high: high ?? "∞", slope, alpha}) + " = " + number(value), value};
  },
  softmax({xs, x, row, col, size}) {
    const scores = range(size[2]).map(k => xs[0].at(row, col, k)), top = Math.max(...scores), e = Math.exp(x - top), sum = total(scores.map(s => Math.exp(s - top)));
    return {text: say("exp", {x: number(x), top: number(top), e: number(e), n: size[2], total: number(sum), value: number(e / sum)}), value: e / sum};
  },
  add({xs, row, col, k, from}) {
    const parts = xs.map((x, i) => ["+ " + from[i], x.at(row, col, k)]);
    return {lines: parts, value: total(parts.map(part => part[1]))};
  },
  concat({step, xs, row, col, k, from}) {
    let i = 0;
    while (k >= step.sizes[i]) k -= step.sizes[i++];
    return passed(xs[i].at(row, col, k), from[i], row, col, k);
  },
  same({xs, row, col, k, cols, depth, size, from}) {
    const flat = (row * cols + col) * depth + k, place = Math.floor(flat / size[2]), r = Math.floor(place / size[1]);
    return passed(xs[0].at(r, place % size[1], flat % size[2]), from[0], r, place % size[1], flat % size[2]);
  },
};
const passed = (value, node, row, col, k) => ({text: say("same", {place: `${node}, ${say("place.long", {row, col, k})}`, value: number(value)}), value});

async function explain(name) {
  const {from, step, shape: [, cols, depth]} = nodes[name], {row, col, channel: k} = now, size = nodes[from[0]].shape, kept = blocks[now.block].channels;
  const xs = await Promise.all(from.map((source, i) => step.in?.[i] ? reader(step.in[i][now.picture], nodes[source].shape) : output(source)));
  const own = kept ? kept.indexOf(k) : k, learnt = async key => step[key] && (await load(step[key]))[own], [kh, kw] = step.kernel;
  const cells = (channel, beside) => range(kh * kw).map(n => {
    const r = row * step.stride[0] - step.pads[0] + Math.floor(n / kw) * step.dilation[0], c = col * step.stride[1] - step.pads[1] + n % kw * step.dilation[1];
    const inside = r >= 0 && c >= 0 && r < size[0] && c < size[1];
    return {row: r, col: c, k: channel, inside, x: inside ? xs[0].at(r, c, channel) : beside};
  });
  const found = await OPS[step.op]({step, xs, x: xs[0].at(row, col, k), row, col, k, from, cols, depth, size, own, many: kept ? kept.length : depth, cells, learnt});
  return {lines: [], ...found, name, step, size, forward: (await output(name)).at(row, col, k)};
}

/* Pictures of maps. */
function colour(signed, share) {
  const stops = data.colours[signed ? "signed" : "plain"], at = Math.min(Math.max(share || 0, 0), 1) * (stops.length - 1), i = Math.min(Math.floor(at), stops.length - 2);
  return stops[i].map((v, n) => v + (at - i) * (stops[i + 1][n] - v));
}

async function maps(name) {
  const {look, out, shape} = nodes[name], record = look && look.maps[now.picture], [rows, cols] = record ? record.shape : shape;
  const found = record ? await reader(record, record.shape) : await output(name), kept = look ? look.channels : out?.[now.picture].channels;
  if (!found) return null;
  let {low, high} = look || found.numbers.reduce((ends, x) => ({low: Math.min(ends.low, x), high: Math.max(ends.high, x)}), {low: 0, high: 0});
  if (low < 0) low = -(high = Math.max(high, -low));
  const at = (k, r, c) => look ? low + found.at(r, c, kept.indexOf(k)) / 255 * (high - low) : found.at(r, c, k);
  return {rows, cols, low, high, at, channels: kept || range(shape[2]), top: k => Math.max(...range(rows * cols).map(i => at(k, Math.floor(i / cols), i % cols)))};
}

function draw({rows, cols, low, high, at}, k, attributes) {
  const canvas = make("canvas", {width: cols, height: rows, ...attributes}), context = canvas.getContext("2d"), image = context.createImageData(cols, rows);
  for (let i = 0; i < rows * cols; i++) image.data.set([...colour(low < 0, (at(k, Math.floor(i / cols), i % cols) - low) / (high - low || 1)), 255], 4 * i);
  context.putImageData(image, 0, 0);
  return canvas;
}

/* The very numbers, shown. */
function pager(count, size, render, page = 0) {
  const box = make("div", {}), turn = (by, key) => button(() => { page += by; show(); box.lastChild.children[by > 0 ? 1 : 0].focus(); }, say(key), {});
  function show() {
    const first = page * size, end = Math.min(first + size, count), row = make("div", {class: "row"}, turn(-1, "before"), turn(1, "next"), say("page", {a: first + 1, b: end, n: count}));
    [row.children[0].disabled, row.children[1].disabled] = [!page, end === count];
    box.replaceChildren(render(first, end), ...count > size ? [row] : []);
  }
  show();
  return box;
}

const table = (kind, rows, caption) => make("table", {class: kind}, make("caption", {}, caption || ""), make("tbody", {}, ...rows.map(row => make("tr", {}, ...row))));
const cell = (text, attributes) => make("td", attributes || {}, text);

/* A window as numbers on their colours. */
function grid(caption, cells, key, [, wide], won) {
  const top = Math.max(...cells.map(one => Math.abs(one[key]) || 0)) || 1, digits = wide < 5 ? 7 : 9 - wide;
  const tds = cells.map(one => cell(isNaN(one[key]) ? "–" : number(one[key], digits), {class: one === won ? "won" : null,
    title: one.inside ? say("place.short", one) : say("outside"), style: `background: rgb(${colour(true, .5 + .3 * one[key] / top)})`}));
  return table("grid", range(tds.length / wide).map(i => tds.slice(i * wide, (i + 1) * wide)), caption);
}

function read({cells, step, size, won}) {
  const {op, kernel, laid} = step, one = kernel[0] * kernel[1] === 1, sum = op === "sum";
  if (!one && Math.max(...kernel) < 8) {
    const groups = by([...new Set(cells.map(c => c.k))].map(k => cells.filter(c => c.k === k)), group => Math.abs(total(group.map(c => c.product))));
    const grids = group => [["window", "x"], ...sum ? [["kernel", "w"], ["product", "product"]] : []].map(([word, key]) => grid(say(word), group, key, kernel, won));
    return pager(groups.length, 1, i => make("div", {}, ...sum ? [p(say("part", {c: groups[i][0].k, rank: i + 1, n: groups.length, value: number(total(groups[i].map(c => c.product)))}))] : [],
      make("div", {class: "grids"}, ...grids(groups[i]))));
  }
  const place = c => laid ? say("place.long", {row: Math.floor(c.k / laid[2] / laid[1]), col: Math.floor(c.k / laid[2]) % laid[1], k: c.k % laid[2]})
    : size[0] * size[1] === 1 ? say("number", c) : say(one ? "channel" : "place.long", c);
  const order = by(cells.filter(c => c.inside !== false), c => sum ? Math.abs(c.product) : c.x);
  return pager(order.length, 8, (a, b) => table("sum", order.slice(a, b).map(c => [cell(place(c)), ...(sum ? [c.x, c.w, c.product] : [c.x]).map((x, i) => cell(["", "× ", "= "][i] + number(x, 7)))])));
}

function shown(found) {
  const {name, lines, text, value, forward} = found, rows = [...lines, ["= " + name, value], [say("forward"), forward], [say("difference"), value - forward]];
  return make("div", {"data-step": name}, title(name), ...found.cells ? [read(found)] : [], ...text ? [p(text)] : [],
    table("sum", rows.map(([words, x]) => [cell(words), cell(number(x), {"data-value": x})])));
}

/* The panel. */
const body = make("div", {}), place = make("div", {}), numbers = make("div", {});
let turn = 0;

/* What the page shows elsewhere, or was searched for this: the channel's best patches. */
function strip({figure, strips}) {
  const [id, channels] = figure || [], k = now.channel, image = id && document.getElementById(id)?.querySelectorAll(".tiles img")[channels ? channels.indexOf(k) : k];
  const src = image ? image.src : strips?.uris[strips.channels.indexOf(k)], words = say("strip", {k: named(k)});
  if (!src) return figure || strips ? [p(say("strip.none"))] : [];
  return [title(words), make("img", {src, alt: image ? image.alt : words, class: "strip"})];
}

async function showPlace(block, map, shape) {
  const [top, left, bottom, right] = block.boxes?.[now.picture] || [0, 0, ...shape], last = block.nodes.at(-1), mine = ++turn, again = () => showPlace(block, map, shape);
  if (now.row == null) {
    const places = range((bottom - top) * (right - left)).map(i => [top + Math.floor(i / (right - left)), left + i % (right - left)]);
    const at = ([r, c]) => map.at(now.channel, Math.floor(r * map.rows / shape[0]), Math.floor(c * map.cols / shape[1]));
    [now.row, now.col] = places.reduce((best, one) => at(one) > at(best) ? one : best);
  }
  [now.row, now.col] = [Math.min(Math.max(now.row, top), bottom - 1), Math.min(Math.max(now.col, left), right - 1)];
  const value = (await output(last))?.at(now.row, now.col, now.channel), steps = block.nodes.filter(name => nodes[name].step);
  const able = steps.length && (!block.channels || block.channels.includes(now.channel)), found = able ? await Promise.all(steps.map(explain)) : [];
  if (mine !== turn) return;
  const k = named(now.channel), said = value == null ? "–" : number(value), many = shape[0] * shape[1] > 1;
  const words = many ? say("place", {k, row: now.row, col: now.col, value: said}) : `${k}: ${said}`;
  const field = (key, min, end) => make("label", {}, say(key) + " ", make("input", {type: "number", min, max: end - 1, value: now[key], id: "walk-" + key,
    onchange: async event => { now[key] = +event.target.value; await again(); document.getElementById("walk-" + key).focus(); }}));
  const canvas = draw(map, now.channel, {class: "place", role: "img", "aria-label": words}), box = (t, l, b, r, kind) => make("i", {class: kind,
    style: `top: ${100 * t / shape[0]}%; left: ${100 * l / shape[1]}%; height: ${100 * (b - t) / shape[0]}%; width: ${100 * (r - l) / shape[1]}%`});
  const frame = make("div", {class: "frame", onclick: event => {
    const area = frame.getBoundingClientRect();
    now.row = Math.floor((event.clientY - area.top) / area.height * shape[0]);
    now.col = Math.floor((event.clientX - area.left) / area.width * shape[1]);
    again();
  }}, canvas, ...block.boxes ? [box(top, left, bottom, right, "crop")] : [], box(now.row, now.col, now.row + 1, now.col + 1, "here"));
  place.replaceChildren(...many ? [frame, make("div", {class: "row"}, field("row", top, bottom), field("col", left, right),
    button(() => { now.row = null; again(); }, say("strongest"), {})), ...block.boxes ? [p(say("crop"))] : []] : [], make("p", {"aria-live": "polite"}, words), ...strip(block));
  numbers.replaceChildren(...able ? [title(say("numbers")), ...found.map(shown)] : [p(say(block.large || block.channels ? "large" : "none"))]);
}

async function show() {
  const block = blocks[now.block], last = block.nodes.at(-1), {shape} = nodes[last], many = shape[0] * shape[1] > 1, mine = ++turn, map = await maps(last);
  if (mine !== turn) return;
  const pictures = data.pictures.map((one, i) => button(async () => { now.picture = i; now.row = null; await show(); body.querySelectorAll("[data-picture]")[i].focus(); },
    make("img", {src: one.uri, alt: ""}), {class: "thumb", title: one.name, "aria-pressed": i === now.picture, "data-picture": i}));
  const layers = make("select", {onchange: async () => { await choose(layers.value); body.querySelector("select").focus(); }}, ...Object.keys(blocks).map(name => make("option", {value: name}, blocks[name].name)));
  layers.value = now.block;
  const reads = block.reads.map(name => button(() => choose(name), blocks[name].name, {})), grids = [];
  if (map) {
    const tops = new Map(map.channels.map(k => [k, map.top(k)])), order = many ? map.channels : by(map.channels, k => tops.get(k));
    if (now.fresh) now.channel = by(order.filter(k => !block.channels || block.channels.includes(k)), k => tops.get(k))[0] ?? order[0];
    const tile = k => button(event => {
      Object.assign(now, {channel: k, row: null});
      for (const other of event.currentTarget.parentNode.children) other.setAttribute("aria-pressed", other === event.currentTarget);
      showPlace(block, map, shape);
    }, many ? draw(map, k, {}) : `${named(k)}: ${number(tops.get(k), 4)}`, {class: many ? "thumb" : null, title: named(k), "aria-pressed": k === now.channel, "data-channel": k});
    grids.push(title(say(order.length < shape[2] ? "maps.some" : "maps", {n: order.length, of: shape[2]})),
      pager(order.length, many ? 32 : 12, (a, b) => make("div", {class: "maps"}, ...order.slice(a, b).map(tile))), ...many ? [p(say("scale", {low: number(map.low, 4), high: number(map.high, 4)}))] : []);
  }
  now.fresh = false;
  place.replaceChildren();
  numbers.replaceChildren(...map ? [] : [p(say(block.large ? "large" : "none"))]);
  body.replaceChildren(make("h4", {}, `${block.name}: ${block.kind}`), make("div", {class: "row"}, make("label", {}, say("layer") + " ", layers), ...reads.length ? [say("reads"), ...reads] : []),
    p(block.what), p(block.facts), p(block.health), make("div", {class: "row"}, say("picture"), ...pictures, data.pictures[now.picture].name),
    make("div", {class: "cols"}, make("div", {}, ...grids), place), numbers);
  if (map) await showPlace(block, map, shape);
}

/* The diagram as the map. */
const groups = [...document.querySelectorAll(".drawing [data-node]")];
function choose(name) {
  Object.assign(now, {block: name, fresh: true, row: null});
  for (const group of groups) group.setAttribute("aria-pressed", group.dataset.node === name);
  return show();
}
for (const group of groups) {
  group.ownerSVGElement.setAttribute("role", "group");
  for (const [name, value] of [["role", "button"], ["tabindex", 0], ["aria-pressed", group.dataset.node === now.block]]) group.setAttribute(name, value);
  group.onclick = async () => {
    await choose(group.dataset.node);
    const {top, bottom} = panel.getBoundingClientRect();
    if (top > innerHeight - 80 || bottom < 80) panel.scrollIntoView();
  };
  group.onkeydown = event => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    choose(group.dataset.node);
  };
}
panel.hidden = false;
panel.append(body);
new IntersectionObserver((seen, observer) => {
  if (!seen.some(entry => entry.isIntersecting)) return;
  observer.disconnect();
  show();
}, {rootMargin: "600px"}).observe(panel);
})();
