// Copying text, also where the browser keeps its clipboard from pages of other machines without TLS.

import { element } from "/assets/dom.js";

/**
 * @param {string} text
 * @returns {Promise<boolean>} Whether it is in the clipboard.
 */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copySelected(text);
  }
}

function copySelected(text) {
  const focused = document.activeElement;
  const field = element("textarea", { className: "unseen", value: text, readOnly: true });
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  focused?.focus();
  return copied;
}
