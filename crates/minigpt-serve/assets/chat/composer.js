// The box in which a message is written.

/**
 * @param {{ form: HTMLFormElement, message: HTMLTextAreaElement, send: HTMLButtonElement, stop: HTMLButtonElement }} parts
 * @param {(text: string) => boolean} onSend Whether the text was taken; it stays in the box otherwise.
 * @param {() => void} onStop
 */
export function composer({ form, message, send, stop }, onSend, onStop) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!send.hidden && !send.disabled && onSend(message.value)) message.value = "";
  });
  message.addEventListener("keydown", (event) => {
    // An input method's Enter chooses a character.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit(send);
  });
  stop.addEventListener("click", () => {
    onStop();
    message.focus();
  });
  return {
    /** @param {boolean} writing Whether an answer is being written. */
    setWriting(writing) {
      const [before, now] = writing ? [send, stop] : [stop, send];
      const focused = document.activeElement === before;
      before.hidden = true;
      now.hidden = false;
      if (focused) now.focus();
    },
    /** @param {boolean} answers Whether the model answers, or only continues. */
    setKind(answers) {
      send.textContent = answers ? "Send" : "Continue";
      message.placeholder = answers ? "Write a message" : "Begin a text, or add to it";
    },
    setEnabled(enabled) {
      message.disabled = !enabled;
      send.disabled = !enabled;
    },
    /** Puts a text into the box, ready to be changed and sent. */
    suggest(text) {
      message.value = text;
      message.focus();
    },
    focus() {
      message.focus();
    },
  };
}
