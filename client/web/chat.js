/** The chat's panel: what was said, and the field to say something. Words come from strangers and are only ever text. */

import { Addressees } from "./addressees.js";
import { MessageRow } from "./message.js";

const NEAR_END_PX = 80;
const byId = (id) => document.getElementById(id);

export class Chat {
  #log = byId("chat-log");
  #form = byId("chat-form");
  #field = byId("chat-text");
  #editing = null;
  #rows = new Map();
  #actions;
  #addressees;
  #conversation = null;
  #people = "";

  /** `actions`: {say(text, to), edit(id, text), delete(id)}; each resolves with whether it worked. */
  constructor(actions) {
    this.#actions = actions;
    this.#addressees = new Addressees(() => this.#label());
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    this.#field.addEventListener("keydown", (event) => this.#key(event));
    this.#field.addEventListener("input", () => this.#grow());
    byId("chat-edit-cancel").addEventListener("click", () => this.#stopEditing());
  }

  show(conversation, room) {
    this.#conversation = conversation;
    this.#addressees.show(room);
    const atEnd = this.#isAtEnd;
    const messages = conversation.messages;
    const ids = new Set(messages.map((message) => message.id));
    for (const [id, row] of this.#rows) if (!ids.has(id)) this.#remove(id, row);
    messages.forEach((message, index) => {
      const row = this.#rows.get(message.id) ?? this.#add(message.id);
      row.show(message, room);
      if (this.#log.children[index] !== row.element) this.#log.insertBefore(row.element, this.#log.children[index] ?? null);
    });
    byId("chat-empty").hidden = messages.length > 0;
    if (this.#editing && !ids.has(this.#editing)) this.#stopEditing();
    if (atEnd) this.scrollToEnd();
  }

  /** As `show`, where something about people may matter to the messages: most news of a room don't. */
  showPeople(conversation, room) {
    const people = [...room.participants.values()].map(({ id, name }) => [id, name]);
    const shown = JSON.stringify([room.me, room.isModerator, people]);
    if (shown === this.#people) return;
    this.#people = shown;
    this.show(conversation, room);
  }

  clear() {
    this.#people = "";
    this.#rows.clear();
    this.#log.replaceChildren();
    this.#addressees.clear();
    this.#stopEditing();
  }

  /** From now on what is typed is for this person alone. */
  addressTo(id) {
    this.#stopEditing();
    this.#addressees.choose([id]);
    this.#field.focus();
  }

  focus() {
    this.#field.focus();
  }

  scrollToEnd() {
    this.#log.scrollTop = this.#log.scrollHeight;
  }

  get #isAtEnd() {
    return this.#log.scrollHeight - this.#log.scrollTop - this.#log.clientHeight < NEAR_END_PX;
  }

  #add(id) {
    const row = new MessageRow({
      edit: () => this.#edit(id),
      delete: () => this.#actions.delete(id),
      reply: (sender) => this.addressTo(sender),
    });
    this.#rows.set(id, row);
    return row;
  }

  #remove(id, row) {
    const hadFocus = row.element.contains(document.activeElement);
    row.element.remove();
    this.#rows.delete(id);
    if (hadFocus) this.#log.focus();
  }

  #key(event) {
    if (event.key === "Escape" && this.#editing) {
      event.preventDefault();
      this.#stopEditing();
    }
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.#form.requestSubmit();
  }

  /** What was typed stays until the server has it. */
  async #send() {
    const text = this.#field.value.trim();
    if (!text || this.#field.readOnly) return;
    this.#field.readOnly = true;
    const editing = this.#editing;
    const sent = editing ? await this.#actions.edit(editing, text) : await this.#actions.say(text, this.#addressees.chosen);
    this.#field.readOnly = false;
    if (!sent) return;
    if (editing) this.#stopEditing();
    this.#field.value = "";
    this.#grow();
    this.scrollToEnd();
  }

  #edit(id) {
    const message = this.#conversation.message(id);
    if (!message) return;
    this.#editing = id;
    byId("chat-editing").hidden = false;
    byId("chat-to-box").hidden = true;
    this.#field.value = message.text;
    this.#label();
    this.#grow();
    this.#field.focus();
  }

  #stopEditing() {
    if (this.#editing) this.#field.value = "";
    this.#editing = null;
    byId("chat-editing").hidden = true;
    byId("chat-to-box").hidden = false;
    this.#label();
    this.#grow();
  }

  #label() {
    const names = this.#addressees.names;
    const isPrivate = !this.#editing && names.length > 0;
    this.#form.classList.toggle("private", isPrivate);
    const text = this.#editing ? "The changed message" : isPrivate ? `Privately to ${names.join(", ")}` : "Message to everybody";
    this.#field.setAttribute("aria-label", text);
    this.#field.placeholder = text;
  }

  /** As high as what is typed, within what the style allows. */
  #grow() {
    this.#field.style.height = "auto";
    if (this.#field.value) this.#field.style.height = `${this.#field.scrollHeight + 2}px`;
  }
}
