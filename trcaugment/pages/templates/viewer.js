"use strict";
// Draws the bodies of the scene on a canvas: points, lines, a floor. A hundred of them need no library.
const viewer = (() => {
  const $ = (id) => document.getElementById(id);
  const scene = JSON.parse($("scene").textContent);
  const nFrames = scene.time_s.length;
  const canvas = $("stage"), pen = canvas.getContext("2d"), slider = $("frame"), tip = $("tip");
  const MISSING = -32768, FILL = 0.52; // of the canvas, by the body's radius

  // --- data: positions in axes with Y up, in m, NaN where missing
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
  const bodies = scene.bodies.map((body) => ({
    ...body, places: unpack(body.positions), doubt: body.doubt && bytes(body.doubt), shown: true,
    screen: new Float32Array(3 * body.names.length),
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

  function makeProjection() {
    const axes = axesOfView(), at = camera.follow ? scene.path[frame] : middle;
    const target = at.map((value, axis) => value + camera.shift[axis]);
    const extent = scene.radius_m + (camera.follow ? 0 : travel / 2);
    const columns = camera.beside ? 2 : 1;
    const scale = (camera.zoom * FILL * Math.min(width / columns, height)) / extent, far = 6 * extent;
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
    pen.beginPath();
    for (let panel = 0; panel <= (camera.beside ? 1 : 0); panel++) {
      for (let k = -reach; k <= reach; k += 0.5) {
        pen.moveTo(...project(x0 + k, y, z0 - reach, panel).slice(0, 2));
        pen.lineTo(...project(x0 + k, y, z0 + reach, panel).slice(0, 2));
        pen.moveTo(...project(x0 - reach, y, z0 + k, panel).slice(0, 2));
        pen.lineTo(...project(x0 + reach, y, z0 + k, panel).slice(0, 2));
      }
    }
    pen.stroke();
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
    pen.strokeStyle = pen.fillStyle = colors[body.role];
    pen.lineWidth = body.role === "model" ? 5 : 1.6;
    pen.globalAlpha = body.role === "model" ? 0.55 : 0.7;
    pen.lineCap = "round";
    pen.beginPath();
    for (const [a, b] of body.bones) {
      if (screen[3 * a] === screen[3 * a] && screen[3 * b] === screen[3 * b]) { // not NaN
        pen.moveTo(screen[3 * a], screen[3 * a + 1]);
        pen.lineTo(screen[3 * b], screen[3 * b + 1]);
      }
    }
    pen.stroke();
    pen.lineWidth = 1.8;
    for (let k = 0; k < n; k++) {
      if (screen[3 * k] !== screen[3 * k]) continue;
      pen.globalAlpha = body.doubt ? 1 - 0.85 * (body.doubt[frame * n + k] / 255) : 1;
      pen.beginPath();
      pen.arc(screen[3 * k], screen[3 * k + 1], (body.role === "other" ? 5 : body.role === "model" ? 2 : 3.6) * screen[3 * k + 2], 0, 6.2832);
      if (body.role === "other") pen.stroke();
      else pen.fill();
    }
    pen.globalAlpha = 1;
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

  // --- mouse, touch and keys
  const fingers = new Map();
  function nearest(x, y) {
    let best = null, closest = 14;
    bodies.forEach((body, b) => body.shown && body.names.forEach((_, k) => {
      const away = Math.hypot(body.screen[3 * k] - x, body.screen[3 * k + 1] - y);
      if (away < closest) [best, closest] = [[b, k], away];
    }));
    return best;
  }
  function hover(event) {
    const box = canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    const found = nearest(x, y);
    tip.hidden = !found;
    if (!found) return;
    const [body, k] = found, at = place(body, k, frame).map((value) => (1000 * value).toFixed(0));
    const doubt = bodies[body].doubt ? "" : "";
    tip.textContent = `${bodies[body].names[k]}\n${bodies[body].label}\n${at.join(", ")} mm${doubt}`;
    tip.style.left = `${Math.min(x + 14, width - 180)}px`;
    tip.style.top = `${Math.max(0, y - 30)}px`;
  }
  function move(dx, dy) {
    const { right, up } = axesOfView(), extent = scene.radius_m + (camera.follow ? 0 : travel / 2);
    const metres = extent / (camera.zoom * FILL * Math.min(width, height));
    camera.shift = camera.shift.map((value, axis) => value - metres * (dx * right[axis] - dy * up[axis]));
  }
  function turn(dx, dy) {
    camera.azimuth += 0.008 * dx;
    camera.elevation = Math.min(1.55, Math.max(-1.55, camera.elevation + 0.008 * dy));
  }
  function zoom(factor) {
    camera.zoom = Math.min(20, Math.max(0.2, camera.zoom * factor));
  }
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    hover(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return hover(event);
    const [dx, dy] = [event.clientX - before[0], event.clientY - before[1]];
    const other = [...fingers].find(([id]) => id !== event.pointerId);
    if (other) {
      const [x, y] = other[1], apart = (px, py) => Math.hypot(px - x, py - y) || 1;
      zoom(apart(event.clientX, event.clientY) / apart(...before));
      move(dx / 2, dy / 2);
    } else if (event.shiftKey || event.buttons & 6) move(dx, dy);
    else turn(dx, dy);
    tip.hidden = true;
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    redraw();
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => fingers.delete(event.pointerId));
  canvas.addEventListener("pointerleave", () => { tip.hidden = true; });
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(Math.exp(-0.0015 * event.deltaY));
    redraw();
  }, { passive: false });
  slider.addEventListener("input", () => go(+slider.value));
  $("play").addEventListener("click", () => play(!playing));
  $("speed").addEventListener("change", (event) => { speed = +event.target.value; });
  function toggle(name) {
    camera[name] = !camera[name];
    $(name).setAttribute("aria-pressed", camera[name]);
    redraw();
  }
  $("follow").setAttribute("aria-pressed", camera.follow);
  $("follow").addEventListener("click", () => toggle("follow"));
  if ($("beside")) $("beside").addEventListener("click", () => toggle("beside"));
  document.querySelectorAll("[data-view]").forEach((button) => button.addEventListener("click", () => { look(button.dataset.view); redraw(); }));
  document.querySelectorAll("[data-body]").forEach((box) => box.addEventListener("change", () => { bodies[box.dataset.body].shown = box.checked; redraw(); }));
  document.querySelectorAll("[data-frame]").forEach((button) => button.addEventListener("click", () => {
    go(Math.floor(button.dataset.frame / scene.every));
    canvas.scrollIntoView({ block: "nearest" });
  }));
  function changeSpeed(by) {
    const select = $("speed");
    select.selectedIndex = Math.min(select.length - 1, Math.max(0, select.selectedIndex + by));
    speed = +select.value;
  }
  const KEYS = {
    ArrowRight: (event) => go(frame + (event.shiftKey ? 10 : 1)), ArrowLeft: (event) => go(frame - (event.shiftKey ? 10 : 1)),
    Home: () => go(0), End: () => go(nFrames - 1), " ": () => play(!playing), "+": () => zoom(1.2), "-": () => zoom(1 / 1.2),
    "[": () => changeSpeed(-1), "]": () => changeSpeed(1), 1: () => look("front"), 2: () => look("side"), 3: () => look("top"), f: () => toggle("follow"),
  };
  document.addEventListener("keydown", (event) => {
    if (!KEYS[event.key] || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.target !== canvas && event.target.closest("button, select, input, summary, a")) return; // these have keys of their own
    event.preventDefault();
    KEYS[event.key](event);
    redraw();
  });

  // --- the page around it
  function drawBands() {
    for (const [kind, title, spans] of scene.bands) {
      const row = document.createElement("div");
      row.className = kind;
      row.title = title;
      for (const [start, stop] of spans) {
        const bar = document.createElement("span"), whole = Math.max(1, nFrames - 1);
        bar.style.left = `${(100 * Math.max(0, start - 0.5)) / whole}%`;
        bar.style.width = `${(100 * (Math.min(whole, stop - 0.5) - Math.max(0, start - 0.5))) / whole}%`;
        row.append(bar);
      }
      $("bands").append(row);
    }
  }
  function readColors() {
    const style = getComputedStyle(document.documentElement);
    for (const name of ["keypoints", "predicted", "other", "model", "apart", "grid", "muted"]) colors[name] = style.getPropertyValue(`--${name}`).trim();
    redraw();
  }
  function fit() {
    const ratio = window.devicePixelRatio || 1;
    [width, height] = [canvas.clientWidth, canvas.clientHeight];
    [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    redraw();
  }
  new ResizeObserver(fit).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", readColors);
  drawBands();
  look("start");
  fit();
  readColors();
  const begin = Array.from({ length: nFrames }, (_, k) => k).find((k) => bodies[0].names.some((_, m) => !Number.isNaN(place(0, m, k)[0])));
  go(begin || 0);

  return {
    scene, go, play, place,
    frame: () => frame,
    onFrame: (watch) => watchers.push(watch),
    screen: (body, marker) => [...bodies[body].screen.slice(3 * marker, 3 * marker + 2)],
    spent: () => ({ ...spent }), // ms of script: how often it drew, total, most
  };
})();
