/** What a button opens above itself: a click elsewhere, a choice or Escape closes it. */

export class Popup {
  #button;
  #box;
  #onOpen;

  /** `box` is the popup's element, in one parent with its `button`; `onOpen` is called after it has opened. */
  constructor(button, box, onOpen = () => {}) {
    this.#button = button;
    this.#box = box;
    this.#onOpen = onOpen;
    button.addEventListener("click", () => this.#set(!this.isOpen));
    document.addEventListener("click", ({ target }) => {
      if (this.isOpen && !button.parentElement.contains(target)) this.#set(false);
    });
    button.parentElement.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.isOpen) return;
      event.preventDefault();
      this.close();
    });
  }

  get isOpen() {
    return this.#box.classList.contains("is-open");
  }

  /** Closes it and gives the focus back to its button. */
  close() {
    if (!this.isOpen) return;
    this.#set(false);
    this.#button.focus();
  }

  #set(isOpen) {
    this.#box.classList.toggle("is-open", isOpen);
    this.#button.setAttribute("aria-expanded", String(isOpen));
    if (isOpen) this.#onOpen();
  }
}
