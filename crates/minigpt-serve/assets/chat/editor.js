// A turn while it is edited.

import { element } from "/assets/dom.js";

/**
 * @param {import("./conversation.js").Turn} turn
 * @param {{ send: (text: string) => void, cancel: (form: HTMLFormElement) => void }} actions
 * @returns {HTMLFormElement}
 */
export function editor(turn, { send, cancel }) {
  const asks = turn.role === "user";
  const text = element("textarea", { value: turn.text, rows: 3, ariaLabel: asks ? "Your message" : "The answer" });
  const form = element("form", { className: `turn editing ${turn.role}` },
    text,
    element("div", { className: "row" },
      element("button", { className: "primary", textContent: asks ? "Send" : "Keep" }),
      element("button", { type: "button", textContent: "Cancel", onclick: () => cancel(form) })),
    // Seen where something follows, now or by the time that it is sent.
    element("p", { className: "note drops", textContent: "The conversation goes on from here: what follows is dropped." }));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (text.value.trim()) send(text.value);
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      cancel(form);
    }
    if (asks && event.target === text && event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  requestAnimationFrame(() => text.focus()); // once it is in the page
  return form;
}
