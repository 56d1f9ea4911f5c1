// The keyboard in a picture of many parts: Tab reaches the picture, the arrows go from part to part.

/**
 * @param {HTMLElement} container Its children that match `selector` are the parts.
 * @param {string} selector
 * @param {() => number} columns Parts in a row, for the arrows up and down.
 */
export function moveByArrows(container, selector, columns = () => 1) {
  container.addEventListener("keydown", (event) => {
    const parts = [...container.querySelectorAll(selector)];
    const at = parts.indexOf(document.activeElement);
    const steps = {
      ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns(), ArrowDown: columns(), Home: -at, End: parts.length - 1 - at,
    };
    const to = at + (steps[event.key] ?? 0);
    if (at < 0 || !(event.key in steps) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    if (parts[to]) reach(container, selector, parts[to]);
  });
  // Whatever is focused by hand is where Tab comes back to.
  container.addEventListener("focusin", (event) => {
    const part = event.target.closest(selector);
    if (part) makeReachable(container, selector, part);
  });
}

/** Makes one part the one that Tab reaches. */
export function makeReachable(container, selector, part) {
  for (const other of container.querySelectorAll(`${selector}[tabindex="0"]`)) other.tabIndex = -1;
  part.tabIndex = 0;
}

function reach(container, selector, part) {
  makeReachable(container, selector, part);
  part.focus();
}
