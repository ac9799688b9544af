// In an exported file the steps lie in the page itself. This stands in for steps.js, in one script with flipbook.js.

const pages = [...document.querySelectorAll(".page")];
for (const page of pages) page.remove();

/** Gives out the pages that lie in this file; see steps.js. */
export class Steps {
  load(index) {
    return pages[index] ? Promise.resolve({ page: pages[index], pictures: [] }) : Promise.reject(new RangeError(index));
  }

  async ahead() {} // everything is here

  forget() {}
}

/** Go to the step that the address names, as in #/steps/3?show=after. */
function goThere() {
  const [, index, shot] = /^#\/steps\/(\d{1,6})(?:\?show=([a-z0-9-]+))?$/.exec(location.hash) ?? [];
  flip(Number(index ?? 0), shot ?? "");
}

addEventListener("DOMContentLoaded", goThere); // flipbook.js has run by then
addEventListener("hashchange", goThere);
