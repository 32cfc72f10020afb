// Draws the bodies on the canvas: points, lines, a floor. A hundred of them need no library.

// --- the camera: azimuth from X towards Z, elevation, pixels per metre at the middle
const middle = [0, 1, 2].map((axis) => {
  const sorted = scene.path.map((at) => at[axis]).sort((a, b) => a - b);
  return (sorted[0] + sorted[nFrames - 1]) / 2;
});
const travel = Math.max(...[0, 2].map((axis) => {
  const along = scene.path.map((at) => at[axis]);
  return along.reduce((a, b) => Math.max(a, b)) - along.reduce((a, b) => Math.min(a, b));
}));
const camera = { azimuth: 0, elevation: 0, zoom: 1, shift: [0, 0, 0], follow: travel > scene.radius_m, beside: false };
const VIEWS = { front: [0, 0.1], side: [Math.PI / 2, 0.1], top: [0, 1.55], start: [0.9, 0.25] };
function look(name) {
  [camera.azimuth, camera.elevation] = VIEWS[name];
  camera.azimuth += scene.heading_rad;
  camera.shift = [0, 0, 0];
  camera.zoom = 1;
}
let frame = 0, width = 0, height = 0, colors = {};

function axesOfView() {
  const { azimuth: a, elevation: e } = camera;
  return {
    right: [Math.sin(a), 0, -Math.cos(a)],
    up: [-Math.sin(e) * Math.cos(a), Math.cos(e), -Math.sin(e) * Math.sin(a)],
    toward: [Math.cos(e) * Math.cos(a), Math.sin(e), Math.cos(e) * Math.sin(a)],
  };
}
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];

function pixelsPerMetre() { // so that the body fits whichever way it is turned
  const columns = camera.beside ? 2 : 1, way = camera.follow ? 0 : travel / 2;
  return camera.zoom * FILL * Math.min(width / columns / (scene.width_m + way), height / (scene.radius_m + way));
}
function makeProjection() {
  const axes = axesOfView(), at = camera.follow ? scene.path[frame] : middle;
  const target = at.map((value, axis) => value + camera.shift[axis]);
  const scale = pixelsPerMetre(), far = 6 * (scene.radius_m + (camera.follow ? 0 : travel / 2));
  return (x, y, z, panel = 0) => {
    const from = [x - target[0], y - target[1], z - target[2]];
    const near = far / Math.max(0.1 * far, far - dot(from, axes.toward));
    const center = camera.beside ? width * (0.25 + 0.5 * panel) : width / 2;
    return [center + scale * near * dot(from, axes.right), height / 2 - scale * near * dot(from, axes.up), near];
  };
}

// --- drawing
function drawFloor(project) {
  const reach = Math.min(10, Math.ceil(2 * scene.radius_m + (camera.follow ? 0 : travel / 2)));
  const at = camera.follow ? scene.path[frame] : middle;
  const x0 = Math.round(at[0]), z0 = Math.round(at[2]), y = scene.floor_m;
  pen.strokeStyle = colors.grid;
  pen.lineWidth = 1;
  for (let panel = 0; panel <= (camera.beside ? 1 : 0); panel++) {
    pen.save();
    pen.beginPath();
    pen.rect(camera.beside ? (panel * width) / 2 : 0, 0, camera.beside ? width / 2 : width, height);
    pen.clip();
    pen.beginPath();
    for (let k = -reach; k <= reach; k += 0.5) {
      pen.moveTo(...project(x0 + k, y, z0 - reach, panel).slice(0, 2));
      pen.lineTo(...project(x0 + k, y, z0 + reach, panel).slice(0, 2));
      pen.moveTo(...project(x0 - reach, y, z0 + k, panel).slice(0, 2));
      pen.lineTo(...project(x0 + reach, y, z0 + k, panel).slice(0, 2));
    }
    pen.stroke();
    pen.restore();
  }
}
function drawBody(body, project) {
  const n = body.names.length, { places, screen } = body;
  for (let k = 0; k < n; k++) {
    const i = 3 * (frame * n + k);
    const [x, y, near] = project(places[i], places[i + 1], places[i + 2], body.panel);
    screen[3 * k] = x;
    screen[3 * k + 1] = y;
    screen[3 * k + 2] = near;
  }
  for (const part of body.parts) {
    pen.strokeStyle = pen.fillStyle = colors[part.side];
    drawBones(body, part.bones);
    drawMarkers(body, part.markers);
  }
  pen.globalAlpha = 1;
}
// The side of the body has the colour; whose body it is, the shape.
const STYLES = {
  keypoints: { line: 1.4, alpha: 0.75, dash: [4, 4], size: 3.4, shape: "ring" },
  predicted: { line: 1.8, alpha: 0.75, dash: [], size: 3.6, shape: "disc" },
  other: { line: 1.4, alpha: 0.6, dash: [1, 3], size: 4, shape: "square" },
  model: { line: 6, alpha: 0.4, dash: [], size: 2, shape: "disc" },
};
function drawBones(body, bones) {
  const { screen } = body, style = STYLES[body.role];
  pen.lineWidth = style.line;
  pen.globalAlpha = style.alpha;
  pen.lineCap = "round";
  pen.setLineDash(style.dash);
  pen.beginPath();
  for (const [a, b] of bones) {
    if (screen[3 * a] === screen[3 * a] && screen[3 * b] === screen[3 * b]) { // not NaN
      pen.moveTo(screen[3 * a], screen[3 * a + 1]);
      pen.lineTo(screen[3 * b], screen[3 * b + 1]);
    }
  }
  pen.stroke();
  pen.setLineDash([]);
}
function drawMarkers(body, markers) {
  const { screen } = body, { size, shape } = STYLES[body.role];
  pen.lineWidth = 1.8;
  for (const k of markers) {
    const x = screen[3 * k], y = screen[3 * k + 1], r = size * screen[3 * k + 2];
    if (x !== x) continue;
    pen.globalAlpha = 1 - 0.8 * Math.min(1, Math.max(0, ((spread(body, k, frame) || 0) - 10) / 20));
    pen.beginPath();
    if (shape === "square") pen.rect(x - r, y - r, 2 * r, 2 * r);
    else pen.arc(x, y, r, 0, 6.2832);
    if (shape === "disc") pen.fill();
    else pen.stroke();
  }
}
function drawPairing(pairing) {
  const [first, second] = pairing.bodies.map((k) => bodies[k]);
  if (camera.beside || !first.shown || !second.shown) return;
  pen.strokeStyle = colors.apart;
  pen.lineWidth = 2;
  pen.beginPath();
  for (const [a, b] of pairing.pairs) {
    pen.moveTo(first.screen[3 * a], first.screen[3 * a + 1]);
    pen.lineTo(second.screen[3 * b], second.screen[3 * b + 1]);
  }
  pen.stroke();
}
function drawAxes() {
  const { right, up } = axesOfView(), x0 = 42, y0 = height - 42;
  pen.font = "12px system-ui, sans-serif";
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.lineWidth = 1.5;
  pen.strokeStyle = pen.fillStyle = colors.muted;
  for (let axis = 0; axis < 3; axis++) {
    const own = [0, 1, 2].map((k) => scene.turn[k][axis]); // the file's axis where Y is up
    const x = 24 * dot(own, right), y = -24 * dot(own, up);
    pen.beginPath();
    pen.moveTo(x0, y0);
    pen.lineTo(x0 + x, y0 + y);
    pen.stroke();
    pen.fillText("XYZ"[axis], x0 + 1.4 * x, y0 + 1.4 * y);
  }
}
const spent = { n: 0, total: 0, most: 0 };
function draw() {
  const began = performance.now(), ratio = window.devicePixelRatio || 1;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  const project = makeProjection();
  drawFloor(project);
  bodies.filter((body) => body.shown).forEach((body) => drawBody(body, project));
  scene.pairings.forEach(drawPairing);
  drawAxes();
  tell();
  const ms = performance.now() - began;
  spent.n += 1;
  spent.total += ms;
  spent.most = Math.max(spent.most, ms);
}
function tell() {
  const words = `frame ${frame * scene.every + 1} of ${(nFrames - 1) * scene.every + 1}, ${scene.time_s[frame].toFixed(3)} s`;
  slider.value = frame;
  slider.setAttribute("aria-valuetext", words);
  $("readout").textContent = words;
  document.querySelectorAll("[data-pairing]").forEach((place) => {
    const seen = distances(scene.pairings[place.dataset.pairing], frame).filter(Number.isFinite);
    place.textContent = seen.length ? `${(seen.reduce((a, b) => a + b) / seen.length).toFixed(1)} mm` : "not known";
  });
}
let asked = 0;
function redraw() { // once for all changes until the next frame of the screen
  asked = asked || requestAnimationFrame(() => { asked = 0; draw(); });
}

// --- time
let playing = false, speed = 1, clock = 0, last = 0;
const watchers = [];
function go(to) {
  frame = Math.min(nFrames - 1, Math.max(0, Math.round(to)));
  clock = scene.time_s[frame];
  watchers.forEach((watch) => watch(frame));
  redraw();
}
function play(on) {
  playing = on && nFrames > 1;
  if (playing && frame === nFrames - 1) go(0);
  $("play").textContent = playing ? "❚❚ pause" : "▶ play";
  $("play").setAttribute("aria-label", playing ? "Pause" : "Play");
  last = performance.now();
  if (playing) requestAnimationFrame(tick);
}
function tick(now) {
  if (!playing) return;
  clock += (Math.max(0, now - last) / 1000) * speed;
  last = now;
  if (clock >= scene.time_s[nFrames - 1]) clock = scene.time_s[0];
  let next = clock < scene.time_s[frame] ? 0 : frame;
  while (next < nFrames - 1 && scene.time_s[next + 1] <= clock) next++;
  if (next !== frame) {
    frame = next;
    watchers.forEach((watch) => watch(frame));
    draw();
  }
  requestAnimationFrame(tick);
}
