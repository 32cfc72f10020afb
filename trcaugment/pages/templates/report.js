"use strict";
// The charts and the moving body show the same moment: a click on a chart goes there, and a line in each says where it is.
{
  const charts = [...document.querySelectorAll("svg[data-from]")].map((svg) => ({
    svg, cursor: svg.querySelector(".cursor"), from: +svg.dataset.from, to: +svg.dataset.to,
    left: +svg.dataset.left, right: +svg.dataset.right, // of the axes, in units of the SVG
  }));
  const { time_s: times } = viewer.scene;
  function mark(frame) {
    for (const { cursor, from, to, left, right } of charts) {
      const share = (times[frame] - from) / (to - from || 1);
      cursor.setAttribute("visibility", share >= -0.001 && share <= 1.001 ? "visible" : "hidden");
      cursor.setAttribute("transform", `translate(${share * (right - left)} 0)`);
    }
  }
  viewer.onFrame(mark);
  mark(viewer.frame());
  for (const { svg, from, to, left, right } of charts) {
    svg.addEventListener("click", (event) => {
      const box = svg.getBoundingClientRect(), x = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
      const time = from + ((x - left) / (right - left)) * (to - from);
      let nearest = 0;
      times.forEach((at, k) => { if (Math.abs(at - time) < Math.abs(times[nearest] - time)) nearest = k; });
      viewer.go(nearest);
    });
  }
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((each) => { each.open = true; }));
}
