// What every page does: reveal what needs scripts, copy commands, read pages of this server.

import { morph } from "./morph.js";

document.documentElement.classList.add("scripted");

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  button.classList.add("done");
  setTimeout(() => button.classList.remove("done"), 1200);
});

/**
 * Read a page of this server as a document that runs nothing. The browser parses what the server escaped: no string
 * is made into HTML here.
 * @param {string} url
 * @returns {Promise<Document>} rejected where the server does not answer with a page
 */
export function readPage(url) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", url);
    request.responseType = "document";
    request.onload = () => (request.status === 200 && request.response ? resolve(request.response) : reject(request.status));
    request.onerror = () => reject(0);
    request.send();
  });
}

/** Bring the named parts of this page to what they are on a page that was read; only what differs is touched. */
export function takeParts(page, names) {
  for (const name of names) {
    const fresh = page.querySelector(`[data-part="${name}"]`);
    const here = document.querySelector(`main [data-part="${name}"], .top [data-part="${name}"]`);
    if (fresh && here) morph(here, fresh);
  }
}

/** Say along the top that the viewer does not answer, or that it does again. */
function sayWhetherItAnswers(answers) {
  let line = document.querySelector("body > .silent");
  if (!line && answers) return;
  if (!line) {
    line = document.createElement("p");
    line.className = "silent";
    line.setAttribute("role", "status");
    line.textContent = `The viewer does not answer. This page is as it was at ${new Date().toLocaleTimeString()}.`;
    document.body.append(line);
  }
  line.hidden = answers;
  if (answers) line.remove();
}

/** Read this page again every few seconds while it is looked at and `isLive(page)`; hand each reading to `take`. */
export function keepFresh(isLive, take, every = 2000) {
  setTimeout(async () => {
    if (!document.hidden) {
      const page = await readPage(location.href).catch(() => null);
      sayWhetherItAnswers(page !== null);
      if (page) {
        take(page);
        if (!isLive(page)) return;
      }
    }
    keepFresh(isLive, take, every);
  }, every);
}
