// A run as a flipbook. The server renders every step; this puts the next one in place of this one.

import { Drafts } from "./drafts.js";
import { FilmStrip } from "./filmstrip.js";
import { helpDialog, listen } from "./keys.js";
import { morph } from "./morph.js";
import { keepFresh, takeParts } from "./page.js";
import { Player } from "./player.js";
import { Remarks } from "./remarks.js";
import { Stage } from "./stage.js";
import { Steps } from "./steps.js";

const book = document.querySelector(".book");
const find = (selector) => book.querySelector(selector);
const base = book.dataset.base;
const state = { index: Number(book.dataset.index), count: Number(book.dataset.count), shot: "", asked: 0 };
state.shot = new URLSearchParams(location.search).get("show") ?? "";

const steps = new Steps((index) => `${base}/steps/${index}?part=step`);
const stage = new Stage(find("[data-stage]"), (label) => (find("[data-level]").textContent = label));
const strip = new FilmStrip(find(".strip"), (index) => flip(index));
const player = new Player(find("[data-play]"), find("[data-speed]"), {
  start: () => (state.index >= state.count - 1 ? flip(0, "before") : Promise.resolve()),
  next: playNext,
  recorded: () => strip.pause(state.index),
});
const panel = find(".panel");
const drafts = new Drafts(panel, base === "#" ? location.pathname : base);
const remarks = new Remarks(panel, drafts, (page) => {
  takeParts(page, ["head"]);
  refresh();
});

/** Show a step; a faster key press overtakes a slower answer. */
async function flip(index, shot = state.shot) {
  index = Math.min(Math.max(index, 0), state.count - 1);
  if (state.count === 0) return;
  const turn = ++state.asked;
  const { page } = await steps.load(index).catch(() => ({ page: null }));
  if (turn !== state.asked) return;
  if (!page) {
    location.assign(`${base}/steps/${index}`); // the server says itself what is wrong
    return;
  }
  take(page, index);
  show(shot);
  mark();
  steps.ahead([index + 1, index + 2, index - 1, index + 3].filter((other) => other >= 0 && other < state.count));
}

/** Put a step's parts in place: of the step in sight only what differs, of another one everything. */
function take(page, index) {
  const same = index === state.index && remarks.section?.dataset.step !== undefined;
  const { held } = remarks;
  if (!same) drafts.leave(state.index);
  const summary = document.activeElement?.closest("summary")?.parentElement.dataset.keep;
  takeParts(page, ["tabs", "shots"]);
  if (held) around(held, page);
  else if (same && remarks.step() === index) takeParts(page, ["panel"]);
  else panel.replaceChildren(...document.importNode(page.querySelector("[data-part=panel]"), true).childNodes);
  state.index = index;
  drafts.open();
  if (!held) drafts.restore(index);
  if (summary && document.activeElement === document.body) panel.querySelector(`[data-keep="${summary}"] > summary`)?.focus({ preventScroll: true });
  remarks.tellElsewhere(base);
}

/** Renew the panel around remarks that are being written: they stay, and stay with the step that they were begun at. */
function around(held, page) {
  const fresh = document.importNode(page.querySelector("[data-part=panel]"), true);
  const theirs = fresh.querySelector(".remarks");
  if (!theirs) return;
  held.dataset.own = "";
  theirs.dataset.key = held.dataset.key;
  morph(panel, fresh);
  delete held.dataset.own;
}

/** Read the step in sight again. */
function refresh() {
  steps.forget();
  if (state.count > 0) flip(state.index);
  else location.reload();
}

// Remarks that were held on to make room for this step's own, once nobody is at them any more.
panel.addEventListener("focusout", () => {
  setTimeout(() => !remarks.held && remarks.section && remarks.step() !== state.index && state.count > 0 && flip(state.index), 200);
});
panel.addEventListener("focusin", ({ target }) => target.closest("form[data-form]") && player.pause());
panel.addEventListener("toggle", () => drafts.keepOpen(), { capture: true });
addEventListener("pagehide", () => drafts.leave(state.count > 0 ? state.index : ""));

/** Show one of the step's screens, or the first where it has none of that name. */
function show(shot) {
  if (state.count === 0) return;
  const canvases = [...book.querySelectorAll(".stage .canvas")];
  const chosen = canvases.find((canvas) => canvas.dataset.shot === shot) ?? canvases[0];
  state.shot = shot;
  for (const canvas of canvases) canvas.hidden = canvas !== chosen;
  for (const tab of book.querySelectorAll("[data-show]")) {
    const current = tab.dataset.show === chosen?.dataset.shot;
    if (current) tab.setAttribute("aria-current", "true");
    else tab.removeAttribute("aria-current");
    const row = tab.parentElement; // it alone is scrolled, and the page stays where it is
    if (current) row.scrollLeft = tab.offsetLeft - row.offsetLeft - (row.clientWidth - tab.offsetWidth) / 2;
  }
  stage.apply();
  address(chosen && chosen !== canvases[0] ? `?show=${encodeURIComponent(chosen.dataset.shot)}` : "");
}

function address(query) {
  history.replaceState(null, "", `${base}/steps/${state.index}${query}`);
  document.title = `${state.index} · ${book.dataset.task} · footage`;
}

/** Bring toolbar and film strip to the current step. */
function mark(still = false) {
  find("[data-position]").textContent = state.index;
  find("[data-last]").textContent = state.count - 1;
  const targets = { first: 0, previous: state.index - 1, next: state.index + 1, last: state.count - 1 };
  for (const link of book.querySelectorAll("[data-go]")) {
    const target = targets[link.dataset.go];
    const there = target >= 0 && target < state.count;
    if (there) link.href = `${base}/steps/${target}`;
    else link.removeAttribute("href");
    if (there) link.removeAttribute("aria-disabled");
    else link.setAttribute("aria-disabled", "true");
  }
  strip.mark(state.index, still);
}

async function playNext() {
  if (state.index < state.count - 1) {
    await flip(state.index + 1, "before");
    return true;
  }
  show("after"); // where it all led to
  return false;
}

/** What the person does: playing stops. */
const by = (act) => () => {
  player.pause();
  act();
};
const go = {
  first: by(() => flip(0)),
  previous: by(() => flip(state.index - 1)),
  next: by(() => flip(state.index + 1)),
  last: by(() => flip(state.count - 1)),
};
const zoom = { in: () => stage.step(1), out: () => stage.step(-1), fit: () => stage.zoom(stage.level === "fit" ? 1 : "fit") };

book.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  const part = event.target.closest("[data-go], [data-show], [data-zoom]");
  if (!part) return;
  event.preventDefault();
  if (part.dataset.go) go[part.dataset.go]();
  else if (part.dataset.show) show(part.dataset.show);
  else zoom[part.dataset.zoom]();
});

const arrow = (act, x) => (event) => (event.shiftKey ? stage.pan(x, 0) : act());
listen({
  ArrowLeft: arrow(go.previous, -80),
  ArrowRight: arrow(go.next, 80),
  ArrowUp: () => stage.pan(0, -80),
  ArrowDown: () => stage.pan(0, 80),
  Home: go.first,
  End: go.last,
  " ": () => state.count > 0 && player.toggle(),
  "<": () => player.change(-1),
  ">": () => player.change(1),
  b: () => show("before"),
  a: () => show("after"),
  o: () => show("observed"),
  h: () => stage.element.classList.toggle("undrawn"),
  "+": zoom.in,
  "=": zoom.in,
  "-": zoom.out,
  0: () => stage.zoom("fit"),
  1: () => stage.zoom(1),
  "?": helpDialog(),
});

drafts.open();
drafts.restore(state.count > 0 ? state.index : "");
remarks.tellElsewhere(base);
if (state.count > 0) {
  strip.mark(state.index);
  steps.ahead([state.index + 1, state.index + 2, state.index - 1].filter((i) => i >= 0 && i < state.count));
}

// A run that is being recorded grows; whoever looks at its last step, and is at nothing there, goes along.
if ("live" in book.dataset) {
  const isLive = (page) => "live" in page.querySelector(".book").dataset;
  keepFresh(isLive, (page) => {
    const [count, index] = ["count", "index"].map((name) => Number(page.querySelector(".book").dataset[name]));
    takeParts(page, ["head", "strip"]);
    if (count > 0 && state.count === 0) {
      if (remarks.held) return; // later, when nobody is writing
      drafts.leave("");
      drafts.begin();
      location.reload();
      return;
    }
    const following = state.index >= state.count - 1 && count > state.count && !player.playing && !remarks.inUse;
    state.count = count;
    steps.forget();
    if (count === 0) return;
    mark(true);
    if (following) flip(count - 1);
    else if (index === state.index) {
      take(page, index);
      show(state.shot);
    } else flip(state.index);
  });
}
