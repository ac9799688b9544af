// Steps of a run, or rows of a comparison, as the server renders them; read ahead so that flipping is instant.

import { readPage } from "./page.js";

const KEPT = 48;

/** Reads steps, keeps the latest, and has their pictures decoded before they are shown. */
export class Steps {
  /** @param {(index: number) => string} address of a step's part of the page */
  constructor(address) {
    this.address = address;
    this.known = new Map();
  }

  /** @returns {Promise<{page: Document, pictures: HTMLImageElement[]}>} the step, its pictures ready to be shown */
  load(index) {
    const found = this.known.get(index) ?? this.#read(index);
    this.known.delete(index);
    this.known.set(index, found);
    if (this.known.size > KEPT) this.known.delete(this.known.keys().next().value);
    return found;
  }

  /** Read `indices` before they are asked for. */
  async ahead(indices) {
    for (const index of indices) await this.load(index).catch(() => undefined);
  }

  /** Read everything anew from now on: something has changed. */
  forget() {
    this.known.clear();
  }

  async #read(index) {
    try {
      const page = await readPage(this.address(index));
      const pictures = [...page.querySelectorAll(".canvas img")].map((image) => {
        const picture = new Image();
        picture.src = image.getAttribute("src");
        return picture;
      });
      await Promise.all(pictures.map((picture) => picture.decode().catch(() => undefined)));
      return { page, pictures };
    } catch (error) {
      this.known.delete(index);
      throw error;
    }
  }
}
