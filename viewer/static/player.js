// Playing a run: one step after the other, at a speed or in the rhythm it was recorded in.

const STEP_MS = 1000;
const [SHORTEST_MS, LONGEST_MS] = [150, 8000];

/** Calls `next` again and again; `next` returns whether there is more. */
export class Player {
  /**
   * @param {HTMLButtonElement} button
   * @param {HTMLSelectElement} speed its values are factors, or "recorded"
   * @param {{next: () => Promise<boolean>, recorded: () => number, start: () => Promise<void>}} run
   */
  constructor(button, speed, run) {
    Object.assign(this, { button, speed, run, playing: false, timer: 0 });
    button.addEventListener("click", () => this.toggle());
  }

  async toggle() {
    if (this.playing) {
      this.pause();
      return;
    }
    this.#show(true);
    await this.run.start();
    this.#wait();
  }

  pause() {
    clearTimeout(this.timer);
    this.#show(false);
  }

  /** Choose the next speed up (+1) or down (-1). */
  change(direction) {
    const chosen = this.speed.selectedIndex + direction;
    this.speed.selectedIndex = Math.min(Math.max(chosen, 0), this.speed.length - 1);
  }

  #wait() {
    const { value } = this.speed;
    const pause = value === "recorded" ? this.run.recorded() : STEP_MS / Number(value);
    this.timer = setTimeout(() => this.#tick(), Math.min(Math.max(pause, SHORTEST_MS), LONGEST_MS));
  }

  async #tick() {
    const more = await this.run.next();
    if (!this.playing) return;
    if (more) this.#wait();
    else this.pause();
  }

  #show(playing) {
    this.playing = playing;
    this.button.setAttribute("aria-pressed", String(playing));
    this.button.setAttribute("aria-label", playing ? "Pause" : "Play");
  }
}
