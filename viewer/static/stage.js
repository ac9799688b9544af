// Zoom and pan of the pictures on a stage. The drawing needs nothing: it lies in the same box, in picture pixels.

const LEVELS = [0.25, 0.5, 1, 2, 3, 4, 6, 8];

/** One stage (`.stage`) with its pictures (`.canvas`). `level` is "fit" or a number: CSS pixels per picture pixel. */
export class Stage {
  /** @param {HTMLElement} element @param {(label: string) => void} onLevel told how the level is written */
  constructor(element, onLevel = () => undefined) {
    this.element = element;
    this.onLevel = onLevel;
    this.level = "fit";
    new ResizeObserver(() => this.apply()).observe(element);
    element.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    element.addEventListener("pointerdown", (event) => this.#drag(event));
    this.apply();
  }

  get canvas() {
    return this.element.querySelector(".canvas:not([hidden])");
  }

  /** CSS pixels per picture pixel of one picture, as it is shown now. */
  scale(canvas) {
    if (this.level !== "fit") return this.level;
    const { width, height } = canvas.dataset;
    return Math.min(1, this.element.clientWidth / width, this.element.clientHeight / height);
  }

  /** Give every picture its size; to be called after pictures were replaced. */
  apply() {
    const zoomed = this.level !== "fit";
    this.element.classList.toggle("zoomed", zoomed);
    this.element.classList.toggle("enlarged", zoomed && this.level > 1);
    for (const canvas of this.element.querySelectorAll(".canvas")) {
      const scale = this.scale(canvas);
      canvas.style.setProperty("--zoom", scale);
      canvas.querySelector("img, .picture").style.width = zoomed ? `${canvas.dataset.width * scale}px` : "";
    }
    const { scrollWidth, clientWidth, scrollHeight, clientHeight } = this.element;
    this.element.classList.toggle("draggable", scrollWidth > clientWidth || scrollHeight > clientHeight);
    this.onLevel(zoomed ? `${Math.round(this.level * 100)} %` : "fit");
  }

  /** Set the level; the point of the picture at `anchor` (client coordinates) stays where it is. */
  zoom(level, anchor = this.#anchor()) {
    const canvas = this.canvas;
    if (!canvas) return;
    const before = canvas.getBoundingClientRect();
    const [x, y] = [(anchor.x - before.left) / before.width, (anchor.y - before.top) / before.height];
    this.level = level;
    this.apply();
    const after = canvas.getBoundingClientRect();
    this.element.scrollBy({ left: after.left + x * after.width - anchor.x, top: after.top + y * after.height - anchor.y, behavior: "instant" });
  }

  /** Go one level in (+1) or out (-1). */
  step(direction, anchor) {
    const canvas = this.canvas;
    if (!canvas) return;
    const scale = this.scale(canvas);
    const next = direction > 0 ? LEVELS.find((level) => level > scale + 0.001) : LEVELS.findLast((level) => level < scale - 0.001);
    if (next !== undefined) this.zoom(next, anchor);
  }

  /** Move the window over the picture by CSS pixels. */
  pan(x, y) {
    this.element.scrollBy({ left: x, top: y, behavior: "instant" });
  }

  /** What keyboard and buttons zoom about: the action's marker where it is in sight, else the middle. */
  #anchor() {
    const stage = this.element.getBoundingClientRect();
    const dot = this.canvas?.querySelector(".overlay .dot")?.getBoundingClientRect();
    const marker = dot && { x: dot.x + dot.width / 2, y: dot.y + dot.height / 2 };
    const seen = marker && marker.x > stage.left && marker.x < stage.right && marker.y > stage.top && marker.y < stage.bottom;
    return seen ? marker : { x: stage.x + stage.width / 2, y: stage.y + stage.height / 2 };
  }

  #wheel(event) {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    this.step(event.deltaY < 0 ? 1 : -1, { x: event.clientX, y: event.clientY });
  }

  #drag(down) {
    const onBar = down.offsetX >= this.element.clientWidth || down.offsetY >= this.element.clientHeight;
    if (down.button !== 0 || !this.element.classList.contains("draggable") || (onBar && down.target === this.element)) return;
    let last = down;
    const move = (event) => {
      this.element.classList.add("dragging");
      this.pan(last.clientX - event.clientX, last.clientY - event.clientY);
      last = event;
    };
    const up = () => {
      this.element.classList.remove("dragging");
      removeEventListener("pointermove", move);
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", up, { once: true });
  }
}
