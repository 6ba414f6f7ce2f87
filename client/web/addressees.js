/** Whom a message is for: everybody, or some people who are named and can be taken off again. */

import { icon } from "./icons.js";

const EVERYBODY = "";
const ADD = "+"; // what the select says while some are chosen; no participant has such an id

const byId = (id) => document.getElementById(id);

export class Addressees {
  #select = byId("chat-to");
  #list = byId("chat-addressees");
  #chosen = new Map(); // id to name
  #onChange;
  #shown = "";

  /** `onChange()` is called whenever somebody was added or taken off. */
  constructor(onChange) {
    this.#onChange = onChange;
    this.#select.addEventListener("change", () => {
      const { value, selectedOptions } = this.#select;
      if (value !== EVERYBODY) this.#chosen.set(value, selectedOptions[0].textContent);
      else this.#chosen.clear();
      this.#update();
    });
  }

  /** The ids; null: everybody. */
  get chosen() {
    return this.#chosen.size ? [...this.#chosen.keys()] : null;
  }

  get names() {
    return [...this.#chosen.values()];
  }

  choose(ids) {
    const names = new Map([...this.#select.options].map(({ value, textContent }) => [value, textContent]));
    this.#chosen = new Map(ids.map((id) => [id, names.get(id) ?? this.#chosen.get(id) ?? "somebody"]));
    this.#update();
  }

  /** Who went stays named: a message meant for them alone must not go to everybody instead. */
  show(room) {
    const people = [...room.participants.values()]
      .filter(({ id }) => id !== room.me)
      .map(({ id, name }) => ({ id, name }))
      .sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
    const shown = JSON.stringify(people);
    if (shown === this.#shown) return;
    this.#shown = shown;
    const rest = [option(ADD, "Add somebody…"), option(EVERYBODY, "Everybody")];
    this.#select.replaceChildren(...rest, ...people.map(({ id, name }) => option(id, name)));
    for (const { id, name } of people) if (this.#chosen.has(id)) this.#chosen.set(id, name);
    this.#update();
  }

  clear() {
    this.#shown = "";
    this.#chosen.clear();
    this.#update();
  }

  #update() {
    for (const one of this.#select.options) one.disabled = one.value === ADD || this.#chosen.has(one.value);
    this.#select.value = this.#chosen.size ? ADD : EVERYBODY;
    this.#list.replaceChildren(...[...this.#chosen].map(([id, name]) => this.#chip(id, name)));
    this.#list.hidden = this.#chosen.size === 0;
    this.#onChange();
  }

  #chip(id, name) {
    const chip = document.createElement("li");
    const text = document.createElement("span");
    text.textContent = name;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet small";
    button.setAttribute("aria-label", `Don't send it to ${name}`);
    button.append(icon("close"));
    button.addEventListener("click", () => {
      this.#chosen.delete(id);
      this.#update();
      this.#select.focus();
    });
    chip.append(text, button);
    return chip;
  }
}

function option(value, text) {
  const element = document.createElement("option");
  element.value = value;
  element.textContent = text;
  return element;
}
