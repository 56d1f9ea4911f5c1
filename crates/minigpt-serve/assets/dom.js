// Making elements. Text only ever becomes text: a model's words are never HTML.

/**
 * @param {string} tag
 * @param {object} [properties] Of the element, as `className` or `type`.
 * @param {...(Node | string)} children
 * @returns {any} The element.
 */
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}
