// The panels at both sides: open on a wide screen, and over the conversation on a narrow one.

const narrow = matchMedia("(max-width: 60rem)");

/**
 * @param {{ button: HTMLButtonElement, panel: HTMLElement }[]} panels
 * @returns {{ closeOnNarrow: () => void }}
 */
export function panels(panels) {
  const show = ({ button, panel }, open) => {
    panel.hidden = !open;
    button.setAttribute("aria-expanded", String(open));
  };
  const fit = () => panels.forEach((one) => show(one, !narrow.matches));
  const closeOnNarrow = () => {
    if (narrow.matches) fit();
  };
  for (const one of panels) {
    one.button.addEventListener("click", () => {
      const open = one.panel.hidden;
      closeOnNarrow(); // there is room for one
      show(one, open);
    });
    one.panel.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !narrow.matches) return;
      show(one, false);
      one.button.focus();
    });
  }
  narrow.addEventListener("change", fit);
  fit();
  return { closeOnNarrow };
}
