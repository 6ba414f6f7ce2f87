/** Signs that everybody sees and nobody keeps: a dialog to choose one from, and how they rise over the picture. */

const SHOWN_MS = 3_000;
const MAX_SHOWN = 20;
const GOLDEN = 0.618; // steps of it spread whatever comes one after the other
const byId = (id) => document.getElementById(id);

export class Reactions {
  #stage = byId("stage");
  #shown = [];
  #along = 0;

  /** `react(reaction)` resolves with whether it worked. */
  constructor(react) {
    const dialog = byId("reactions-dialog");
    byId("react").addEventListener("click", () => dialog.showModal());
    byId("reactions").addEventListener("click", ({ target }) => {
      const reaction = target.closest("button")?.dataset.reaction;
      if (!reaction) return;
      dialog.close();
      react(reaction);
    });
    dialog.addEventListener("click", ({ target }) => {
      if (target === dialog) dialog.close(); // beside it
    });
  }

  /** What strangers send is only ever text. */
  show(reaction, name) {
    const element = document.createElement("div");
    element.className = "reaction";
    const sign = document.createElement("span");
    sign.textContent = reaction;
    const whose = document.createElement("small");
    whose.textContent = name;
    element.append(sign, whose);
    this.#along = (this.#along + GOLDEN) % 1;
    element.style.setProperty("--along", `${15 + 70 * this.#along}%`);
    this.#stage.append(element);
    this.#shown.push(element);
    if (this.#shown.length > MAX_SHOWN) this.#shown.shift().remove();
    setTimeout(() => this.#remove(element), SHOWN_MS);
  }

  clear() {
    byId("reactions-dialog").close();
    for (const element of this.#shown.splice(0)) element.remove();
  }

  #remove(element) {
    element.remove();
    this.#shown = this.#shown.filter((one) => one !== element);
  }
}
