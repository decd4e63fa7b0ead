"use strict";
/* What the viewer, the explorer and the walk share. */
const {abs, floor, max, min} = Math, range = n => [...Array(n).keys()], clamp = (v, low, high) => min(max(v, low), high);
const best = (list, size) => list.reduce((a, b) => size(b) > size(a) ? b : a, list[0]);
const byId = id => document.getElementById(id), all = (selector, root = document) => [...root.querySelectorAll(selector)];
const island = id => JSON.parse(byId(id)?.textContent ?? null);
let looked;
const looking = () => looked ??= island("look-data");

/* Words. */
const number = (v, digits = 8) => String(+v.toPrecision(digits)).replace(/-/g, "−"), short = (v, digits = 3) => number(v, digits);
const fill = (text, values) => text.replace(/{(\w+)}/g, (_, key) => typeof values[key] !== "number" || Number.isInteger(values[key]) ? values[key] : number(values[key]));

/* An element "tag.class"; of what is inside, plain objects are attributes, and what is false or undefined is left out. */
function h(tag, ...inside) {
  const [name, kind] = tag.split("."), made = document.createElement(name);
  if (kind) made.className = kind;
  for (const one of inside.flat())
    if (one?.constructor === Object) for (const [key, value] of Object.entries(one)) typeof value === "function" ? made[key] = value : made.setAttribute(key, value);
    else if (one || one === 0) made.append(one);
  return made;
}
const button = (onclick, ...inside) => h("button", {type: "button", onclick}, ...inside);
/* Of several buttons one is a tab stop. */
const stay = (buttons, one) => buttons.forEach(b => b.tabIndex = b === one ? 0 : -1);

/* An array that report/packed.py packed: a promise of its numbers. */
const load = record => record.read ??= unpack(record);
async function unpack({data, dtype, scale}) {
  const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const buffer = await new Response(stream).arrayBuffer();
  return dtype === "u1" ? new Uint8Array(buffer) : dtype === "f4" ? new Float32Array(buffer) : Float32Array.from(new Uint16Array(buffer), bits => half(bits) * scale);
}
/* The value of a half-precision number, by its 16 bits. */
function half(bits) {
  const power = bits >> 10 & 31, rest = bits & 1023, size = power ? 2 ** (power - 25) * (1024 + rest) : 2 ** -24 * rest;
  return (bits & 0x8000 ? -1 : 1) * (power < 31 ? size : rest ? NaN : Infinity);
}

/* A canvas of rows x cols pixels; colour(i) is the red, green and blue of pixel i. */
function paint(rows, cols, colour, ...attributes) {
  const canvas = h("canvas", {width: cols, height: rows}, ...attributes), image = new ImageData(cols, rows);
  for (const i of range(rows * cols)) image.data.set([...colour(i), 255], 4 * i);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}
/* Lay an element over [top, left, bottom, right] of a picture of [rows, cols]. */
function put(element, [top, left, bottom, right], [rows, cols]) {
  const share = {top: top / rows, left: left / cols, height: (bottom - top) / rows, width: (right - left) / cols};
  for (const side in share) element.style[side] = 100 * share[side] + "%";
  return element;
}
/* Where in an element that shows rows x cols a pointer is. */
function pointed({clientX, clientY}, element, [rows, cols]) {
  const {top, left, height, width} = element.getBoundingClientRect();
  return [(clientY - top) / height * rows, (clientX - left) / width * cols];
}
