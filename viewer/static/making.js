// Two runs are being compared: how far it is, and the comparison once it is there.

import { readPage, takeParts } from "./page.js";

const EVERY_MS = 300;
const main = document.querySelector(".making");
const { here, there } = main.dataset;

async function look() {
  const page = await readPage(`${here}?part=progress`).catch(() => null);
  const state = page?.querySelector("[data-part=progress]").dataset.state;
  if (state === "ended") {
    location.replace(there);
    return;
  }
  if (page) takeParts(page, ["progress"]);
  else main.querySelector(".how-far p").textContent = "The viewer does not answer.";
  main.querySelector("form").hidden = state === "stopped";
  main.querySelector("[data-again]").hidden = state !== "stopped";
  if (state !== "stopped") setTimeout(look, page ? EVERY_MS : 10 * EVERY_MS);
}

setTimeout(look, EVERY_MS);
