/** Who may come in, for moderators: the room's password, and who is banned. Identities and reasons come from strangers. */

const byId = (id) => document.getElementById(id);

export class DoorDialog {
  #dialog = byId("door-dialog");
  #password = byId("door-password");
  #list = byId("door-bans");
  #actions;
  #heard = 0;
  #asked = 0;

  /** `actions`: {setPassword(password or null), bans(), liftBan(identity)}, as in moderation.js */
  constructor(actions) {
    this.#actions = actions;
    byId("door-more").addEventListener("click", () => this.#open());
    byId("door-password-set").addEventListener("click", () => this.#setPassword());
    byId("door-password-remove").addEventListener("click", () => this.#removePassword());
    this.#password.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault(); // Enter would press the dialog's own button
      this.#setPassword();
    });
    this.#dialog.addEventListener("close", () => (this.#password.value = ""));
  }

  /** Who moderates no more has no business here. */
  show({ isModerator, password, bansHeard }) {
    if (!isModerator) this.close();
    const isNews = bansHeard !== this.#heard;
    this.#heard = bansHeard;
    if (isNews && this.#dialog.open) this.#refresh();
    set(byId("door-password-state"), password ? "Whoever comes is asked for the password." : "The room has no password.");
    byId("door-password-remove").hidden = !password;
  }

  close() {
    this.#dialog.close();
  }

  async #open() {
    this.#list.replaceChildren();
    set(byId("door-bans-state"), "");
    this.#dialog.showModal();
    await this.#refresh();
  }

  async #setPassword() {
    this.#password.required = true;
    const given = this.#password.reportValidity();
    this.#password.required = false;
    if (given && (await this.#actions.setPassword(this.#password.value))) this.#password.value = "";
  }

  async #removePassword() {
    if (await this.#actions.setPassword(null)) this.#password.focus(); // the button is gone
  }

  /** Whoever is at a row stays there, if it does. */
  async #refresh() {
    const asked = (this.#asked += 1);
    const bans = await this.#actions.bans();
    if (!bans || asked !== this.#asked) return; // of two answers the one that was asked for last counts
    const at = document.activeElement.closest?.("#door-bans li")?.dataset.identity;
    this.#list.replaceChildren(...bans.map((ban) => this.#row(ban)));
    if (at !== undefined) this.#focus(at);
    set(byId("door-bans-state"), bans.length ? "" : "Nobody is banned.");
  }

  #row({ identity, until, reason }) {
    const row = document.createElement("li");
    row.dataset.identity = identity;
    const who = document.createElement("span");
    const name = document.createElement("strong");
    const note = document.createElement("small");
    const lift = document.createElement("button");
    who.dir = "auto";
    name.textContent = identity;
    note.textContent = [`until ${timeOf(until)}`, reason].filter(Boolean).join(" · ");
    lift.type = "button";
    lift.className = "quiet";
    lift.textContent = "Lift";
    lift.setAttribute("aria-label", `Let ${identity} come back`);
    lift.addEventListener("click", () => this.#lift(identity));
    who.append(name, note);
    row.append(who, lift);
    return row;
  }

  async #lift(identity) {
    if (!(await this.#actions.liftBan(identity))) return;
    await this.#refresh();
  }

  /** On a row's button, or on another where it is gone. */
  #focus(identity) {
    const row = [...this.#list.children].find((one) => one.dataset.identity === identity);
    ((row ?? this.#list).querySelector("button") ?? byId("door-done")).focus();
  }
}

function timeOf(at) {
  return new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" }).format(new Date(at));
}

function set(element, text) {
  if (element.textContent !== text) element.textContent = text; // or a screen reader would read it again
}
