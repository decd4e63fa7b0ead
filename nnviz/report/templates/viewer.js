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
