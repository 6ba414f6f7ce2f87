/**
 * What was said in the room, as far as this page may know it. No DOM, no network.
 *
 * A message is the wire's, with `toNames` beside `to`. Fires `change` after everything that changed something, and
 * `heard` {message} when somebody else has said something just now.
 */

const MAX_MESSAGES = 500;

export class Conversation extends EventTarget {
  unread = 0;
  #messages = new Map();
  #room;
  #read = false;

  /** `room` knows the names of those a message is for. */
  constructor(room) {
    super();
    this.#room = room;
  }

  /** All messages, the oldest first. */
  get messages() {
    return [...this.#messages.values()].sort((a, b) => Date.parse(a.sent_at) - Date.parse(b.sent_at));
  }

  message(id) {
    return this.#messages.get(id) ?? null;
  }

  /** Takes one event over; false when it is none of the chat's. */
  apply({ type, data }) {
    const take = {
      chat: () => this.#posted(data.message),
      chat_edited: () => this.edited(data.message),
      chat_deleted: () => this.deleted(data.message_id),
      chat_history: () => this.#history(data.messages),
    }[type];
    take?.();
    return take !== undefined;
  }

  /** The server took what this page said; `reply` is its answer. */
  said({ message_id: id, sent_at }, text, to) {
    const { me, myself } = this.#room;
    this.#keep({ id, sender: me, name: myself?.name ?? "", text, to, sent_at, edited_at: null });
    this.#changed();
  }

  edited(message) {
    if (!this.#messages.has(message.id)) return;
    this.#keep(message);
    this.#changed();
  }

  deleted(id) {
    if (this.#messages.delete(id)) this.#changed();
  }

  /** `reading`: what comes is seen at once, so nothing is unread. */
  setReading(reading) {
    this.#read = reading;
    if (!reading || this.unread === 0) return;
    this.unread = 0;
    this.#changed();
  }

  #posted(message) {
    this.#keep(message);
    if (!this.#read) this.unread += 1;
    this.#changed();
    this.dispatchEvent(new CustomEvent("heard", { detail: { message } }));
  }

  /** The room remembers what was said to all. What was said in private only those remember whom it was said to. */
  #history(messages) {
    const known = new Set(this.#messages.keys());
    for (const [id, { to, channel }] of this.#messages) if (!to && channel !== "group") this.#messages.delete(id);
    for (const message of messages) {
      this.#keep(message);
      if (!known.has(message.id) && message.sender !== this.#room.me && !this.#read) this.unread += 1;
    }
    this.#changed();
  }

  #keep(message) {
    const names = this.#messages.get(message.id)?.toNames ?? message.to?.map((id) => this.#nameOf(id));
    this.#messages.set(message.id, { ...message, toNames: names ?? null });
    while (this.#messages.size > MAX_MESSAGES) this.#messages.delete(this.#messages.keys().next().value);
  }

  #nameOf(id) {
    return id === this.#room.me ? "you" : this.#room.participants.get(id)?.name ?? "somebody who left";
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
