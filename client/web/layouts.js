/** The layout of the view this page watches: read, chosen, undone, and what is on its schedule. Who changes a layout has
 * to send the whole of it.
 */

const GONE = "That change was made or cancelled already.";
const NOTHING_TO_UNDO = "There is no change of the layout left to undo.";

export class Layouts {
  #room;
  #rest;
  #ask;
  #tell;
  #problem;
  #asked = new Set();
  #learning = null;

  /** `rest` asks over HTTP; `ask(type, data)` sends a request, null if it failed; `tell(message)` and `problem(error)` reach the user. */
  constructor(room, { rest, ask, tell, problem }) {
    this.#room = room;
    this.#rest = rest;
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
    await this.#delete(409, NOTHING_TO_UNDO, []);
  }

  /** Takes a change off the schedule. That it is gone is heard from the room, as everybody else does. */
  async cancel(id) {
    await this.#delete(404, GONE, ["scheduled", id]);
  }

  /** Of the watched view's layout; an answer of that `status` is no problem, but `words` to tell. */
  async #delete(status, words, part) {
    try {
      await this.#rest.delete([...layoutOf(this.#room.view), ...part]);
    } catch (error) {
      if (error.status === status) this.#tell(words);
      else this.#problem(error);
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
      const layout = await this.#rest.get(layoutOf(view));
      if (!this.#room.knows(view)) this.#room.takeLayout(layout, view);
    } catch {
      // The next layout_changed says it as well.
    }
  }

  async #readSchedule(view) {
    try {
      const { scheduled } = await this.#rest.get([...layoutOf(view), "scheduled"]);
      this.#room.takeScheduled(scheduled, view);
    } catch {
      // What is scheduled from now on is heard of.
    }
  }
}

function layoutOf(view) {
  return ["views", view, "layout"];
}
