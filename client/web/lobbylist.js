/** Who waits before the door, and the door itself: for those who may decide. Names come from strangers. */

import { paint } from "./avatar.js";

const byId = (id) => document.getElementById(id);

export class LobbyList {
  #box = byId("lobby-list");
  #list = byId("lobby-waiting");
  #rows = new Map();
  #actions;

  /** `actions`: {admit(id, admit), lock(locked), useLobby(lobby)}; the id null means all who wait. */
  constructor(actions) {
    this.#actions = actions;
    byId("admit-all").addEventListener("click", () => actions.admit(null, true));
    byId("lock").addEventListener("click", () => actions.lock(byId("lock").getAttribute("aria-pressed") !== "true"));
    byId("use-lobby").addEventListener("click", () => actions.useLobby(byId("use-lobby").getAttribute("aria-pressed") !== "true"));
  }

  show(room) {
    const { waiting } = room;
    const hadFocus = this.#list.contains(document.activeElement);
    for (const [id, row] of this.#rows) {
      if (waiting.some((one) => one.id === id)) continue;
      row.remove();
      this.#rows.delete(id);
    }
    for (const one of waiting) if (!this.#rows.has(one.id)) this.#add(one);
    this.#box.hidden = waiting.length === 0;
    byId("admit-all").hidden = waiting.length < 2;
    byId("waiting-count").hidden = waiting.length === 0;
    set(byId("waiting-count"), `${waiting.length} waiting`);
    if (hadFocus && !this.#list.contains(document.activeElement)) (this.#list.querySelector("button") ?? byId("people-tab")).focus();
    this.#showDoor(room);
  }

  #showDoor({ isModerator, locked, lobby }) {
    byId("door").hidden = !isModerator;
    byId("locked").hidden = !locked;
    press(byId("lock"), locked, locked ? "Unlock the room" : "Lock the room");
    press(byId("use-lobby"), lobby, lobby ? "Let everybody in" : "Ask before letting in");
  }

  #add({ id, name }) {
    const row = document.createElement("li");
    row.dataset.waiting = id;
    const avatar = document.createElement("span");
    avatar.className = "avatar";
    avatar.setAttribute("aria-hidden", "true");
    paint(avatar, name);
    const text = document.createElement("span");
    text.className = "name";
    text.textContent = name;
    text.title = name;
    row.append(avatar, text, this.#button("Deny", name, id, false), this.#button("Admit", name, id, true));
    this.#rows.set(id, row);
    this.#list.append(row);
  }

  #button(word, name, id, admit) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = admit ? "primary" : "quiet";
    button.textContent = word;
    button.setAttribute("aria-label", `${word} ${name}`);
    button.addEventListener("click", () => this.#actions.admit(id, admit));
    return button;
  }
}

function press(button, pressed, text) {
  button.setAttribute("aria-pressed", String(pressed));
  set(button.querySelector("span"), text);
}

function set(element, text) {
  if (element.textContent !== text) element.textContent = text; // or a screen reader would read it again
}
