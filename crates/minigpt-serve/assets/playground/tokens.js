// A text as a row of its tokens, each shaded by a number.

import { element } from "/assets/dom.js";
import { makeReachable, moveByArrows } from "/assets/playground/focus.js";

/**
 * @typedef {object} TokenRow
 * @property {HTMLElement} node
 * @property {(tokens: {label: string}[]) => void} show
 * @property {(shade: (place: number) => {name: string, amount: number}) => void} shade Each token by a colour's name in the
 *   style sheet and how much of it, from 0 to 1.
 * @property {(place: number | null) => void} select
 */

/**
 * @param {string} name What a screen reader calls the row.
 * @param {(place: number) => void} look Called with the token under the pointer or the focus.
 * @param {(place: number) => void} choose Called with a token that was clicked, or chosen with Enter.
 * @returns {TokenRow}
 */
export function tokenRow(name, look, choose) {
  const node = element("div", { className: "tokens", role: "listbox", ariaLabel: name });
  const placeOf = (event) => {
    const token = event.target.closest(".token");
    return token && Number(token.dataset.place);
  };
  const tell = (act) => (event) => {
    const place = placeOf(event);
    if (place !== null) act(place);
  };
  node.addEventListener("pointerover", tell(look));
  node.addEventListener("focusin", tell(look));
  node.addEventListener("click", tell(choose));
  node.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    tell(choose)(event);
  });
  moveByArrows(node, ".token");
  const all = () => [...node.querySelectorAll(".token")];
  return {
    node,
    show(tokens) {
      node.replaceChildren(...tokens.flatMap(({ label }, place) => {
        const token = element("span", { className: "token", role: "option", tabIndex: -1, ariaSelected: "false" }, label);
        token.dataset.place = String(place);
        return label.endsWith("\\n") ? [token, element("br")] : [token];
      }));
      const last = all().at(-1);
      if (last) makeReachable(node, ".token", last);
    },
    shade(shadeOf) {
      all().forEach((token, place) => {
        const { name: colour, amount } = shadeOf(place);
        token.style.setProperty("--shade", `var(--${colour})`);
        token.style.setProperty("--amount", `${(100 * Math.min(1, Math.max(0, amount))).toFixed(1)}%`);
      });
    },
    select(chosen) {
      all().forEach((token, place) => { token.ariaSelected = String(place === chosen); });
    },
  };
}
