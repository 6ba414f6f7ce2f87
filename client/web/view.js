/** The composite: one <video> with everybody in it, and what stands over it while there is nothing to see or hear. */

const WAITING = { joining: "Joining…", reconnecting: "Reconnecting… you don't need to do anything." };

export class View {
  #stage = document.getElementById("stage");
  #video = document.getElementById("composite");
  #note = document.getElementById("stage-note");
  #text = document.getElementById("stage-text");
  #hear = document.getElementById("unmute-page");
  #seen = false;
  #forwarded = false;
  #state = "joining";
  #flows = false;

  constructor() {
    this.#video.addEventListener("playing", () => {
      this.#seen = true;
      this.#update();
    });
    this.#video.addEventListener("resize", () => this.#takeShape());
    this.#hear.addEventListener("click", () => this.#unmute());
    const fullscreen = document.getElementById("fullscreen");
    fullscreen.hidden = !document.fullscreenEnabled;
    fullscreen.addEventListener("click", () => this.#toggleFullscreen());
    this.#video.addEventListener("dblclick", () => this.#toggleFullscreen());
  }

  show(stream) {
    this.#seen = false;
    this.#video.muted = false;
    this.#video.srcObject = stream;
    this.#play();
    this.#update();
  }

  /** Where everybody has a tile of their own (persontiles.js), there is no picture of all. */
  setForwarded(forwarded) {
    this.#video.hidden = forwarded;
    this.#forwarded = forwarded;
    this.#update();
  }

  /** The browser wants a click before sound; `then` is called after it. */
  askToHear(then) {
    this.#hear.hidden = false;
    this.#hear.addEventListener("click", then, { once: true });
  }

  clear() {
    this.setForwarded(false);
    this.#video.srcObject = null;
    this.#hear.hidden = true;
    this.#seen = false;
    if (document.fullscreenElement) document.exitFullscreen();
  }

  /** `state` is the call's; `flows`: the picture still comes, whatever the socket does. */
  setState(state, flows) {
    this.#state = state;
    this.#flows = flows;
    this.#update();
  }

  /** Says in words what the picture shows, for those who can't see it. */
  describe(tiles) {
    const names = tiles.map((tile) => (tile.source === "screen" ? `the screen of ${tile.name}` : tile.name));
    this.#video.setAttribute("aria-label", names.length ? `On screen: ${names.join(", ")}` : "Nobody is on screen yet");
  }

  async #play() {
    try {
      await this.#video.play();
    } catch (error) {
      if (error.name !== "NotAllowedError") return; // a newer stream interrupted this one
      // The browser wants a click before sound. Show the picture meanwhile.
      this.#video.muted = true;
      this.#hear.hidden = false;
      await this.#video.play().catch(() => {});
    }
  }

  /** The page follows the picture's shape: another view may be upright, and a view may change its size. */
  #takeShape() {
    const { videoWidth, videoHeight } = this.#video;
    if (!videoWidth || !videoHeight) return;
    this.#stage.style.setProperty("--picture-ratio", `${videoWidth} / ${videoHeight}`);
  }

  #unmute() {
    this.#video.muted = false;
    this.#hear.hidden = true;
    this.#play();
  }

  #toggleFullscreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else if (document.fullscreenEnabled) this.#stage.requestFullscreen();
  }

  #update() {
    this.#note.hidden = this.#flows && (this.#seen || this.#forwarded);
    this.#text.textContent = WAITING[this.#state] ?? "Waiting for the picture…";
  }
}
