/** A button that switches something that takes a moment. Clicks in between are ignored, so that no order gets lost. */

export class Toggle {
  #button;
  #texts;
  #act;
  #on = false;
  #busy = false;

  /** `texts` {on, off, short?}: what a click does in either state; `act(on)` is asked for the new state. */
  constructor(button, texts, act) {
    this.#button = button;
    this.#texts = texts;
    this.#act = act;
    button.addEventListener("click", () => this.press());
  }

  async press() {
    if (this.#busy || this.#button.disabled) return;
    this.#busy = true;
    try {
      await this.#act(!this.#on);
    } finally {
      this.#busy = false;
    }
  }

  show(on) {
    this.#on = on;
    const text = on ? this.#texts.on : this.#texts.off;
    this.#button.classList.toggle("is-on", on);
    this.#button.classList.toggle("is-off", !on);
    this.#button.setAttribute("aria-label", text);
    this.#button.title = text;
    const caption = this.#button.querySelector("span");
    if (caption && this.#texts.short) caption.textContent = on ? this.#texts.short.on : this.#texts.short.off;
  }
}
