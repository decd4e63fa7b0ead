/* The walk through the network: a layer, a picture, a channel, a place, and the very numbers. */
(() => {
  const island = document.getElementById("walk-data"), panel = document.getElementById("walk");
  if (!island || !panel) return;
  const data = JSON.parse(island.textContent), names = Object.keys(data.blocks);
  const now = {block: data.start, picture: 0, channel: 0, row: 0, col: 0, page: 0};
  const say = (key, values = {}) => data.words[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const minus = text => String(text).replace(/-/g, "−");
  const number = (value, digits = 8) => minus(Number(value.toPrecision(digits)));

  function make(tag, attributes, ...inside) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...inside);
    return element;
  }

  /* Numbers ------------------------------------------------------------------------------------ */

  const opened = new WeakMap();
  function load(record) {
    if (!opened.has(record)) opened.set(record, unpack(record).then(found => found.data));
    return opened.get(record);
  }

  /* A part of a map, read by its place and channel in the whole. */
  function part(numbers, shape, box, channels) {
    const [top, left, bottom, right] = box || [0, 0, shape[0], shape[1]];
    const depth = channels ? channels.length : shape[2], where = channels && new Map(channels.map((k, i) => [k, i]));
    const at = (row, col, k) => numbers[((row - top) * (right - left) + col - left) * depth + (where ? where.get(k) : k)];
    return {numbers, at};
  }

  async function output(name, picture) {
    const node = data.nodes[name];
    if (node.as) {
      const {numbers} = await output(node.from[0], picture);
      return part(node.as === "relu" ? numbers.map(x => Math.max(x, 0)) : numbers, node.shape);
    }
    if (!node.out) return null;
    const record = node.out[picture];
    return part(await load(record), node.shape, record.box, record.channels);
  }

  async function input(name, i, picture) {
    const node = data.nodes[name], crops = node.step.in && node.step.in[i], source = node.from[i];
    if (!crops) return output(source, picture);
    return part(await load(crops[picture]), data.nodes[source].shape, crops[picture].box, crops[picture].channels);
  }

  const CURVES = {
    relu: (x) => [Math.max(x, 0)], sigmoid: (x) => [1 / (1 + Math.exp(-x))], tanh: (x) => [Math.tanh(x)],
    clip: (x, s) => [Math.min(Math.max(x, s.low ?? -Infinity), s.high ?? Infinity), {low: s.low ?? "−∞", high: s.high ?? "∞"}],
    leaky: (x, s) => [x > 0 ? x : x * s.negative_slope, {slope: s.negative_slope}],
    elu: (x, s) => [x > 0 ? x : s.alpha * Math.expm1(x), {alpha: s.alpha}],
  };

  /* The inputs that a place reads in one channel: row by row, those beside the map too. */
  function* window(step, shape, row, col) {
    for (let i = 0; i < step.kernel[0]; i++) for (let j = 0; j < step.kernel[1]; j++) {
      const r = row * step.stride[0] - step.pads[0] + i * step.dilation[0], c = col * step.stride[1] - step.pads[1] + j * step.dilation[1];
      yield {i, j, row: r, col: c, inside: r >= 0 && c >= 0 && r < shape[0] && c < shape[1]};
    }
  }

  /* What one step of a block does for the chosen place: its operation, terms and value. */
  async function explain(name, block, picture, row, col, k) {
    const node = data.nodes[name], step = node.step, shape = data.nodes[node.from[0]].shape;
    const xs = await Promise.all(node.from.map((_, i) => input(name, i, picture)));
    const own = block.channels ? block.channels.indexOf(k) : k, count = block.channels ? block.channels.length : node.shape[2];
    const learnt = async key => step[key] ? (await load(step[key]))[own] : 0;
    const found = {name, step, shape, forward: (await output(name, picture)).at(row, col, k)};
    if (step.op === "sum") {
      found.bias = await learnt("bias");
      found.biased = !!step.bias;
      await (step.terms ? largest : products)(found, step, xs[0], picture, row, col, k, own, count, node);
      found.total = found.cells.reduce((sum, cell) => sum + cell.product, 0) + (found.rest || 0);
      found.value = found.total + found.bias;
    } else if (step.op === "pool") {
      found.cells = [...window(step, shape, row, col)].map(cell => ({...cell, x: cell.inside ? xs[0].at(cell.row, cell.col, k) : NaN, k}));
      const inside = found.cells.filter(cell => cell.inside);
      if (step.how === "max") {
        found.winner = inside.reduce((best, cell) => cell.x > best.x ? cell : best);
        found.value = found.winner.x;
      } else {
        const [top, left, bottom, right] = step.counts;
        found.count = found.cells.filter(cell => cell.row >= top && cell.col >= left && cell.row < bottom && cell.col < right).length;
        found.total = inside.reduce((sum, cell) => sum + cell.x, 0);
        found.value = found.total / found.count;
      }
    } else if (step.op === "affine") {
      const [mean, variance, gamma, beta] = await Promise.all(["mean", "variance", "gamma", "beta"].map(learnt));
      Object.assign(found, {x: xs[0].at(row, col, k), mean, variance, gamma, beta});
      found.value = (found.x - mean) * gamma / Math.sqrt(variance + step.epsilon) + beta;
    } else if (step.op === "curve") {
      found.x = xs[0].at(row, col, k);
      [found.value, found.says] = CURVES[step.curve](found.x, step);
    } else if (step.op === "softmax") {
      const scores = Array.from({length: shape[2]}, (_, c) => xs[0].at(row, col, c));
      found.top = Math.max(...scores);
      found.x = scores[k];
      found.count = scores.length;
      found.total = scores.reduce((sum, x) => sum + Math.exp(x - found.top), 0);
      found.value = Math.exp(found.x - found.top) / found.total;
    } else if (step.op === "add") {
      found.items = xs.map((x, i) => [data.nodes[name].from[i], x.at(row, col, k)]);
      found.value = found.items.reduce((sum, [, x]) => sum + x, 0);
    } else {
      let [r, c, from, i] = [row, col, k, 0];
      if (step.op === "concat") while (from >= step.sizes[i]) from -= step.sizes[i++];
      else {
        const flat = (row * node.shape[1] + col) * node.shape[2] + k;
        [r, c, from] = [Math.floor(flat / shape[2] / shape[1]), Math.floor(flat / shape[2]) % shape[1], flat % shape[2]];
      }
      found.value = xs[i].at(r, c, from);
      found.passed = [node.from[i], r, c, from];
    }
    return found;
  }

  async function products(found, step, x, picture, row, col, k, own, count, node) {
    const weight = await load(step.weight), each = step.weight.shape[2], first = Math.floor(k / (node.shape[2] / step.groups)) * each;
    found.cells = [];
    for (let c = 0; c < each; c++) for (const cell of window(step, found.shape, row, col)) {
      const w = weight[((cell.i * step.kernel[1] + cell.j) * each + c) * count + own], value = cell.inside ? x.at(cell.row, cell.col, first + c) : 0;
      found.cells.push({...cell, x: value, w, product: value * w, k: first + c});
    }
  }

  async function largest(found, step, x, picture, row, col, k, own) {
    const terms = step.terms[picture], most = terms.places.shape[1];
    const [places, xs, weights, rest] = await Promise.all([terms.places, terms.x, terms.weight, terms.rest].map(load));
    found.cells = Array.from({length: most}, (_, i) => own * most + i).map(i =>
      ({row: 0, col: 0, inside: true, k: places[i], x: xs[i], w: weights[i], product: xs[i] * weights[i]}));
    found.rest = rest[2 * own] + rest[2 * own + 1];
    found.others = terms.others;
  }

  /* Pictures of maps --------------------------------------------------------------------------- */

  function colour(stops, share) {
    const place = Math.min(Math.max(share, 0), 1) * (stops.length - 1) || 0, i = Math.min(Math.floor(place), stops.length - 2);
    return stops[i].map((v, n) => Math.round(v + (place - i) * (stops[i + 1][n] - v)));
  }

  /* The maps of a block for a picture: their channels, sizes, scale, and each one's numbers. */
  async function maps(block) {
    const last = block.nodes[block.nodes.length - 1], node = data.nodes[last];
    if (node.look) {
      const record = node.look.maps[now.picture], [rows, cols, depth] = record.shape, dots = await load(record), {low, high} = node.look;
      return {rows, cols, low, high, channels: node.look.channels, value: (k, i) => low + dots[i * depth + node.look.channels.indexOf(k)] / 255 * (high - low)};
    }
    const found = await output(last, now.picture);
    if (!found) return null;
    const [rows, cols, depth] = node.shape, record = node.out && node.out[now.picture], kept = record && record.channels;
    let low = 0, high = 0;
    for (const x of found.numbers) { if (x < low) low = x; if (x > high) high = x; }
    if (low < 0) { high = Math.max(high, -low); low = -high; }
    return {rows, cols, low, high, channels: kept || Array.from({length: depth}, (_, k) => k), value: (k, i) => found.at(Math.floor(i / cols), i % cols, k)};
  }

  function draw(canvas, shown, k) {
    canvas.width = shown.cols;
    canvas.height = shown.rows;
    const stops = data.colours[shown.low < 0 ? "signed" : "plain"], context = canvas.getContext("2d"), image = context.createImageData(shown.cols, shown.rows);
    for (let i = 0; i < shown.rows * shown.cols; i++)
      image.data.set([...colour(stops, (shown.value(k, i) - shown.low) / (shown.high - shown.low || 1)), 255], 4 * i);
    context.putImageData(image, 0, 0);
    return canvas;
  }

  function drawPlace(canvas, shown, shape, box) {
    const small = draw(document.createElement("canvas"), shown, now.channel), scale = Math.max(1, Math.floor(256 / Math.max(shown.rows, shown.cols)));
    canvas.width = shown.cols * scale;
    canvas.height = shown.rows * scale;
    const context = canvas.getContext("2d"), down = canvas.height / shape[0], along = canvas.width / shape[1];
    context.imageSmoothingEnabled = false;
    context.drawImage(small, 0, 0, canvas.width, canvas.height);
    const frame = (top, left, bottom, right) => [["#000", 4], ["#fff", 2]].forEach(([ink, wide]) => {
      context.strokeStyle = ink;
      context.lineWidth = wide;
      context.strokeRect(left * along, top * down, (right - left) * along, (bottom - top) * down);
    });
    if (box) frame(...box);
    frame(now.row, now.col, now.row + 1, now.col + 1);
  }

  /* The very numbers, shown --------------------------------------------------------------------- */

  const named = k => { const known = data.blocks[now.block].classes; return known ? known[k] : say("channel", {k}); };
  function pager(count, size, render) {
    const box = make("div", {}), last = Math.max(0, Math.ceil(count / size) - 1);
    const show = page => {
      const first = page * size, end = Math.min(first + size, count), go = (key, to, off) =>
        make("button", {type: "button", disabled: off, onclick: () => { show(to); box.querySelectorAll(".row:last-child button")[to > page ? 1 : 0].focus(); }}, say(key));
      box.replaceChildren(render(first, end));
      if (last) box.append(make("div", {class: "row"}, go("before", page - 1, !page), go("next", page + 1, page === last), say("page", {a: first + 1, b: end, n: count})));
    };
    show(0);
    return box;
  }

  function table(kind, caption, rows) {
    const lines = rows.map(([head, ...cells]) => make("tr", {}, make("th", {scope: "row"}, head), ...cells.map(cell => make("td", {}, cell))));
    return make("table", {class: kind}, ...caption ? [make("caption", {}, caption)] : [], make("tbody", {}, ...lines));
  }

  function sums(rows) {
    const lines = rows.map(([head, value, kind]) => make("tr", {class: kind || null}, make("th", {scope: "row"}, head), make("td", {"data-value": value}, number(value))));
    return make("table", {class: "sum"}, make("tbody", {}, ...lines));
  }

  /* A window as a grid of numbers on their colours. */
  function grid(caption, cells, step, pick, won) {
    const tops = cells.map(cell => Math.abs(pick(cell))).filter(Number.isFinite), top = Math.max(...tops, 1e-30), digits = [7, 7, 7, 7, 5, 4, 3, 3][step.kernel[1]];
    const rows = Array.from({length: step.kernel[0]}, (_, i) => make("tr", {}, ...cells.filter(cell => cell.i === i).map(cell => {
      const value = pick(cell), share = (value / top || 0) * .55;
      return make("td", {class: won === cell ? "won" : null, title: cell.inside ? say("place.short", cell) : say("outside"),
        style: `background: rgb(${colour(data.colours.signed, .5 + share / 2)})`}, Number.isNaN(value) ? "–" : number(value, digits));
    })));
    return make("table", {class: "grid"}, make("caption", {}, caption), make("tbody", {}, ...rows));
  }

  const small = step => step.kernel[0] * step.kernel[1] > 1 && Math.max(...step.kernel) <= 7;

  function whereFrom(found, cell) {
    if (found.step.laid) {
      const [, cols, depth] = found.step.laid;
      return say("place.long", {row: Math.floor(cell.k / depth / cols), col: Math.floor(cell.k / depth) % cols, k: cell.k % depth});
    }
    if (found.shape[0] * found.shape[1] === 1) return say("number", {k: cell.k});
    return found.step.kernel[0] * found.step.kernel[1] === 1 ? say("channel", cell) : say("place.long", cell);
  }

  function showSum(found) {
    const {step, cells} = found, all = cells.length + (found.others || 0), shown = [];
    if (small(step)) {
      const parts = [...new Set(cells.map(cell => cell.k))].map(k => cells.filter(cell => cell.k === k)).map(group => ({group, total: group.reduce((sum, cell) => sum + cell.product, 0)}));
      parts.sort((a, b) => Math.abs(b.total) - Math.abs(a.total));
      shown.push(pager(parts.length, 1, i => make("div", {},
        make("p", {}, say("part", {c: parts[i].group[0].k, rank: i + 1, n: parts.length, value: number(parts[i].total)})),
        make("div", {class: "grids"}, grid(say("window"), parts[i].group, step, cell => cell.x), grid("× " + say("kernel"), parts[i].group, step, cell => cell.w), grid("= " + say("product"), parts[i].group, step, cell => cell.product)))));
    } else {
      const order = [...cells].sort((a, b) => Math.abs(b.product) - Math.abs(a.product));
      shown.push(pager(order.length, 8, (first, end) => table("sum", "", [[say("window"), "", "× " + say("weight"), "= " + say("product")],
        ...order.slice(first, end).map(cell => [whereFrom(found, cell), number(cell.x, 7), "× " + number(cell.w, 7), "= " + number(cell.product, 7)])])));
    }
    const lines = [[say("sum", {n: all}), found.total]];
    if (found.others) lines.unshift([say("rest", {n: found.others}), found.rest]);
    if (found.biased) lines.push([say("bias"), found.bias]);
    return [shown, lines];
  }

  function showPool(found) {
    const {step, cells} = found, inside = cells.filter(cell => cell.inside);
    const shown = small(step) ? [grid(say("window"), cells, step, cell => cell.x, found.winner)]
      : [pager(inside.length, 8, (first, end) => table("sum", "", [...inside].sort((a, b) => b.x - a.x).slice(first, end).map(cell => [say("place.short", cell), number(cell.x, 7)])))];
    const says = found.winner ? say("winner", {n: inside.length, place: say("place.short", found.winner)}) : `${number(found.total)} / ${found.count} = ${number(found.value)}`;
    return [[...shown, make("p", {}, says)], []];
  }

  function showFormula(found) {
    const {step} = found, value = number(found.value), of = key => number(found[key], 7);
    if (step.op === "affine") return `(${of("x")} − ${of("mean")}) × ${of("gamma")} / √(${of("variance")} + ${step.epsilon}) + ${of("beta")} = ${value}`;
    if (step.op === "softmax") return say("exp", {x: of("x"), top: of("top"), e: number(Math.exp(found.x - found.top)), n: found.count, total: of("total"), value});
    if (step.op === "curve") return step.curve === "sigmoid" ? `1 / (1 + e^−(${of("x")})) = ${value}` : step.curve === "tanh" ? `tanh(${of("x")}) = ${value}` : say(step.curve, {x: of("x"), value, ...found.says});
    const [node, row, col, k] = found.passed;
    return say("same", {place: `${node}, ${say("place.long", {row, col, k})}`, value});
  }

  function showStep(found) {
    const {op} = found.step;
    const [shown, lines] = op === "sum" ? showSum(found) : op === "pool" ? showPool(found) : op === "add" ? [[], found.items.map(([name, x]) => ["+ " + name, x])] : [[make("p", {}, showFormula(found))], []];
    lines.push(["= " + found.name, found.value, "result"], [say("forward"), found.forward], [say("difference"), found.value - found.forward]);
    return make("div", {class: "step", "data-step": found.name}, make("h5", {}, found.name), ...shown, sums(lines));
  }

  /* The panel ------------------------------------------------------------------------------------ */

  const body = make("div", {}), place = make("div", {}), numbers = make("div", {class: "numbers-of"});
  let turn = 0;

  /* Wait for numbers; what was asked for later wins. */
  async function latest(work, show) {
    const mine = ++turn, found = await work();
    if (mine === turn) show(found);
  }

  function boxOf(block, shape) {
    return block.boxes ? block.boxes[now.picture] : [0, 0, shape[0], shape[1]];
  }

  function strip(block, k) {
    const [id, channels] = block.figure || [], image = id && document.querySelectorAll(`[id="${id}"] .tiles img`)[channels ? channels.indexOf(k) : k];
    const own = block.strips ? block.strips.channels.indexOf(k) : -1, source = image ? image.src : own >= 0 && block.strips.uris[own];
    if (!source) return block.figure || block.strips ? make("p", {}, say("strip.none")) : "";
    const said = say("strip", {k: named(k)}), shown = make("img", {src: source, alt: image ? image.alt : said, class: "strip"});
    shown.height = image ? image.height : 40;
    return make("div", {}, make("h5", {}, said), shown);
  }

  function move(row, col, shape, block) {
    const [top, left, bottom, right] = boxOf(block, shape);
    now.row = Math.min(Math.max(row, top), bottom - 1);
    now.col = Math.min(Math.max(col, left), right - 1);
  }

  function strongest(shown, shape, block) {
    const [top, left, bottom, right] = boxOf(block, shape);
    let best = -Infinity, found = [top, left];
    for (let r = top; r < bottom; r++) for (let c = left; c < right; c++) {
      const value = shown.value(now.channel, Math.floor(r * shown.rows / shape[0]) * shown.cols + Math.floor(c * shown.cols / shape[1]));
      if (value > best) [best, found] = [value, [r, c]];
    }
    move(...found, shape, block);
  }

  async function showNumbers(block) {
    const steps = block.nodes.filter(name => data.nodes[name].step);
    if (!steps.length) return numbers.replaceChildren(make("p", {}, say(block.large ? "large" : "none")));
    if (block.channels && !block.channels.includes(now.channel)) return numbers.replaceChildren(make("p", {}, say("large")));
    await latest(() => Promise.all(steps.map(name => explain(name, block, now.picture, now.row, now.col, now.channel))), found =>
      numbers.replaceChildren(make("h5", {}, say("numbers")), ...found.map(showStep)));
  }

  function showPlace(block, shown, shape) {
    const many = shape[0] * shape[1] > 1, box = boxOf(block, shape), again = () => showPlace(block, shown, shape);
    const go = (row, col) => { move(row, col, shape, block); again(); };
    const said = make("p", {"aria-live": "polite"}, say("place", {k: named(now.channel), row: now.row, col: now.col, value: "…"}));
    const canvas = make("canvas", {class: "place", tabindex: 0, role: "application", "aria-label": said.textContent,
      onclick: event => { const area = canvas.getBoundingClientRect(); go(Math.floor((event.clientY - area.top) / area.height * shape[0]), Math.floor((event.clientX - area.left) / area.width * shape[1])); },
      onkeydown: event => {
        const step = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]}[event.key];
        if (step) { event.preventDefault(); go(now.row + step[0], now.col + step[1]); place.querySelector("canvas").focus(); }
      }});
    const choose = (key, low, high) => make("label", {}, say(key) + " ", make("input", {type: "number", min: low, max: high - 1, value: now[key],
      onchange: event => { now[key] = +event.target.value || 0; go(now.row, now.col); place.querySelector(`[data-key=${key}]`).focus(); }, "data-key": key}));
    drawPlace(canvas, shown, shape, block.boxes && box);
    place.replaceChildren(...many ? [canvas, make("div", {class: "row"}, choose("row", box[0], box[2]), choose("col", box[1], box[3]),
      make("button", {type: "button", onclick: () => { strongest(shown, shape, block); again(); }}, say("strongest")))] : [],
      ...many && block.boxes ? [make("p", {}, say("crop"))] : [], said, strip(block, now.channel));
    showNumbers(block);
    output(block.nodes[block.nodes.length - 1], now.picture).then(found => {
      const value = found && found.at(now.row, now.col, now.channel);
      said.textContent = say("place", {k: named(now.channel), row: now.row, col: now.col, value: Number.isFinite(value) ? number(value) : "–"});
      canvas.setAttribute("aria-label", said.textContent);
    });
  }

  function showMaps(block, shown, shape) {
    const many = shape[0] * shape[1] > 1, top = k => { let best = -Infinity; for (let i = 0; i < shown.rows * shown.cols; i++) best = Math.max(best, shown.value(k, i)); return best; };
    const tops = new Map(shown.channels.map(k => [k, top(k)])), order = many ? shown.channels : [...shown.channels].sort((a, b) => tops.get(b) - tops.get(a));
    const usable = order.filter(k => !block.channels || block.channels.includes(k)), best = usable.reduce((a, b) => tops.get(b) > tops.get(a) ? b : a, usable[0] ?? order[0]);
    if (!usable.includes(now.channel) || now.fresh) now.channel = best;
    const choose = k => event => {
      now.channel = k;
      for (const other of event.currentTarget.parentElement.children) other.setAttribute("aria-pressed", other === event.currentTarget);
      if (many) strongest(shown, shape, block);
      showPlace(block, shown, shape);
    };
    const tile = k => make("button", {type: "button", class: many ? "thumb" : "unit", "data-channel": k, "aria-pressed": k === now.channel ? "true" : "false", "aria-label": many ? named(k) : null, title: many ? named(k) : null, onclick: choose(k)},
      many ? draw(make("canvas", {"aria-hidden": "true"}), shown, k) : `${named(k)}: ${number(shown.value(k, 0), 4)}`);
    if (many) strongest(shown, shape, block); else now.row = now.col = 0;
    const count = order.length, of = shape[2];
    return [make("h5", {}, say(count < of ? "maps.some" : "maps", {n: count, of})), pager(count, many ? 32 : 12, (a, b) => make("div", {class: "maps"}, ...order.slice(a, b).map(tile))),
      ...many ? [make("p", {}, say("scale", {low: number(shown.low, 4), high: number(shown.high, 4)}))] : []];
  }

  async function show() {
    const block = data.blocks[now.block], shape = data.nodes[block.nodes[block.nodes.length - 1]].shape;
    const pictures = data.pictures.map((picture, i) => make("button", {type: "button", class: "thumb", "aria-pressed": i === now.picture ? "true" : "false", "aria-label": picture.name, title: picture.name,
      onclick: () => { now.picture = i; show().then(() => body.querySelectorAll("[data-picture]")[i].focus()); }, "data-picture": i}, make("img", {src: picture.uri, alt: ""})));
    const layers = make("select", {onchange: event => choose(event.target.value)}, ...names.map(name => make("option", {value: name, selected: name === now.block}, data.blocks[name].name)));
    const reads = block.reads.map(name => make("button", {type: "button", onclick: () => choose(name)}, data.blocks[name].name));
    const head = [make("h4", {}, `${block.name}: ${block.kind}`), make("div", {class: "row"}, make("label", {}, say("layer") + " ", layers), ...reads.length ? [say("reads"), ...reads] : []),
      make("p", {}, block.what), make("p", {}, block.facts), make("p", {}, block.health), make("div", {class: "row"}, say("picture"), ...pictures, data.pictures[now.picture].name)];
    const mine = ++turn, shown = await maps(block);
    if (mine !== turn) return;
    numbers.replaceChildren();
    place.replaceChildren();
    const left = shown ? showMaps(block, shown, shape) : [];
    body.replaceChildren(...head, make("div", {class: "cols"}, make("div", {}, ...left), place), numbers);
    now.fresh = false;
    if (shown) showPlace(block, shown, shape); else showNumbers(block);
  }

  /* The diagram as the map ----------------------------------------------------------------------- */

  const groups = [...document.querySelectorAll(".drawing [data-node]")];
  function choose(name, focus) {
    Object.assign(now, {block: name, fresh: true});
    mark(name);
    return show().then(() => focus && body.querySelector("select").focus());
  }

  function mark(name) {
    for (const group of groups) {
      const chosen = group.dataset.node === name;
      group.setAttribute("aria-pressed", chosen);
      group.setAttribute("tabindex", chosen ? 0 : -1);
    }
  }

  for (const group of groups) {
    const drawing = group.ownerSVGElement, same = groups.filter(other => other.ownerSVGElement === drawing), i = same.indexOf(group);
    drawing.setAttribute("role", "group");
    drawing.setAttribute("aria-label", say("map"));
    group.setAttribute("role", "button");
    group.setAttribute("aria-label", [...group.querySelectorAll("text")].map(text => text.textContent).join(", "));
    group.addEventListener("click", () => {
      choose(group.dataset.node);
      const top = panel.getBoundingClientRect().top;
      if (top > innerHeight - 80 || top < -panel.offsetHeight + 80) panel.scrollIntoView();
    });
    group.addEventListener("keydown", event => {
      const step = {ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1}[event.key];
      if (event.key === "Enter" || event.key === " ") choose(group.dataset.node);
      else if (step && same[i + step]) same[i + step].focus();
      else return;
      event.preventDefault();
    });
  }

  panel.hidden = false;
  panel.append(body);
  mark(now.block);
  now.fresh = true;
  new IntersectionObserver((seen, observer) => {
    if (seen.some(entry => entry.isIntersecting)) { observer.disconnect(); show(); }
  }, {rootMargin: "600px"}).observe(panel);
})();
