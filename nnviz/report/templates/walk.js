/* The walk through the network: a layer, a picture, a channel, a place, and the very numbers. */
(() => {
const panel = byId("walk"), data = island("walk-data");
if (!data) return;
const {blocks, nodes, words} = data, now = {block: data.start, picture: 0, fresh: true};
const say = (key, values) => fill(words[key], values), named = k => blocks[now.block].classes?.[k] ?? say(now.many ? "channel" : "unit", {k});
const total = list => list.reduce((sum, x) => sum + x, 0), by = (list, size) => [...list].sort((a, b) => size(b) - size(a));

/* Numbers of a crop, or of the whole where no box is named, by their places in the whole. */
async function reader(record, [rows, cols, depth]) {
  const numbers = record.numbers || await load(record), [top, left, , right] = record.box || [0, 0, rows, cols], kept = record.channels;
  return {numbers, at: (r, c, k) => numbers[((r - top) * (right - left) + c - left) * (kept ? kept.length : depth) + (kept ? kept.indexOf(k) : k)]};
}

async function output(name) {
  const {as, from, out, shape} = nodes[name], given = as && (await output(from[0])).numbers;
  return as ? reader({numbers: as === "relu" ? given.map(x => max(x, 0)) : given}, shape) : out && reader(out[now.picture], shape);
}

/* What each operation makes of the chosen place: {cells: what is read, lines: sums, values: for its words, value}. */
const passed = (value, node, row, col, k) => ({values: {place: `${node}, ${say("place.long", {row, col, k})}`}, value});
const OPS = {
  async sum({step, k, depth, own, many, cells, learnt}) {
    const terms = step.terms?.[now.picture], lines = [];
    let read, others = 0;
    if (terms) {
      const most = terms.places.shape[1], [places, x, w, rest] = await Promise.all(["places", "x", "weight", "rest"].map(key => load(terms[key])));
      read = range(most).map(i => own * most + i).map(i => ({k: places[i], x: x[i], w: w[i]}));
      others = rest[2 * own] + rest[2 * own + 1];
      lines.push([say("rest", {n: terms.others}), others]);
    } else {
      const weight = await load(step.weight), each = step.weight.shape[2], first = floor(k * step.groups / depth) * each;
      read = range(each).flatMap(c => cells(first + c, 0).map((cell, n) => ({...cell, w: weight[(n * each + c) * many + own]})));
    }
    for (const cell of read) cell.product = cell.x * cell.w;
    const sum = total(read.map(cell => cell.product)) + others, bias = await learnt("bias");
    lines.push([say("sum", {n: read.length + (terms ? terms.others : 0)}), sum]);
    if (bias != null) lines.push([say("bias"), bias]);
    return {cells: read, lines, value: sum + (bias ?? 0)};
  },
  pool({step, k, cells}) {
    const read = cells(k, NaN), inside = read.filter(c => c.inside), won = best(inside, c => c.x), [top, left, bottom, right] = step.counts || [];
    if (step.how === "max") return {cells: read, won, values: {n: inside.length, place: say("place.short", won)}, value: won.x};
    const sum = total(inside.map(c => c.x)), n = read.filter(c => c.row >= top && c.col >= left && c.row < bottom && c.col < right).length;
    return {cells: read, values: {sum, n}, value: sum / n};
  },
  async affine({step, x, learnt}) {
    const [mean, variance, gamma, beta] = await Promise.all(["mean", "variance", "gamma", "beta"].map(learnt));
    return {values: {...step, x, mean, variance, gamma, beta}, value: (x - mean) * gamma / Math.sqrt(variance + step.epsilon) + beta};
  },
  curve: ({step: {curve, low, high, negative_slope: slope, alpha}, x}) => ({values: {x, low: low ?? "−∞", high: high ?? "∞", slope, alpha},
    value: {relu: max(x, 0), sigmoid: 1 / (1 + Math.exp(-x)), tanh: Math.tanh(x), clip: clamp(x, low ?? -Infinity, high ?? Infinity),
      leaky: x > 0 ? x : x * slope, elu: x > 0 ? x : alpha * Math.expm1(x)}[curve]}),
  softmax({xs, x, row, col, size}) {
    const scores = range(size[2]).map(k => xs[0].at(row, col, k)), top = max(...scores), e = Math.exp(x - top), sum = total(scores.map(s => Math.exp(s - top)));
    return {values: {x, top, e, n: size[2], sum}, value: e / sum};
  },
  add({xs, row, col, k, from}) {
    const lines = xs.map((x, i) => ["+ " + from[i], x.at(row, col, k)]);
    return {lines, value: total(lines.map(line => line[1]))};
  },
  concat({step, xs, row, col, k, from}) {
    let i = 0;
    while (k >= step.sizes[i]) k -= step.sizes[i++];
    return passed(xs[i].at(row, col, k), from[i], row, col, k);
  },
  same({xs, row, col, k, cols, depth, size: [, along, inside], from}) {
    const flat = (row * cols + col) * depth + k, place = floor(flat / inside), at = [floor(place / along), place % along, flat % inside];
    return passed(xs[0].at(...at), from[0], ...at);
  },
};

async function explain(name) {
  const {from, step, shape: [, cols, depth]} = nodes[name], {row, col, channel: k} = now, size = nodes[from[0]].shape, kept = blocks[now.block].channels;
  const xs = await Promise.all(from.map((source, i) => step.in?.[i] ? reader(step.in[i][now.picture], nodes[source].shape) : output(source)));
  const own = kept ? kept.indexOf(k) : k, learnt = async key => step[key] && (await load(step[key]))[own], [kh, kw] = step.kernel;
  const cells = (channel, beside) => range(kh * kw).map(n => {
    const [r, c] = [row, col].map((at, axis) => at * step.stride[axis] - step.pads[axis] + (axis ? n % kw : floor(n / kw)) * step.dilation[axis]);
    const inside = r >= 0 && c >= 0 && r < size[0] && c < size[1];
    return {row: r, col: c, k: channel, inside, x: inside ? xs[0].at(r, c, channel) : beside};
  });
  const found = await OPS[step.op]({step, xs, x: xs[0].at(row, col, k), row, col, k, from, cols, depth, size, own, many: kept ? kept.length : depth, cells, learnt});
  return {lines: [], ...found, name, step, size, forward: (await output(name)).at(row, col, k)};
}

/* Pictures of maps. */
function colour(signed, share) {
  const stops = data.colours[signed ? "signed" : "plain"], at = clamp(share || 0, 0, 1) * (stops.length - 1), i = min(floor(at), stops.length - 2);
  return stops[i].map((v, n) => v + (at - i) * (stops[i + 1][n] - v));
}

async function maps(name) {
  const {look, out, shape} = nodes[name], dots = look?.maps[now.picture], found = await (dots ? reader(dots, dots.shape) : output(name));
  if (!found) return;
  const kept = (look || out?.[now.picture])?.channels, [rows, cols] = dots ? dots.shape : shape, channels = kept || range(shape[2]);
  let {low, high} = look || found.numbers.reduce((ends, x) => ({low: min(ends.low, x), high: max(ends.high, x)}), {low: 0, high: 0});
  if (low < 0) low = -(high = max(high, -low));
  const at = (k, r, c) => look ? low + found.at(r, c, kept.indexOf(k)) / 255 * (high - low) : found.at(r, c, k);
  return {rows, cols, low, high, at, channels, tops: new Map(channels.map(k => [k, max(...range(rows * cols).map(i => at(k, floor(i / cols), i % cols)))]))};
}

const draw = ({rows, cols, low, high, at}, k, ...attributes) =>
  paint(rows, cols, i => colour(low < 0, (at(k, floor(i / cols), i % cols) - low) / (high - low || 1)), ...attributes);

/* The very numbers, shown. */
function pager(count, size, render) {
  let first = 0;
  const box = h("div"), show = () => {
    const end = min(first + size, count), turn = (step, key, off) => button(() => { first += step; show(); box.lastChild.children[+(step > 0)].focus(); }, say(key), off && {disabled: ""});
    box.replaceChildren(render(first, end), count > size ? h("div.row", turn(-size, "before", !first), turn(size, "next", end === count), size > 1 ? say("page", {a: first + 1, b: end, n: count}) : `${end} / ${count}`) : "");
  };
  show();
  return box;
}
const table = (kind, rows, caption) => h("table." + kind, caption && h("caption", caption), rows.map(row => h("tr", row)));

/* A window as numbers on their colours. */
function grid(caption, cells, key, wide, won) {
  const top = max(...cells.map(one => abs(one[key]) || 0)) || 1;
  const tds = cells.map(one => h("td", isNaN(one[key]) ? "–" : number(one[key], wide < 5 ? 7 : 9 - wide), {class: one === won ? "won" : "", title: one.inside ? say("place.short", one) : say("outside"),
    style: `background: rgb(${colour(true, .5 + .3 * one[key] / top)})`}));
  return table("grid", range(tds.length / wide).map(i => tds.slice(i * wide, (i + 1) * wide)), caption);
}

function read({cells, step: {op, kernel, laid}, size, won}) {
  const one = kernel[0] * kernel[1] === 1, sum = op === "sum";
  if (!one && max(...kernel) < 8) {
    const parts = [...new Set(cells.map(c => c.k))].map(k => cells.filter(c => c.k === k)).map(group => ({group, value: total(group.map(c => c.product))})), order = by(parts, part => abs(part.value));
    return pager(order.length, 1, (i, n, {group, value} = order[i]) => h("div", sum && h("p", say("part", {c: group[0].k, rank: i + 1, n: order.length, value})),
      h("div.grids", Object.entries(sum ? {x: "window", w: "kernel", product: "product"} : {x: "window"}).map(([key, word]) => grid(say(word), group, key, kernel[1], won)))));
  }
  const place = c => laid ? say("place.long", {row: floor(c.k / laid[2] / laid[1]), col: floor(c.k / laid[2]) % laid[1], k: c.k % laid[2]})
    : say(size[0] * size[1] === 1 ? "number" : one ? "channel" : "place.long", c);
  const order = by(cells.filter(c => c.inside !== false), c => sum ? abs(c.product) : c.x);
  return pager(order.length, 8, (a, b) => table("sum", order.slice(a, b).map(c => [place(c), number(c.x, 6), ...sum ? ["× " + number(c.w, 6), "= " + number(c.product, 6)] : []].map(text => h("td", text)))));
}

function shown(found) {
  const {name, step, lines, values, value, forward} = found, rows = [...lines, ["= " + name, value], [say("forward"), forward], [say("difference"), value - forward]];
  return h("div", {"data-step": name}, h("h5", name), found.cells && read(found), values && h("p", fill(step.says, {...values, value})), table("sum", rows.map(([text, x]) => [h("td", text), h("td", number(x), {"data-value": x})])));
}

/* The panel. */
const body = h("div"), place = h("div"), numbers = h("div");
let turn = 0;

/* What the page shows elsewhere, or was searched for this: the channel's best patches. */
function strip({figure, strips}) {
  const [id, channels] = figure || [], k = now.channel, image = id && byId(id)?.querySelectorAll(".tiles img")[channels ? channels.indexOf(k) : k];
  const src = image ? image.src : strips?.uris[strips.channels.indexOf(k)], text = say("strip", {k: named(k)});
  return src ? [h("h5", text), h("img.strip", {src, alt: image ? image.alt : text})] : [(figure || strips) && h("p", say("strip.none"))];
}

async function showPlace(block, map, shape) {
  const [rows, cols] = shape, [top, left, bottom, right] = block.boxes?.[now.picture] || [0, 0, ...shape], {channel} = now, mine = ++turn, again = () => showPlace(block, map, shape);
  if (now.row == null) [now.row, now.col] = best(range((bottom - top) * (right - left)).map(i => [top + floor(i / (right - left)), left + i % (right - left)]),
    ([r, c]) => map.at(channel, floor(r * map.rows / rows), floor(c * map.cols / cols)));
  now.row = clamp(now.row, top, bottom - 1);
  now.col = clamp(now.col, left, right - 1);
  const {row, col} = now, value = (await output(block.nodes.at(-1)))?.at(row, col, channel), steps = block.nodes.filter(name => nodes[name].step);
  const able = steps.length && (!block.channels || block.channels.includes(channel)), found = able ? await Promise.all(steps.map(explain)) : [];
  if (mine !== turn) return;
  const k = named(channel), said = value == null ? "–" : number(value), {many} = now, text = many ? say("place", {k, row, col, value: said}) : `${k}: ${said}`;
  const field = (key, low, end) => h("label", say(key), " ", h("input", {type: "number", min: low, max: end - 1, value: now[key], id: "walk-" + key,
    onchange: async event => { now[key] = floor(event.target.value); await again(); byId("walk-" + key).focus(); }}));
  const box = (kind, ...edges) => put(h("i." + kind), edges, shape);
  const frame = h("div.frame", draw(map, channel, {role: "img", "aria-label": text}), block.boxes && box("crop", top, left, bottom, right), box("here", row, col, row + 1, col + 1), {onclick: event => {
    [now.row, now.col] = pointed(event, frame, shape).map(floor);
    again();
  }});
  place.replaceChildren(h("div", many && [frame, h("div.row", field("row", top, bottom), field("col", left, right), button(() => { now.row = null; again(); }, say("strongest"))), block.boxes && h("p", say("crop"))],
    h("p", {"aria-live": "polite"}, text), strip(block)));
  numbers.replaceChildren(...able ? [h("h5", say("numbers")), ...found.map(shown)] : [h("p", say(block.large || block.channels ? "large" : "none"))]);
}

function showMaps(block, map, shape) {
  const {channels, tops, low, high} = map, {many} = now, top = k => tops.get(k), order = many ? channels : by(channels, top);
  if (now.fresh) now.channel = best(order.filter(k => !block.channels || block.channels.includes(k)), top) ?? order[0];
  const tile = k => button(event => {
    Object.assign(now, {channel: k, row: null});
    for (const other of event.currentTarget.parentNode.children) other.setAttribute("aria-pressed", other === event.currentTarget);
    showPlace(block, map, shape);
  }, many ? draw(map, k) : `${named(k)}: ${number(top(k), 4)}`, {class: many ? "thumb" : "", title: named(k), "aria-pressed": k === now.channel, "data-channel": k});
  return h("div", h("h5", say(order.length < shape[2] ? "maps.some" : many ? "maps" : "units", {n: order.length, of: shape[2]})),
    pager(order.length, many ? 32 : 12, (a, b) => h("div.grids", order.slice(a, b).map(tile))), many && h("p", say("scale", {low, high})));
}

async function show() {
  const block = blocks[now.block], last = block.nodes.at(-1), {shape} = nodes[last], [rows, cols] = shape, mine = ++turn, map = await maps(last);
  if (mine !== turn) return;
  const pictures = data.pictures.map(({name, uri}, i) => button(async () => { Object.assign(now, {picture: i, row: null}); await show(); all("[data-picture]", body)[i].focus(); },
    h("img", {src: uri, alt: ""}), {class: "thumb", title: name, "aria-pressed": i === now.picture, "data-picture": i}));
  const layers = h("select", Object.keys(blocks).map(name => h("option", blocks[name].name, {value: name})), {onchange: async () => { await choose(layers.value); body.querySelector("select").focus(); }});
  layers.value = now.block;
  now.many = rows * cols > 1;
  place.replaceChildren();
  numbers.replaceChildren(map ? "" : h("p", say(block.large ? "large" : "none")));
  body.replaceChildren(h("h4", `${block.name}: ${block.kind}`), h("div.row", h("label", say("layer"), " ", layers), block.reads.length > 0 && say("reads"), block.reads.map(name => button(() => choose(name), blocks[name].name))),
    h("p", block.what), h("p", block.facts), h("p", block.health), h("div.row", say("picture"), pictures, data.pictures[now.picture].name), h("div.cols", map && showMaps(block, map, shape), place), numbers);
  now.fresh = false;
  if (map) await showPlace(block, map, shape);
}

/* The diagram as the map. */
const groups = all(".drawing [data-node]");
function choose(name) {
  Object.assign(now, {block: name, fresh: true, row: null});
  for (const group of groups) group.setAttribute("aria-pressed", group.dataset.node === name);
  return show();
}
for (const group of groups) {
  group.ownerSVGElement.setAttribute("role", "group");
  for (const [key, value] of Object.entries({role: "button", tabindex: 0, "aria-pressed": group.dataset.node === now.block})) group.setAttribute(key, value);
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
