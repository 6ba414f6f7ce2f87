/** What this page says in the room. Each request resolves with whether it worked; a failure is told to the user. */

export class Talk {
  #ask;
  #conversation;

  /** `ask(type, data)` resolves with the reply's data, or null. */
  constructor(ask, conversation) {
    this.#ask = ask;
    this.#conversation = conversation;
  }

  /** `to`: the ids of those it is for alone; null: everybody. */
  async say(text, to) {
    const reply = await this.#ask("chat", { text, ...(to && { to }) });
    if (reply) this.#conversation.said(reply, text, to);
    return reply !== null;
  }

  async edit(id, text) {
    const reply = await this.#ask("chat_edit", { message_id: id, text });
    if (reply) this.#conversation.edited(reply.message);
    return reply !== null;
  }

  async react(reaction) {
    return (await this.#ask("reaction", { reaction })) !== null;
  }

  /** For what comes next, whatever it is; everybody sees it. */
  async setReady(ready) {
    return (await this.#ask("ready", { ready })) !== null;
  }

  async delete(id) {
    const reply = await this.#ask("chat_delete", { message_id: id });
    if (reply) this.#conversation.deleted(id);
    return reply !== null;
  }
}
