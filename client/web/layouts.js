/** The layout of the view this page watches: read, chosen, undone, and what is on its schedule. Who changes a layout has
 * to send the whole of it.
 */

const GONE = "That change was made or cancelled already.";
const NOTHING_TO_UNDO = "There is no change of the layout left to undo.";

export class Layouts {
  #room;
  #token;
  #ask;
  #tell;
  #problem;
  #asked = new Set();
  #learning = null;

  /** `ask(type, data)` sends a request, null if it failed; `tell(message)` and `problem(error)` reach the user. */
  constructor(room, { token, ask, tell, problem }) {
    this.#room = room;
    this.#token = token;
    this.#ask = ask;
    this.#tell = tell;
    this.#problem = problem;
  }

  /** Reads the watched view's layout and schedule, once: neither a join nor a change of the view tells them. */
  learn() {
    const { view, views } = this.#room;
    for (const one of this.#asked) if (!views.some(({ name }) => name === one) && one !== view) this.#asked.delete(one);
    if (this.#asked.has(view)) return;
    this.#asked.add(view);
    this.#learning = this.#read(view);
    this.#readSchedule(view);
  }

  /** After a new join everything may be different. */
  forget() {
    this.#asked.clear();
  }

  /** Arranges everybody's picture. While a screen is shared, the choice holds for the time of sharing as well. */
  choose(preset) {
    return this.#set(({ variants }) => ({
      ...(this.#room.isSharing && { on_screen_share: preset }),
      ...(variants && { variants: null }), // a custom layout would go on over the preset
      preset,
    }));
  }

  /** Puts a participant on the stage, or takes them off when they are on it already. */
  pin(id) {
    return this.#set(({ preset, variants, pinned }) => {
      if (pinned === id) return { pinned: null };
      return { ...(preset === "grid" && !variants && { preset: "speaker" }), pinned: id };
    });
  }

  async undo() {
    try {
      const response = await this.#fetch(this.#room.view, { method: "DELETE" });
      if (response.status === 409) this.#tell(NOTHING_TO_UNDO);
      else if (!response.ok) {
        const { code, detail } = await response.json();
        this.#problem({ code, message: detail ?? "The change could not be undone." });
      }
    } catch {
      this.#problem({ message: "The server could not be reached. The layout is as it was." });
    }
  }

  /** Takes a change off the schedule. That it is gone is heard from the room, as everybody else does. */
  async cancel(id) {
    try {
      const response = await this.#fetch(this.#room.view, { method: "DELETE" }, `/scheduled/${encodeURIComponent(id)}`);
      if (response.status === 404) this.#tell(GONE);
      else if (!response.ok) {
        const { code, detail } = await response.json();
        this.#problem({ code, message: detail ?? "The change could not be cancelled." });
      }
    } catch {
      this.#problem({ message: "The server could not be reached. The change is still to come." });
    }
  }

  async #set(changesOf) {
    await this.#learning;
    const { view, layout } = this.#room;
    await this.#ask("layout", { view, layout: { ...layout, ...changesOf(layout) } });
  }

  async #read(view) {
    if (this.#room.knows(view)) return;
    try {
      const response = await this.#fetch(view);
      if (response.ok && !this.#room.knows(view)) this.#room.takeLayout(await response.json(), view);
    } catch {
      // The next layout_changed says it as well.
    }
  }

  async #readSchedule(view) {
    try {
      const response = await this.#fetch(view, {}, "/scheduled");
      if (response.ok) this.#room.takeScheduled((await response.json()).scheduled, view);
    } catch {
      // What is scheduled from now on is heard of.
    }
  }

  #fetch(view, options = {}, part = "") {
    const headers = this.#token ? { Authorization: `Bearer ${this.#token}` } : {};
    const [room, name] = [this.#room.name, view].map(encodeURIComponent);
    return fetch(`./api/v1/rooms/${room}/views/${name}/layout${part}`, { ...options, headers });
  }
}
