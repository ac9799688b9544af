// The film strip: which picture is the current one, and keeping it in sight.

/** The `nav.strip` of a run. */
export class FilmStrip {
  /** @param {HTMLElement} element @param {(index: number) => void} onPick told which step was clicked */
  constructor(element, onPick) {
    this.element = element;
    element.addEventListener("click", (event) => {
      const tile = event.target.closest(".tile");
      if (!tile || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      onPick(this.tiles.indexOf(tile));
    });
  }

  get tiles() {
    return [...this.element.querySelectorAll(".tile")];
  }

  /** Mark one step as the current one and, unless it is `still`, bring it to the middle. */
  mark(index, still = false) {
    this.element.querySelector("[aria-current]")?.removeAttribute("aria-current");
    const tile = this.tiles[index];
    if (!tile) return;
    tile.querySelector("a").setAttribute("aria-current", "step");
    if (!still) this.element.scrollLeft = tile.offsetLeft + tile.offsetWidth / 2 - this.element.clientWidth / 2;
  }

  /** Milliseconds between a step and the next one, as recorded; 0 for the last. */
  pause(index) {
    const [here, next] = [this.tiles[index], this.tiles[index + 1]];
    return here && next ? next.dataset.at - here.dataset.at : 0;
  }
}
