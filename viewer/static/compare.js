// Two runs side by side: from row to row, one screen over the other, both zoomed as one.

import { helpDialog, listen } from "./keys.js";
import { takeParts } from "./page.js";
import { Stage } from "./stage.js";
import { Steps } from "./steps.js";

const BLINK_MS = 700;
const PARTS = ["words", "caption-a", "stage-a", "said-a", "caption-b", "stage-b", "said-b"];

const diff = document.querySelector(".diff");
const find = (selector) => diff.querySelector(selector);
const halves = find(".halves");
const { base } = diff.dataset;
const state = { row: Number(diff.dataset.row), count: Number(diff.dataset.count), asked: 0, blink: 0 };
const apart = Number(diff.dataset.first);

const rows = new Steps((row) => `${base}?row=${row}&part=row`);
const level = (label) => (find("[data-level]").textContent = label);
const stages = [...diff.querySelectorAll("[data-stage]")].map((element) => new Stage(element, level));

// Brings a row into sight where the list scrolls by itself; where the page does, it stays where it is.
function bringIntoSight(row, block) {
  const list = find(".rows");
  if (list.scrollHeight > list.clientHeight) row.scrollIntoView({ block });
}

// Where one is scrolled to, so is the other.
for (const [here, there] of [stages, stages.toReversed()]) {
  here.element.addEventListener("scroll", () => {
    there.element.scrollLeft = here.element.scrollLeft;
    there.element.scrollTop = here.element.scrollTop;
  });
}

async function show(row) {
  row = Math.min(Math.max(row, 0), state.count - 1);
  const turn = ++state.asked;
  const { page } = await rows.load(row).catch(() => ({ page: null }));
  if (turn !== state.asked) return;
  if (!page) {
    location.assign(`${base}?row=${row}`); // the server says itself what is wrong
    return;
  }
  takeParts(page, PARTS);
  state.row = row;
  for (const stage of stages) stage.apply();
  mark();
  rows.ahead([row + 1, row - 1, row + 2].filter((other) => other >= 0 && other < state.count));
}

function mark() {
  history.replaceState(null, "", `${base}?row=${state.row}`);
  const targets = { first: 0, previous: state.row - 1, next: state.row + 1, last: state.count - 1, apart };
  for (const link of diff.querySelectorAll("[data-go]")) {
    const target = targets[link.dataset.go];
    const there = target >= 0 && target < state.count;
    if (there) {
      link.href = `${base}?row=${target}`;
      link.removeAttribute("aria-disabled");
    } else {
      link.removeAttribute("href");
      link.setAttribute("aria-disabled", "true");
    }
  }
  find(".rows [aria-current]")?.removeAttribute("aria-current");
  const current = diff.querySelectorAll(".rows a")[state.row];
  current.setAttribute("aria-current", "step");
  bringIntoSight(current, "nearest");
}

/** @param {"side" | "slider" | "blink"} mode */
function arrange(mode) {
  halves.dataset.mode = mode;
  halves.classList.remove("swapped");
  find("[data-cut]").hidden = mode !== "slider";
  for (const button of diff.querySelectorAll("[data-mode].button")) {
    button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
  }
  clearInterval(state.blink);
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches; // then `x` alone changes sides
  if (mode === "blink" && !still) state.blink = setInterval(swap, BLINK_MS);
  for (const stage of stages) stage.apply();
}

const swap = () => halves.classList.toggle("swapped");
find("[data-cut]").addEventListener("input", (event) => halves.style.setProperty("--cut", `${event.target.value / 10}%`));

const go = {
  first: () => show(0),
  previous: () => show(state.row - 1),
  next: () => show(state.row + 1),
  last: () => show(state.count - 1),
  apart: () => show(apart),
};
const both = (act) => () => stages.forEach(act);
const zoom = {
  in: both((stage) => stage.step(1)),
  out: both((stage) => stage.step(-1)),
  fit: both((stage) => stage.zoom(stage.level === "fit" ? 1 : "fit")),
};

diff.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  const part = event.target.closest("[data-go], .button[data-mode], [data-zoom], .rows a");
  if (!part) return;
  event.preventDefault();
  if (part.dataset.go) go[part.dataset.go]();
  else if (part.dataset.mode) arrange(part.dataset.mode);
  else if (part.dataset.zoom) zoom[part.dataset.zoom]();
  else show([...diff.querySelectorAll(".rows a")].indexOf(part));
});

listen({
  ArrowLeft: (event) => (event.shiftKey ? stages[0].pan(-80, 0) : go.previous()),
  ArrowRight: (event) => (event.shiftKey ? stages[0].pan(80, 0) : go.next()),
  ArrowUp: (event) => (event.shiftKey ? stages[0].pan(0, -80) : go.previous()),
  ArrowDown: (event) => (event.shiftKey ? stages[0].pan(0, 80) : go.next()),
  Home: go.first,
  End: go.last,
  d: go.apart,
  s: () => arrange("side"),
  l: () => arrange("slider"),
  k: () => arrange("blink"),
  x: swap,
  h: both((stage) => stage.element.classList.toggle("undrawn")),
  "+": zoom.in,
  "=": zoom.in,
  "-": zoom.out,
  0: both((stage) => stage.zoom("fit")),
  1: both((stage) => stage.zoom(1)),
  "?": helpDialog(),
});

bringIntoSight(find(".rows [aria-current]"), "center");
rows.ahead([state.row + 1, state.row - 1].filter((other) => other >= 0 && other < state.count));
