// The dialog that asks for the server's key.

import { element } from "/assets/dom.js";

let asked = null;

/**
 * Asks once, however many requests wait for the answer.
 * @param {string} why A sentence for the reader.
 * @returns {Promise<string | null>} The key, or null where the reader gives none.
 */
export function askForKey(why) {
  asked ??= ask(why).finally(() => { asked = null; });
  return asked;
}

function ask(why) {
  const input = element("input", { type: "password", name: "key", autocomplete: "current-password", required: true });
  const cancel = element("button", { type: "button" }, "Cancel");
  const form = element("form", {},
    element("h2", { id: "key-title" }, "API key"),
    element("p", { className: "note" }, `${why} It is the one that minigpt serve was started with, and is kept until this tab is closed.`),
    element("label", { className: "field" }, element("span", {}, "API key"), input),
    element("div", { className: "row" }, element("button", { className: "primary" }, "Use this key"), cancel));
  const dialog = element("dialog", {}, form);
  dialog.setAttribute("aria-labelledby", "key-title");
  document.body.append(dialog);
  return new Promise((resolve) => {
    form.addEventListener("submit", (event) => {
      event.preventDefault(); // nothing is sent: the page may not post forms
      dialog.close(input.value.trim());
    });
    cancel.addEventListener("click", () => dialog.close(""));
    dialog.addEventListener("cancel", () => { dialog.returnValue = ""; });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue || null);
    });
    dialog.showModal();
  });
}
