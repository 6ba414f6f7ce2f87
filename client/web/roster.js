/** The list of people: who is here, who speaks, who is muted. Names come from strangers and are only ever text. */

import { paint } from "./avatar.js";
import { icon } from "./icons.js";

const ROLES = { moderator: "moderator", admin: "moderator" };
const PRESENCE = { joining: "joining…", reconnecting: "reconnecting…" };

export class Roster {
  #list = document.getElementById("roster");
  #rows = new Map();
  #actions;

  /** `actions`: {pin(id), mute(id, audio), lowerHand(id), more(id), clearReady()} */
  constructor(actions) {
    this.#actions = actions;
    document.getElementById("ready-clear").addEventListener("click", () => actions.clearReady());
  }

  show(room) {
    const people = [...room.participants.values()].sort(
      (a, b) => (b.id === room.me) - (a.id === room.me) || a.name.localeCompare(b.name, undefined, { numeric: true }),
    );
    for (const [id, row] of this.#rows) {
      if (room.participants.has(id)) continue;
      row.element.remove();
      this.#rows.delete(id);
    }
    people.forEach((person, index) => {
      const row = this.#rows.get(person.id) ?? this.#makeRow(person.id);
      this.#fill(row, person, room);
      if (this.#list.children[index] !== row.element) this.#list.insertBefore(row.element, this.#list.children[index] ?? null);
    });
    for (const id of ["people-count", "roster-count"]) document.getElementById(id).textContent = String(people.length);
    document.getElementById("people").setAttribute("aria-label", `People: ${people.length}`);
    this.#showReady(room);
  }

  #showReady({ ready, participants, isModerator }) {
    const text = document.getElementById("ready-text");
    const said = ready.size === 0 ? "" : `${ready.size} of ${participants.size} ready`;
    document.getElementById("ready-line").hidden = !said;
    document.getElementById("ready-clear").hidden = !isModerator;
    if (text.textContent !== said) text.textContent = said;
  }

  clear() {
    this.#rows.clear();
    this.#list.replaceChildren();
  }

  #makeRow(id) {
    const element = document.createElement("li");
    element.dataset.participant = id;
    const parts = {
      element,
      avatar: span("avatar"),
      name: span("name"),
      note: span("note"),
      speaks: span("visually-hidden"), // seen as a ring, so that names don't jump with every word
      hand: span("mark hand"),
      ready: span("mark ready"),
      muted: span("mark"),
      off: span("mark"),
      pin: this.#button("pin", () => this.#actions.pin(id)),
      mute: this.#button("microphone-off", () => this.#actions.mute(id, !parts.mute.muted)),
      lower: this.#button("hand", () => this.#actions.lowerHand(id)),
      more: this.#button("more", () => this.#actions.more(id)),
    };
    parts.avatar.setAttribute("aria-hidden", "true");
    mark(parts.hand, "hand", "hand raised");
    mark(parts.ready, "check", "ready");
    mark(parts.muted, "microphone-off", "muted");
    mark(parts.off, "camera-off", "camera off");
    const text = span("who");
    text.append(parts.name, parts.note, parts.speaks);
    const actions = span("actions");
    actions.append(parts.pin, parts.mute, parts.lower, parts.more);
    element.append(parts.avatar, text, actions, parts.ready, parts.hand, parts.off, parts.muted);
    this.#rows.set(id, parts);
    return parts;
  }

  #button(image, act) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet small";
    button.append(icon(image));
    button.addEventListener("click", act);
    return button;
  }

  #fill(row, person, room) {
    const media = person.media ?? {};
    const self = person.id === room.me;
    const silent = media.audio === false || person.server_muted_audio;
    const speaking = !silent && room.speaking.has(person.id);
    const notes = [self && "you", ROLES[person.role], person.group && `group ${person.group}`, PRESENCE[person.presence], media.screen && "sharing a screen"];
    if (row.name.textContent !== person.name) {
      row.name.textContent = person.name;
      row.name.title = person.name;
      paint(row.avatar, person.name);
    }
    row.note.textContent = notes.filter(Boolean).join(" · ");
    row.speaks.textContent = speaking ? "speaking" : "";
    row.muted.hidden = !silent;
    row.hand.hidden = !person.hand;
    row.ready.hidden = !room.ready.has(person.id);
    row.off.hidden = !(media.video === false || person.server_muted_video);
    row.element.classList.toggle("speaking", speaking);
    row.element.classList.toggle("away", person.presence === "reconnecting");
    const pinned = room.layout.pinned === person.id;
    row.element.classList.toggle("pinned", pinned);
    row.pin.setAttribute("aria-pressed", String(pinned));
    label(row.pin, pinned ? `Take ${person.name} off the stage` : `Put ${person.name} on the stage`);
    row.mute.muted = Boolean(person.server_muted_audio);
    row.pin.hidden = !room.isModerator;
    row.mute.hidden = !room.isModerator || self;
    row.more.hidden = !room.isModerator && self;
    label(row.mute, row.mute.muted ? `Let ${person.name} speak` : `Mute ${person.name} for everybody`);
    row.lower.hidden = row.mute.hidden || !person.hand;
    label(row.lower, `Lower the hand of ${person.name}`);
    label(row.more, `More for ${person.name}`);
  }
}

function span(className) {
  const element = document.createElement("span");
  element.className = className;
  return element;
}

function mark(element, image, text) {
  element.append(icon(image));
  element.setAttribute("role", "img");
  element.setAttribute("aria-label", text);
  element.title = text;
}

function label(button, text) {
  button.setAttribute("aria-label", text);
  button.title = text;
}
