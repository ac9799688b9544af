// The forms of the panel: sent without leaving the page; what is written in them is lost neither by a flip nor by a failure.

/** Send a form of this viewer; resolves with the page it leads to, rejects with why not in words. */
function send(form, button) {
  return new Promise((resolve, reject) => {
    const body = new URLSearchParams(new FormData(form));
    if (button?.name) body.append(button.name, button.value);
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.responseType = "document";
    request.onload = () => {
      if (request.status === 200 && request.response) resolve(request.response);
      else reject(request.response?.querySelector("h1")?.textContent ?? `The viewer refused it (${request.status}). Load the page again, then send it again.`);
    };
    request.onerror = () => reject("The viewer does not answer.");
    request.send(body);
  });
}

/** The remarks of one panel: kept in `drafts` while they are written, sent by script. */
export class Remarks {
  /** @param {HTMLElement} panel @param {import("./drafts.js").Drafts} drafts @param {(page: Document) => void} onSaved told the page that the viewer answers with */
  constructor(panel, drafts, onSaved) {
    Object.assign(this, { panel, drafts, sending: new Set() });
    for (const kind of ["input", "change"]) {
      panel.addEventListener(kind, ({ target }) => target.form?.dataset.form && drafts.write(this.step(target.form), target.form));
    }
    panel.addEventListener("submit", async (event) => {
      const { target: form, submitter } = event;
      event.preventDefault();
      const [step, name] = [this.step(form), form.dataset.form];
      if (this.sending.has(form)) return;
      this.sending.add(form);
      const written = () => JSON.stringify(Object.entries(drafts.at(step).fields ?? {}).filter(([key]) => key.startsWith(`${name} `)));
      const sent = written();
      try {
        const page = await send(form, submitter);
        if (written() === sent) {
          drafts.saved(step, name);
          form.reset();
          const details = form.closest("details");
          if (details?.contains(document.activeElement)) details.querySelector("summary").focus({ preventScroll: true });
          else if (form.contains(document.activeElement)) document.activeElement.blur(); // what was taken off is gone
          if (details) details.open = false;
          drafts.keepOpen();
        }
        this.#say(form, "");
        onSaved(page);
      } catch (why) {
        this.#say(form, `Not saved. ${why} What you wrote is kept here.`);
      } finally {
        this.sending.delete(form);
      }
    });
  }

  /** The step that a form, or the remarks in sight, belong to; "" for a run without steps. */
  step(part = this.section) {
    const { step } = part.closest(".remarks").dataset;
    return step === "" ? "" : Number(step);
  }

  get section() {
    return this.panel.querySelector(".remarks");
  }

  /** The remarks that are being written right now: they stay where they are while pages are flipped. */
  get held() {
    const { section } = this;
    return section?.contains(document.activeElement) && !document.activeElement.matches("summary") ? section : null;
  }

  /** Whether a person is at something here that going to another step would disturb. */
  get inUse() {
    const selection = getSelection();
    const selects = !selection.isCollapsed && this.panel.contains(selection.anchorNode);
    return this.held !== null || selects || (this.section && Object.keys(this.drafts.at(this.step()).fields ?? {}).length > 0);
  }

  /** Say at which other steps something waits to be saved. */
  tellElsewhere(base) {
    const line = this.section?.querySelector(".elsewhere");
    if (!line) return;
    const steps = this.drafts.steps().filter((step) => step !== this.step());
    line.hidden = steps.length === 0;
    line.replaceChildren("Written and not saved at ");
    steps.forEach((step, number) => {
      const link = document.createElement("a");
      link.href = `${base}/steps/${step}`;
      link.textContent = `step ${step}`;
      line.append(number ? ", " : "", link);
    });
  }

  #say(form, words) {
    const line = form.closest(".remarks")?.querySelector(".unsaved");
    if (!line) return;
    line.textContent = words;
    line.hidden = words === "";
  }
}
