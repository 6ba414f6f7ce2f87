/** What is to become of the layout, and when; whoever moderates can cancel it. */

import { icon } from "./icons.js";

const PLUGIN = "plugin:";
const byId = (id) => document.getElementById(id);

export class Scheduled {
  #section = byId("layout-scheduled");
  #list = byId("layout-scheduled-list");
  #shown = "";
  #cancel;

  /** `cancel(id)` takes a change off the schedule. */
  constructor(cancel) {
    this.#cancel = cancel;
  }

  show({ scheduled, isModerator }) {
    const shown = JSON.stringify([scheduled, isModerator]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#section.hidden = scheduled.length === 0;
    const hadFocus = this.#list.contains(document.activeElement);
    this.#list.replaceChildren(...scheduled.map((change) => this.#row(change, isModerator)));
    if (hadFocus) (this.#list.querySelector("button") ?? byId("layout-undo")).focus();
  }

  #row(change, isModerator) {
    const [name, time] = [nameOf(change.layout ?? change.patch ?? {}), timeOf(change.at)];
    const row = document.createElement("li");
    row.dataset.change = change.id;
    const text = document.createElement("span");
    const small = document.createElement("small");
    small.textContent = time;
    text.append(name, small);
    row.append(icon("clock"), text);
    if (isModerator) row.append(this.#button(change.id, `Cancel: ${name}, ${time}`));
    return row;
  }

  #button(id, text) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet small";
    button.title = text;
    button.setAttribute("aria-label", text);
    button.append(icon("close"));
    button.addEventListener("click", () => this.#cancel(id));
    return button;
  }
}

/** In the words of the menu; a patch may be about something else than people's places. */
function nameOf(wanted) {
  if (wanted.variants) return "Custom";
  const { preset } = wanted;
  if (preset === undefined) return `Another ${Object.keys(wanted).join(", ")}`;
  if (preset.startsWith(PLUGIN)) return `Plug-in: ${preset.slice(PLUGIN.length)}`;
  return byId("layout-choices").querySelector(`[data-preset="${CSS.escape(preset)}"] > span`)?.firstChild.textContent ?? preset;
}

function timeOf(at) {
  const when = new Date(at);
  const day = when.toDateString() === new Date().toDateString() ? {} : { dateStyle: "medium" };
  return new Intl.DateTimeFormat(undefined, { ...day, timeStyle: "medium" }).format(when);
}
