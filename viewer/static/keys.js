// Keys of a page: a table from key to what it does.

const WRITING = "textarea, select, input:not([type=checkbox], [type=radio], [type=range])";

/**
 * @param {Record<string, (event: KeyboardEvent) => void>} table by `event.key`, letters in lower case
 */
export function listen(table) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const letter = event.key.length === 1;
    // What has the focus keeps the keys it has a use for itself.
    if (event.target.closest(WRITING) || (!letter && event.target.closest("input"))) return;
    if (event.key === " " && event.target.closest("button, a, summary, input")) return;
    const act = table[letter ? event.key.toLowerCase() : event.key];
    if (!act) return;
    event.preventDefault();
    act(event);
  });
}

/** Open the list of keys from its button and return what opens it. */
export function helpDialog() {
  const dialog = document.querySelector("#keys");
  const open = () => dialog.showModal();
  document.querySelector("[data-help]")?.addEventListener("click", open);
  dialog.addEventListener("keydown", (event) => event.key === "?" && dialog.close());
  return open;
}
