/**
 * What this person sends: one microphone, one camera. Joining without either is fine.
 *
 * Muting a microphone keeps its track (enabled = false), so that unmuting is instant. Switching a camera off stops the
 * track, so that the camera's light goes out. Fires `change` after anything changed and `problem` {message} when a device fails.
 */

// As large as the largest tile may be; what is sent of it, the server says (uplink.js).
const CAMERA = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 25, max: 30 } };
const SCREEN = { width: { max: 1280 }, height: { max: 720 }, frameRate: { max: 15 } };

const PROBLEMS = {
  NotAllowedError: "The browser does not allow it. Click the icon beside the address to change that.",
  NotFoundError: "None was found. Plug one in and try again.",
  NotReadableError: "Another program is using it. Close that program and try again.",
  OverconstrainedError: "The chosen device is gone. Choose another one.",
  SecurityError: "The page has to be opened over https, or on localhost.",
};

/** A sentence for the user about a failed getUserMedia call. */
export function explain(error, device) {
  return `${device}: ${PROBLEMS[error.name] ?? "It could not be opened. Try another one."}`;
}

async function isBlocked(name) {
  try {
    return (await navigator.permissions.query({ name })).state === "denied";
  } catch {
    return false; // a browser that doesn't say (Firefox, older Safari)
  }
}

export class Media extends EventTarget {
  audio = null;
  video = null;
  microphoneOn = true;
  cameraOn = true;
  #chosen = { audio: "", video: "" };
  #cleanSound;

  /** `cleanSound` false switches echo cancellation, noise suppression and gain control off. */
  constructor({ cleanSound = true } = {}) {
    super();
    this.#cleanSound = cleanSound;
    navigator.mediaDevices?.addEventListener("devicechange", () => this.#changed());
  }

  get supported() {
    return Boolean(navigator.mediaDevices?.getUserMedia);
  }

  get canShare() {
    return Boolean(navigator.mediaDevices?.getDisplayMedia);
  }

  get cleanSound() {
    return this.#cleanSound;
  }

  /** What the others are told: is there sound, is there a picture? */
  get state() {
    return { audio: this.microphoneOn && this.audio !== null, video: this.cameraOn && this.video !== null };
  }

  /** Asks for camera and microphone with one prompt; takes whichever there is. Never rejects. */
  async open() {
    if (!this.supported) {
      this.microphoneOn = this.cameraOn = false;
      this.#problem(new DOMException("", "SecurityError"), "Camera and microphone");
      return;
    }
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: this.#audioWish(), video: this.#videoWish() });
      this.#take("audio", stream.getAudioTracks()[0]);
      this.#take("video", stream.getVideoTracks()[0]);
    } catch (error) {
      await this.#openOneByOne(error);
    }
    this.#changed();
  }

  /** Mutes or unmutes; opens a microphone when there is none yet. Returns whether it is on now. */
  async setMicrophone(on) {
    if (on && !this.audio) await this.#get("audio", "Microphone");
    this.microphoneOn = on && this.audio !== null;
    if (this.audio) this.audio.enabled = this.microphoneOn;
    this.#changed();
    return this.microphoneOn;
  }

  /** Switches the camera. Returns whether it is on now. */
  async setCamera(on) {
    if (on && !this.video) await this.#get("video", "Camera");
    if (!on) this.#release("video");
    this.cameraOn = on && this.video !== null;
    this.#changed();
    return this.cameraOn;
  }

  /** Uses another device from now on. `kind` is "audio" or "video". */
  async choose(kind, deviceId) {
    this.#chosen[kind] = deviceId;
    if (kind === "audio") await this.#reopenMicrophone();
    else if (this.cameraOn) {
      this.#release("video");
      await this.setCamera(true);
    }
  }

  async setCleanSound(on) {
    this.#cleanSound = on;
    await this.#reopenMicrophone();
  }

  /** The devices of one kind, "audio" or "video": [{id, label, chosen}]. */
  async devices(kind) {
    if (!this.supported) return [];
    const used = this[kind]?.getSettings().deviceId || this.#chosen[kind];
    const all = (await navigator.mediaDevices.enumerateDevices()).filter((d) => d.kind === `${kind}input` && d.deviceId);
    return all.map((d, i) => ({
      id: d.deviceId,
      label: d.label || `${kind === "audio" ? "Microphone" : "Camera"} ${i + 1}`,
      chosen: d.deviceId === used,
    }));
  }

  /** Asks which window or screen to share; resolves with its video track, or null when the user thought better of it. */
  async chooseScreen() {
    try {
      const stream = await navigator.mediaDevices.getDisplayMedia({ video: SCREEN, audio: false });
      const [track] = stream.getVideoTracks();
      track.contentHint = "detail";
      return track;
    } catch (error) {
      if (error.name !== "NotAllowedError") this.#problem(error, "Screen");
      return null;
    }
  }

  close() {
    this.#release("audio");
    this.#release("video");
  }

  #audioWish() {
    const clean = this.#cleanSound;
    return { ...this.#device("audio"), echoCancellation: clean, noiseSuppression: clean, autoGainControl: clean };
  }

  #videoWish() {
    return { ...this.#device("video"), ...CAMERA };
  }

  #device(kind) {
    return this.#chosen[kind] ? { deviceId: { exact: this.#chosen[kind] } } : {};
  }

  async #get(kind, device) {
    try {
      if (!this.supported) throw new DOMException("", "SecurityError");
      const wish = kind === "audio" ? { audio: this.#audioWish() } : { video: this.#videoWish() };
      const stream = await navigator.mediaDevices.getUserMedia(wish);
      this.#take(kind, stream.getTracks()[0]);
    } catch (error) {
      this.#problem(error, device);
    }
  }

  #take(kind, track) {
    this.#release(kind);
    if (kind === "audio") track.enabled = this.microphoneOn;
    if (kind === "video") track.contentHint = "motion";
    this[kind] = track;
    track.onended = () => {
      if (this[kind] !== track) return;
      this[kind] = null;
      if (kind === "audio") this.microphoneOn = false;
      else this.cameraOn = false;
      this.#problem(new DOMException("", "OverconstrainedError"), kind === "audio" ? "Microphone" : "Camera");
      this.#changed();
    };
  }

  #release(kind) {
    const track = this[kind];
    if (!track) return;
    track.onended = null;
    track.stop();
    this[kind] = null;
  }

  async #reopenMicrophone() {
    if (!this.audio) return;
    const on = this.microphoneOn;
    this.#release("audio");
    await this.setMicrophone(true);
    if (!on) await this.setMicrophone(false);
  }

  /** After a failed prompt for both. Whatever the user has just refused is not asked for a second time. */
  async #openOneByOne(error) {
    const refused = error.name === "NotAllowedError";
    const blocked = await Promise.all([isBlocked("microphone"), isBlocked("camera")]);
    if (refused && blocked[0] === blocked[1]) {
      this.microphoneOn = this.cameraOn = false;
      this.#problem(error, "Camera and microphone");
      return;
    }
    await this.setMicrophone(!blocked[0]);
    await this.setCamera(!blocked[1]);
    if (refused) this.#problem(error, blocked[0] ? "Microphone" : "Camera");
  }

  #problem(error, device) {
    this.dispatchEvent(new CustomEvent("problem", { detail: { message: explain(error, device) } }));
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
