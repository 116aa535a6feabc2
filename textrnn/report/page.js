
"use strict";
const byId = (name) => document.getElementById(name);
const data = JSON.parse(byId("numbers").textContent);

/** Move what marks a place in a chart to one of its stops. */
function mark(svg, [x, heights]) {
  const here = svg.querySelector(".here");
  const line = here.querySelector("line");
  line.setAttribute("x1", x);
  line.setAttribute("x2", x);
  here.querySelectorAll("circle").forEach((dot, number) => {
    dot.setAttribute("cx", x);
    dot.setAttribute("cy", heights[number]);
  });
  here.setAttribute("visibility", "visible");
}

/** Return the number of the stop that is nearest to a pointer. */
function nearest(svg, stops, event) {
  const box = svg.getBoundingClientRect();
  const x = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
  return stops.reduce((best, stop, number) => (Math.abs(stop[0] - x) < Math.abs(stops[best][0] - x) ? number : best), 0);
}

/** Return what a key does to a number from 0 to `last`: as it does to a slider. */
function moved(key, number, last) {
  const step = Math.max(1, Math.round(last / 10));
  const to = { ArrowLeft: number - 1, ArrowDown: number - 1, ArrowRight: number + 1, ArrowUp: number + 1,
    PageDown: number - step, PageUp: number + step, Home: 0, End: last }[key];
  return to === undefined ? undefined : Math.min(last, Math.max(0, to));
}

/** Let a chart be read point by point, as a slider is: by pointer, by touch, and by keyboard. */
function readable(svg) {
  const stops = data.charts[svg.dataset.chart];
  const readout = svg.parentElement.querySelector(".readout");
  let now = stops.length - 1;
  const show = (number) => {
    now = number;
    mark(svg, stops[now]);
    readout.textContent = stops[now][2];
    svg.setAttribute("aria-valuenow", now);
    svg.setAttribute("aria-valuetext", stops[now][2]);
  };
  const attributes = { role: "slider", tabindex: 0, "aria-valuemin": 0, "aria-valuemax": now, "aria-valuenow": now,
    "aria-valuetext": stops[now][2] };
  for (const [name, value] of Object.entries(attributes)) svg.setAttribute(name, value);
  for (const name of ["pointerdown", "pointermove"]) svg.addEventListener(name, (event) => show(nearest(svg, stops, event)));
  svg.addEventListener("focus", () => show(now));
  svg.addEventListener("keydown", (event) => {
    const to = moved(event.key, now, stops.length - 1);
    if (to === undefined) return;
    event.preventDefault();
    show(to);
  });
}

/** Show the scores at the threshold under the slider. */
function decide() {
  const shown = data.outcomes[slider.value];
  for (const [name, text] of Object.entries(shown)) byId(name).textContent = text;
  const rows = [...document.querySelectorAll(".now tbody tr")].map(({ cells }) => `${cells[0].textContent} ${cells[1].textContent}`);
  slider.setAttribute("aria-valuetext", `${shown.value}: ${rows.join(", ")}`);
  mark(picture, data.charts.thresholds[slider.value]);
}

const slider = byId("slider");
const picture = document.querySelector("svg[data-chart=thresholds]");
document.querySelectorAll("svg[data-chart]").forEach((svg) => svg === picture || readable(svg));
slider.addEventListener("input", decide);
byId("reset").addEventListener("click", () => { slider.value = slider.defaultValue; decide(); });
for (const name of ["pointerdown", "pointermove"]) {
  picture.addEventListener(name, (event) => {
    if (!event.buttons) return;
    slider.value = nearest(picture, data.charts.thresholds, event);
    decide();
  });
}
decide();
document.querySelectorAll(".control").forEach((one) => { one.hidden = false; });
/** Fade the right edge of what scrolls sideways, until its end is reached. */
function fade(box) {
  box.classList.toggle("cut", box.scrollLeft + box.clientWidth < box.scrollWidth - 1);
}
document.querySelectorAll(".scroll").forEach((box) => {
  box.addEventListener("scroll", () => fade(box));
  new ResizeObserver(() => fade(box)).observe(box);
});
// Some browsers do not print closed details: open them.
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => { one.open = true; }));

/** Load what answers messages, once somebody wants to type one: it is as large as the model. */
function load() {
  const state = byId("try-state");
  state.textContent = "The model is loading …";
  for (const name of ["code.js", "model.js"]) {
    const script = document.createElement("script");
    script.src = `try/${name}`;
    script.async = false;  // in this order
    script.addEventListener("error", () => {
      state.textContent = "Answers need the folder try, which report/ holds beside this page, and it is not here.";
    });
    document.head.append(script);
  }
}
byId("message")?.addEventListener("focus", load, { once: true });
