/** The panel beside the picture, or below it: people and chat, as tabs; and the buttons above that open them. */

const byId = (id) => document.getElementById(id);
const TABS = ["people", "chat"];

export class Side {
  #chosen = "people";
  #open = true;
  #onChange;

  /** `onChange(tab)` is called with the tab that is seen from now on, or null. */
  constructor(onChange) {
    this.#onChange = onChange;
    for (const name of TABS) {
      byId(name).addEventListener("click", () => this.#press(name));
      byId(`${name}-tab`).addEventListener("click", () => this.open(name));
    }
    byId("side-over").addEventListener("click", () => this.#lay());
    byId("tabs").addEventListener("keydown", (event) => this.#key(event));
    window.addEventListener("resize", () => this.#update());
    this.#update();
  }

  /** The tab that is seen; null: none is. */
  get seen() {
    return byId("side").checkVisibility() ? this.#chosen : null;
  }

  open(name) {
    this.#chosen = name;
    this.#open = true;
    this.#update();
  }

  #press(name) {
    if (this.#open && this.#chosen === name) this.#open = false;
    else {
      this.#chosen = name;
      this.#open = true;
    }
    this.#update();
  }

  /** On a phone on its side there is room for the panel over the picture only. */
  #lay() {
    const over = byId("room").classList.toggle("side-over");
    byId("side-over").setAttribute("aria-expanded", String(over));
    this.#open = true;
    this.#update();
  }

  #key(event) {
    if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    event.preventDefault();
    this.open(TABS.find((name) => name !== this.#chosen));
    byId(`${this.#chosen}-tab`).focus();
  }

  #update() {
    byId("room").classList.toggle("side-hidden", !this.#open);
    for (const name of TABS) {
      const chosen = name === this.#chosen;
      byId(`${name}-panel`).hidden = !chosen;
      byId(`${name}-tab`).setAttribute("aria-selected", String(chosen));
      byId(`${name}-tab`).tabIndex = chosen ? 0 : -1;
      byId(name).setAttribute("aria-expanded", String(this.#open && chosen));
    }
    this.#onChange(this.seen);
  }
}
