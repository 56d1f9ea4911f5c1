// A model's text as elements: paragraphs, and blocks of code between lines of ```. Never as HTML.

import { element } from "/assets/dom.js";

/**
 * Shows a text that grows: blocks that stay the same stay in the page, so that a selection in them survives.
 * @param {HTMLElement} parent
 * @param {string} text
 */
export function showProse(parent, text) {
  const blocks = blocksOf(text);
  blocks.forEach((block, place) => {
    const shown = parent.children[place];
    if (shown?.localName === block.tag) setText(shown.firstElementChild ?? shown, block.text);
    else if (shown) shown.replaceWith(blockElement(block));
    else parent.append(blockElement(block));
  });
  while (parent.children.length > blocks.length) parent.lastElementChild.remove();
}

/**
 * @param {string} text
 * @returns {{ tag: "p" | "pre", text: string }[]} A fence that is still open reaches to the end.
 */
export function blocksOf(text) {
  const blocks = [];
  let code = null;
  let prose = [];
  const endProse = () => {
    for (const part of prose.join("\n").split(/\n{2,}/)) {
      if (part.trim()) blocks.push({ tag: "p", text: part.replace(/^\n|\n$/g, "") });
    }
    prose = [];
  };
  for (const line of text.split("\n")) {
    if (!/^\s*```/.test(line)) (code ?? prose).push(line);
    else if (code === null) {
      endProse();
      code = [];
    } else {
      blocks.push({ tag: "pre", text: code.join("\n") });
      code = null;
    }
  }
  endProse();
  if (code !== null) blocks.push({ tag: "pre", text: code.join("\n") });
  return blocks;
}

function blockElement({ tag, text }) {
  if (tag === "p") return element("p", { textContent: text });
  // What scrolls by itself is reached by the keyboard.
  return element("pre", { tabIndex: 0, ariaLabel: "Code" }, element("code", { textContent: text }));
}

function setText(shown, text) {
  if (shown.textContent !== text) shown.textContent = text;
}
