// Keys of a page: a table from key to what it does.

/**
 * @param {Record<string, (event: KeyboardEvent) => void>} table by `event.key`, letters in lower case
 */
export function listen(table) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target.closest("input:not([type=checkbox]), textarea, select")) return;
    // A focused button, link or summary keeps what Space and Enter do to it.
    if (event.key === " " && event.target.closest("button, a, summary, input")) return;
    const act = table[event.key.length === 1 ? event.key.toLowerCase() : event.key];
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
