/** The two selects that choose a camera and a microphone, on the lobby and in the settings. */

export class Devices {
  #media;
  #selects;

  constructor(media, cameras, microphones) {
    this.#media = media;
    this.#selects = { video: cameras, audio: microphones };
    for (const kind of ["video", "audio"]) {
      this.#selects[kind].addEventListener("change", ({ target }) => media.choose(kind, target.value));
    }
    media.addEventListener("change", () => this.refresh());
  }

  async refresh() {
    for (const [kind, select] of Object.entries(this.#selects)) {
      const devices = await this.#media.devices(kind);
      select.replaceChildren(...devices.map((d) => new Option(d.label, d.id, false, d.chosen)));
      select.disabled = devices.length === 0;
      if (!devices.length) select.append(new Option(kind === "video" ? "No camera" : "No microphone", ""));
    }
  }
}
