/** What can be done about one person: everybody may write to them, the rest is for moderators. */

const byId = (id) => document.getElementById(id);

export class PersonDialog {
  #dialog = byId("person-dialog");
  #id = null;
  #person = null;
  #room = null;
  #actions;

  /**
   * `actions`: {write(id), pin(id), mute(id, {audio} or {video}), lowerHand(id), setRole(id, role), moveTo(id, group),
   * showView(id, view), kick(id, banS)}
   */
  constructor(actions) {
    this.#actions = actions;
    this.#on("person-write", () => actions.write(this.#id), { closes: true });
    this.#on("person-pin", () => actions.pin(this.#id));
    this.#on("person-voice", () => actions.mute(this.#id, { audio: !this.#person.server_muted_audio }));
    this.#on("person-picture", () => actions.mute(this.#id, { video: !this.#person.server_muted_video }));
    this.#on("person-hand", () => actions.lowerHand(this.#id));
    this.#on("person-role", () => actions.setRole(this.#id, this.#isModerator ? "participant" : "moderator"));
    this.#on("person-move", () => this.#move());
    this.#on("person-kick", () => actions.kick(this.#id, Number(byId("person-ban").value)), { closes: true });
    this.#dialog.addEventListener("close", () => (this.#id = null));
    byId("person-view").addEventListener("change", ({ target }) => actions.showView(this.#id, target.value));
    byId("person-group").addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault(); // Enter would press the dialog's first button
      this.#move();
    });
  }

  open(id, room) {
    this.#id = id;
    this.show(room);
    byId("person-ban").value = "0";
    byId("person-group").value = this.#person?.group ?? "";
    if (this.#person && !this.#dialog.open) this.#dialog.showModal();
  }

  /** Takes over what has become of the person; who went needs no dialog. */
  show(room) {
    if (this.#id === null) return;
    const person = room.participants.get(this.#id);
    if (!person) {
      this.close();
      return;
    }
    this.#person = person;
    this.#room = room;
    const mine = person.id === room.me;
    byId("person-name").textContent = person.name;
    byId("person-write").hidden = mine;
    byId("person-moderation").hidden = !room.isModerator;
    if (room.isModerator) this.#showModeration(mine);
  }

  close() {
    this.#dialog.close();
  }

  get #isModerator() {
    return this.#person.role !== "participant";
  }

  #showModeration(mine) {
    const [person, room] = [this.#person, this.#room];
    name(byId("person-pin"), room.layout.pinned === person.id ? "Take off the stage" : "Put on the stage");
    name(byId("person-voice"), person.server_muted_audio ? "Let them speak" : "Mute the voice");
    name(byId("person-picture"), person.server_muted_video ? "Let them be seen" : "Hide the picture");
    name(byId("person-role"), this.#isModerator ? "No moderator any more" : "Make a moderator");
    byId("person-hand").hidden = !person.hand;
    byId("person-role").hidden = mine || (person.role === "admin" && room.myself.role !== "admin");
    byId("person-removal").hidden = mine;
    byId("person-ban-box").hidden = !person.identified; // nothing would keep others out
    byId("person-view-box").hidden = room.views.length < 2;
    const views = byId("person-view");
    if (views.options.length !== room.views.length || room.views.some((view, n) => view.name !== views.options[n].value)) {
      views.replaceChildren(...room.views.map((view) => new Option(view.name, view.name)));
    }
    views.value = person.view ?? "main";
  }

  #move() {
    const field = byId("person-group");
    if (field.reportValidity()) this.#actions.moveTo(this.#id, field.value.trim());
  }

  #on(id, act, { closes = false } = {}) {
    byId(id).addEventListener("click", () => {
      if (closes) this.#dialog.close(); // gives the focus back, which the act may want elsewhere
      act();
    });
  }
}

function name(button, text) {
  if (button.textContent !== text) button.textContent = text;
}
