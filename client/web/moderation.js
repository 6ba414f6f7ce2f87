/** What a moderator asks of the room and of those in it. What comes of it is heard from the room, as by everybody. */

export class Moderation {
  #ask;
  #rest;
  #problem;

  /** `ask(type, data)` resolves with the reply's data, or null; `problem(error)` tells the user. */
  constructor({ ask, rest, problem }) {
    this.#ask = ask;
    this.#rest = rest;
    this.#problem = problem;
  }

  /** `what` is {audio} or {video}: true silences or blinds somebody for all, false takes it back. */
  mute(participant, what) {
    return this.#ask("mute", { participant, ...what });
  }

  setRole(participant, role) {
    return this.#ask("role", { participant, role });
  }

  /** `banS`: for so many seconds they can't come back; 0: they may at once. */
  kick(participant, banS = 0) {
    return this.#ask("kick", { participant, ...(banS && { ban_s: banS }) });
  }

  lowerHand(participant) {
    return this.#patch(["participants", participant], { hand: false });
  }

  /** An empty group: out of every group. */
  moveTo(participant, group) {
    return this.#patch(["participants", participant], { group: group || null });
  }

  showView(participant, view) {
    return this.#patch(["participants", participant], { view });
  }

  lock(locked) {
    return this.#ask("lock", { locked });
  }

  /** Whoever comes from now on waits until a moderator lets them in. */
  useLobby(lobby) {
    return this.#patch([], { lobby });
  }

  /** `participant` null: all who wait. */
  admit(participant, admit) {
    return this.#ask("admit", { participant, admit });
  }

  /** Nobody is ready any more. */
  clearReady() {
    return this.#ask("ready", { clear: true });
  }

  /** Null takes it away. Resolves with whether it worked, as `liftBan` does. */
  setPassword(password) {
    return this.#patch([], { password });
  }

  /** Who may not come back, as [{identity, until, reason}]; null: the server doesn't say. */
  bans() {
    return this.#try(async () => (await this.#rest.get(["bans"])).bans);
  }

  async liftBan(identity) {
    return (await this.#try(() => this.#rest.delete(["bans", identity]))) !== null;
  }

  async #patch(path, changes) {
    return (await this.#try(() => this.#rest.patch(path, changes))) !== null;
  }

  async #try(act) {
    try {
      return await act();
    } catch (error) {
      this.#problem(error);
      return null;
    }
  }
}
