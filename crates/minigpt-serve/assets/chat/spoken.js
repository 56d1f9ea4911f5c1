// An answer for screen readers while it is written: a sentence at a time, since the page's own text changes with each token.

import { element } from "/assets/dom.js";

/** @param {HTMLElement} region One that is read aloud as it grows (`aria-live`). */
export function speaker(region) {
  let rest = "";
  region.replaceChildren();
  const say = (text) => {
    if (text.trim()) region.append(element("p", { textContent: text }));
  };
  return {
    more(text) {
      rest += text;
      const end = /^[^]*(?:[.!?:;]\s|\n)/.exec(rest)?.[0].length ?? 0;
      say(rest.slice(0, end));
      rest = rest.slice(end);
    },
    end(remark) {
      say(rest);
      say(remark);
    },
  };
}
