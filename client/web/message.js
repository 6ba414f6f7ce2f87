/** One message of the chat as a list item. */

import { icon } from "./icons.js";

export class MessageRow {
  element = document.createElement("li");
  #name = span("name");
  #when = document.createElement("time");
  #edited = span("edited");
  #whom = span("whom");
  #text = document.createElement("p");
  #reply;
  #edit;
  #delete;
  #sender = null;

  /** `actions`: {edit(), delete(), reply(sender)} */
  constructor(actions) {
    this.#text.dir = "auto";
    this.#name.dir = "auto";
    this.#edited.textContent = "edited";
    this.#reply = button("reply", () => actions.reply(this.#sender));
    this.#edit = button("edit", actions.edit);
    this.#delete = button("delete", actions.delete);
    const head = document.createElement("div");
    head.className = "head";
    const buttons = span("buttons");
    buttons.append(this.#reply, this.#edit, this.#delete);
    head.append(this.#name, this.#when, this.#edited, buttons);
    this.element.append(head, this.#whom, this.#text);
  }

  show(message, room) {
    const mine = message.sender === room.me;
    const isPrivate = message.to !== null && message.to !== undefined;
    const name = mine ? "You" : message.name;
    this.#sender = message.sender;
    this.element.dataset.message = message.id;
    this.element.classList.toggle("mine", mine);
    this.element.classList.toggle("private", isPrivate);
    this.element.classList.toggle("server", message.sender === null);
    set(this.#name, name);
    set(this.#text, message.text);
    set(this.#when, timeOf(message.sent_at));
    this.#when.dateTime = message.sent_at;
    this.#edited.hidden = !message.edited_at;
    this.#whom.hidden = !isPrivate && message.channel !== "group";
    set(this.#whom, isPrivate ? `Private, ${mine ? "to" : "for"} ${message.toNames.join(", ")}` : "To the group");
    this.#edit.hidden = !mine && !(room.isModerator && !isPrivate && message.sender !== null);
    this.#delete.hidden = !mine && !(room.isModerator && !isPrivate);
    this.#reply.hidden = mine || !room.participants.has(message.sender);
    label(this.#edit, mine ? "Change your message" : `Change the message of ${name}`);
    label(this.#delete, mine ? "Delete your message" : `Delete the message of ${name}`);
    label(this.#reply, `Answer ${name} privately`);
  }
}

function timeOf(at) {
  return new Intl.DateTimeFormat(undefined, { timeStyle: "short" }).format(new Date(at));
}

function set(element, text) {
  if (element.textContent !== text) element.textContent = text; // or a screen reader would read it again
}

function span(className) {
  const element = document.createElement("span");
  element.className = className;
  return element;
}

function button(image, act) {
  const element = document.createElement("button");
  element.type = "button";
  element.className = "quiet small";
  element.append(icon(image));
  element.addEventListener("click", act);
  return element;
}

function label(element, text) {
  element.setAttribute("aria-label", text);
  element.title = text;
}
