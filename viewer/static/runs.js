// The list of runs: two are ticked to be compared; runs that are being recorded are kept fresh.

import { keepFresh, takeParts } from "./page.js";

const form = document.querySelector(".runs form");
const button = form.querySelector("[data-compare]");
const hint = form.querySelector("[data-hint]");
let picked = [];

function show() {
  for (const box of form.querySelectorAll("input[name=run]")) box.checked = picked.includes(box.value);
  button.disabled = picked.length !== 2;
  hint.textContent = ["Tick two runs to compare them.", "One more.", ""][picked.length];
}

form.addEventListener("change", (event) => {
  const { checked, value } = event.target;
  picked = picked.filter((run) => run !== value);
  if (checked) picked = [...picked, value].slice(-2); // a third tick replaces the first
  show();
});

// A filter that is chosen is used at once.
document.querySelector(".filters").addEventListener("change", (event) => {
  if (event.target.matches("select")) event.currentTarget.requestSubmit();
});

picked = [...form.querySelectorAll("input[name=run]:checked")].map((box) => box.value).slice(-2);
show();

// A run that begins anywhere appears; where runs are being recorded they are looked after more often.
const live = document.querySelector("[data-part=runs]").hasAttribute("data-live");
keepFresh(() => true, (page) => {
  takeParts(page, ["runs"]);
  show();
}, live ? 2000 : 5000);
