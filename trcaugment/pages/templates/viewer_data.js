// The scene: positions in axes with Y up, in m, NaN where missing.
const $ = (id) => document.getElementById(id);
const scene = JSON.parse($("scene").textContent);
const nFrames = scene.time_s.length;
const canvas = $("stage"), pen = canvas.getContext("2d"), slider = $("frame"), tip = $("tip");
const MISSING = -32768, FILL = 0.45; // of the canvas, by the body's radius

function bytes(text) {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}
function unpack({ center_m: center, step_m: step, data }) {
  const view = new DataView(bytes(data).buffer), n = view.byteLength / 6, turn = scene.turn;
  const places = new Float32Array(3 * n);
  for (let k = 0; k < n; k++) {
    const raw = [0, 2, 4].map((byte) => view.getInt16(6 * k + byte, true));
    const own = raw[0] === MISSING ? [NaN, NaN, NaN] : raw.map((value, axis) => center[axis] + step * value);
    for (let axis = 0; axis < 3; axis++) {
      places[3 * k + axis] = turn[axis][0] * own[0] + turn[axis][1] * own[1] + turn[axis][2] * own[2];
    }
  }
  return places;
}
const SIDES = ["middle", "left", "right"];
function sideOf(body, [a, b]) { // of a line: that of an end which is not in the middle
  return body.sides[a] === "middle" ? body.sides[b] : body.sides[b] === "middle" || body.sides[a] === body.sides[b] ? body.sides[a] : "middle";
}
const bodies = scene.bodies.map((body) => ({
  ...body, places: unpack(body.positions), spread: body.spread_mm && bytes(body.spread_mm), shown: true,
  screen: new Float32Array(3 * body.names.length),
  parts: SIDES.map((side) => ({
    side, bones: body.bones.filter((bone) => sideOf(body, bone) === side),
    markers: [...body.names.keys()].filter((k) => body.sides[k] === side),
  })),
}));
// A marker's place in a frame, in m in the axes of the file.
function place(body, marker, frame) {
  const k = 3 * (frame * bodies[body].names.length + marker), own = bodies[body].places;
  return [0, 1, 2].map((axis) => scene.turn[0][axis] * own[k] + scene.turn[1][axis] * own[k + 1] + scene.turn[2][axis] * own[k + 2]);
}
function distances(pairing, frame) {
  const [first, second] = pairing.bodies.map((k) => bodies[k]);
  return pairing.pairs.map(([a, b]) => {
    const i = 3 * (frame * first.names.length + a), j = 3 * (frame * second.names.length + b);
    return 1000 * Math.hypot(...[0, 1, 2].map((axis) => first.places[i + axis] - second.places[j + axis]));
  });
}
// How far a marker may be off in a frame, in mm; null if that is not known.
function spread(body, marker, frame) {
  const mm = body.spread && body.spread[frame * body.names.length + marker];
  return mm === null || mm === 255 ? null : mm;
}
