// What a person does at a step stays with it: what is written, focus, selection, places scrolled to, what is open.

const SCROLLING = ".prose, pre";

/** In a private window, or in a file, a browser may keep nothing: then it lasts as long as the page. */
function stored(act) {
  try {
    return act(sessionStorage);
  } catch {
    return null;
  }
}

const fields = (panel) => [...panel.querySelectorAll("form[data-form] :is(textarea, select, input:not([type=hidden]))")];
const fieldNameOf = (field) => `${field.form.dataset.form} ${field.name}`;
const initial = (field) => field.defaultValue ?? [...field.options].find((option) => option.defaultSelected)?.value ?? field.options[0].value;

/** Keeps what is unsaved at each step of a run, in this tab: it outlasts flipping, reloading and a viewer that was stopped. */
export class Drafts {
  /** @param {HTMLElement} panel @param {string} run */
  constructor(panel, run) {
    Object.assign(this, { panel, prefix: `footage ${run} `, memory: new Map() });
  }

  /** @returns {{fields?: Record<string, string>, focus?: object, selection?: object, scroll?: number[]}} */
  at(step) {
    if (!this.memory.has(step)) {
      const text = stored((storage) => storage.getItem(this.prefix + step));
      this.memory.set(step, text ? JSON.parse(text) : {});
    }
    return this.memory.get(step);
  }

  #put(step, state) {
    this.memory.set(step, state);
    stored((storage) => storage.setItem(this.prefix + step, JSON.stringify(state)));
  }

  /** Keep what is written in the fields of `form`, which belongs to `step`. */
  write(step, form) {
    const written = { ...this.at(step).fields };
    for (const field of fields(this.panel).filter((field) => field.form === form)) {
      if (field.value === initial(field)) delete written[fieldNameOf(field)];
      else written[fieldNameOf(field)] = field.value;
    }
    this.#put(step, { ...this.at(step), fields: written });
  }

  /** Forget what was written into a form, now that it is saved. */
  saved(step, form) {
    const rest = Object.entries(this.at(step).fields ?? {}).filter(([name]) => !name.startsWith(`${form} `));
    this.#put(step, { ...this.at(step), fields: Object.fromEntries(rest) });
  }

  /** Give what was written before there was a step to step 0, where it is about the whole run still. */
  begin() {
    const { fields: written = {} } = this.at("");
    if (Object.keys(written).length > 0) this.#put(0, { fields: { ...written, "notes about": "run" } });
    this.#put("", {});
  }

  /** Keep what is open, on all steps alike. */
  keepOpen() {
    const open = [...this.panel.querySelectorAll("[data-keep]")].map((part) => [part.dataset.keep, part.open]);
    this.#put("open", { ...this.at("open"), ...Object.fromEntries(open) });
  }

  /** Open and close what was opened and closed. */
  open() {
    for (const part of this.panel.querySelectorAll("[data-keep]")) part.open = this.at("open")[part.dataset.keep] ?? part.open;
  }

  /** Steps at which something is written and not saved. */
  steps() {
    const names = stored((storage) => Object.keys(storage)) ?? [];
    const known = names.filter((name) => name.startsWith(this.prefix)).map((name) => name.slice(this.prefix.length));
    return [...new Set([...known, ...this.memory.keys()].map(String))]
      .filter((step) => /^\d+$/.test(step) && Object.keys(this.at(Number(step)).fields ?? {}).length > 0)
      .map(Number)
      .sort((a, b) => a - b);
  }

  /** Note where the person is on the page of `step`, before it is left. */
  leave(step) {
    const focused = document.activeElement;
    const focus = focused?.form && this.panel.contains(focused) && focused.name ? { name: fieldNameOf(focused), start: focused.selectionStart, end: focused.selectionEnd } : null;
    const scroll = [this.panel.scrollTop, ...[...this.panel.querySelectorAll(SCROLLING)].map((part) => part.scrollTop)];
    this.#put(step, { ...this.at(step), focus, scroll, selection: this.#selection() });
  }

  /** Bring back what was left at `step`. */
  restore(step) {
    const state = this.at(step);
    for (const field of fields(this.panel)) {
      const text = state.fields?.[fieldNameOf(field)];
      if (text === undefined) continue;
      field.value = text;
      field.closest("details").open = true;
    }
    if (state.scroll) [this.panel, ...this.panel.querySelectorAll(SCROLLING)].forEach((part, number) => (part.scrollTop = state.scroll[number] ?? 0));
    const field = state.focus && fields(this.panel).find((field) => fieldNameOf(field) === state.focus.name);
    if (field && document.activeElement === document.body) {
      field.closest("details").open = true;
      field.focus({ preventScroll: true });
      if (state.focus.start !== null && field.setSelectionRange) field.setSelectionRange(state.focus.start, state.focus.end);
    } else if (state.selection) this.#select(state.selection);
  }

  #selection() {
    const selection = getSelection();
    if (selection.isCollapsed || !this.panel.contains(selection.anchorNode) || !this.panel.contains(selection.focusNode)) return null;
    const { anchorNode, anchorOffset, focusNode, focusOffset } = selection;
    return { text: String(selection), anchor: [this.#path(anchorNode), anchorOffset], focus: [this.#path(focusNode), focusOffset] };
  }

  #select({ text, anchor, focus }) {
    const selection = getSelection();
    const nodes = [anchor, focus].map(([path]) => path.reduce((node, index) => node?.childNodes[index], this.panel));
    if (!selection.isCollapsed || !nodes[0] || !nodes[1]) return;
    try {
      selection.setBaseAndExtent(nodes[0], anchor[1], nodes[1], focus[1]);
    } catch {
      return; // other words stand there now
    }
    if (String(selection) !== text) selection.removeAllRanges();
  }

  #path(node) {
    const path = [];
    for (; node !== this.panel; node = node.parentNode) path.unshift([...node.parentNode.childNodes].indexOf(node));
    return path;
  }
}
