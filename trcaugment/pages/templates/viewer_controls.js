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
  const mm = spread(bodies[body], k, frame), unsure = mm === null ? "" : `\n± ${mm} mm (one SD in space)`;
  tip.textContent = `${bodies[body].names[k]}\n${bodies[body].label}\n${at.join(", ")} mm${unsure}`;
  tip.style.left = `${Math.min(x + 14, width - 180)}px`;
  tip.style.top = `${Math.max(0, y - 30)}px`;
}
function move(dx, dy) {
  const { right, up } = axesOfView(), metres = 1 / pixelsPerMetre();
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
  for (const name of ["right", "left", "middle", "apart", "grid", "muted"]) colors[name] = style.getPropertyValue(`--${name}`).trim();
  redraw();
}
function fit() {
  const ratio = window.devicePixelRatio || 1;
  [width, height] = [canvas.clientWidth, canvas.clientHeight];
  [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
  draw(); // at once: a new size empties the canvas
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
