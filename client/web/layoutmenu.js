/** The menu that arranges everybody's picture: the presets, what else may be in force, and Undo. */

import { Popup } from "./popup.js";
import { Scheduled } from "./scheduled.js";

const PLUGIN = "plugin:";
const byId = (id) => document.getElementById(id);

export class LayoutMenu {
  #choices = byId("layout-choices");
  #other = byId("layout-other");
  #popup;
  #scheduled;

  /** `actions`: {layout(preset), undo(), cancel(id)} */
  constructor(actions) {
    this.#scheduled = new Scheduled(actions.cancel);
    this.#popup = new Popup(byId("layout"), byId("layout-menu"), () => this.#focusChosen());
    this.#choices.addEventListener("keydown", (event) => this.#move(event));
    this.#choices.addEventListener("click", ({ target }) => {
      const button = target.closest("button");
      if (!button) return;
      this.#popup.close();
      if (button.dataset.preset) actions.layout(button.dataset.preset);
    });
    byId("layout-undo").addEventListener("click", () => {
      this.#popup.close();
      actions.undo();
    });
  }

  /** Marks what is in force in the view this page watches. */
  show(room) {
    this.#scheduled.show(room);
    const { preset, variants } = room.layout;
    const plugin = !variants && preset.startsWith(PLUGIN) ? preset.slice(PLUGIN.length) : null;
    const chosen = variants ? "custom" : plugin === null ? preset : "plugin";
    byId("layout-icon").setAttribute("href", `#icon-${chosen}`);
    byId("layout-other-icon").setAttribute("href", `#icon-${chosen}`);
    byId("layout-other-name").textContent = plugin === null ? "Custom" : `Plug-in: ${plugin}`;
    byId("layout-other-note").textContent = plugin === null ? "places of its own" : "arranged by the server's plug-in";
    this.#other.hidden = !variants && plugin === null;
    for (const button of this.#choices.children) {
      const current = button === this.#other ? !button.hidden : button.dataset.preset === chosen;
      button.setAttribute("aria-checked", String(current));
    }
    this.#choices.setAttribute("aria-label", room.views.length > 1 ? `Layout of the view ${room.view}` : "Layout for everybody");
  }

  get #visible() {
    return [...this.#choices.children].filter((button) => !button.hidden);
  }

  #focusChosen() {
    const buttons = this.#visible;
    (buttons.find((button) => button.getAttribute("aria-checked") === "true") ?? buttons[0]).focus();
  }

  #move(event) {
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const buttons = this.#visible;
    buttons.at((buttons.indexOf(document.activeElement) + step) % buttons.length).focus();
  }
}
