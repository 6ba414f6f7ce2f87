/**
 * One stay in a room, from Join to Leave: the signaling socket, the peer connections, and what they tell us.
 *
 * Events it fires (CustomEvent): state {state}: joining, live, reconnecting, left; stream {stream}; problem {message};
 * notice {message}: nothing is wrong; ended {message}: the server ended it, and joining again is up to the user.
 */

import { Connection } from "./connection.js";
import { Layouts } from "./layouts.js";
import { Rest } from "./rest.js";
import { Room } from "./room.js";
import { Signaling } from "./signaling.js";

// What is sent until the server says what it needs.
const FIRST_WISHES = {
  video: { width: 640, height: 360, fps: 30, kbps: 600 },
  screen: { width: 1280, height: 720, fps: 15, kbps: 1_500 },
};

// After so many attempts without success it is time to tell the user that something is in the way.
const PATIENCE = 3;

const WAITING = "Please wait: somebody inside has to let you in.";

const REFUSALS = {
  password_required: "This room has a password, which this page can't ask for. Join with an invitation.",
  lobby_full: "Too many people wait already. Try again in a few minutes.",
  unauthorised: "This room needs an invitation. Open the link you were sent, or ask for a new one.",
  forbidden: "This invitation does not allow that. Ask whoever invited you.",
  room_full: "The room is full. Try again when somebody has left.",
  no_such_room: "There is no such room. Check the name.",
  room_locked: "The room is locked. Ask somebody inside to open it.",
  no_capacity: "The server is full. Try again in a few minutes.",
  unknown_type: "This server is older than the page and can't do that.",
  too_many_requests: "That was too often. Wait a moment and try again.",
};

export class Call extends EventTarget {
  room = new Room();
  state = "joining";
  layouts;
  #signaling;
  #media;
  #rest;
  #main = null;
  #screen = null;
  #screenTrack = null;
  #iceServers = [];
  #wishes = { ...FIRST_WISHES };
  #told = "";
  #failures = 0;

  /** `url` of the socket; `join` is {room, name, token?}; `media` is the Media to send. */
  constructor(url, join, media) {
    super();
    this.#media = media;
    this.#rest = new Rest(this.room, join.token);
    this.layouts = new Layouts(this.room, {
      rest: this.#rest,
      ask: (type, data) => this.#ask(type, data),
      tell: (message) => this.#fire("notice", { message }),
      problem: (error) => this.#problem(error),
    });
    this.room.addEventListener("change", () => this.layouts.learn());
    this.#signaling = new Signaling(url, join);
    this.#signaling.addEventListener("joined", ({ detail }) => this.#joined(detail.reply, detail.again));
    this.#signaling.addEventListener("waiting", () => this.#fire("notice", { message: WAITING }));
    this.#signaling.addEventListener("down", ({ detail }) => this.#socketLost(detail.attempt));
    this.#signaling.addEventListener("refused", ({ detail }) => this.#end(REFUSALS[detail.code] ?? detail.message));
    this.#signaling.addEventListener("event", ({ detail }) => this.#heard(detail));
  }

  get sharing() {
    return this.#screenTrack !== null;
  }

  /** Does the picture flow? It may while the socket is down. */
  get connected() {
    return this.#main?.state === "connected";
  }

  start() {
    this.#media.addEventListener("change", this.#mediaChanged);
    this.#signaling.open();
  }

  /** Leaves for good. Safe to call twice. */
  leave() {
    if (this.state === "left") return;
    this.#media.removeEventListener("change", this.#mediaChanged);
    this.#stopScreen();
    this.#main?.close();
    this.#signaling.close();
    this.#setState("left");
  }

  async share() {
    const track = await this.#media.chooseScreen();
    if (!track || this.state === "left") return track?.stop();
    this.#stopScreen();
    this.#screenTrack = track;
    this.#wishes.screen = FIRST_WISHES.screen;
    track.onended = () => this.stopSharing();
    await this.#openScreen();
    this.#tellMedia();
  }

  stopSharing() {
    this.#stopScreen();
    this.#tellMedia();
  }

  /** Watches another of the room's views, from now on. */
  async watch(name) {
    const reply = await this.#ask("view", { name });
    if (reply?.participant) this.room.apply({ type: "participant_updated", data: reply });
  }

  /** At most this tier of the picture from now on: auto, high, medium, low or audio. */
  async limitQuality(choice) {
    const reply = await this.#ask("view", { tier: choice });
    if (reply?.quality) this.room.apply({ type: "quality", data: reply.quality });
  }

  async raiseHand(raised) {
    try {
      await this.#signaling.request("hand", { raised });
    } catch (error) {
      if (error.code === "unknown_type") this.room.forgetHands();
      if (error.code !== "disconnected") this.#problem(error);
    }
  }

  /** Takes somebody else's hand down, which is a moderator's to do. */
  async lowerHand(participant) {
    try {
      await this.#rest.patch(["participants", participant], { hand: false });
    } catch (error) {
      this.#problem(error);
    }
  }

  /** Records the view this page watches, or ends that. */
  record() {
    return this.#ask("record", { action: this.room.isRecording ? "stop" : "start", view: this.room.view });
  }

  mute(participant, audio) {
    return this.#ask("mute", { participant, audio });
  }

  kick(participant) {
    return this.#ask("kick", { participant });
  }

  stats() {
    return this.#main?.stats() ?? Promise.resolve([]);
  }

  async #joined(reply, again) {
    const sameAsBefore = again && reply.resumed !== false && reply.participant.id === this.room.me;
    this.#iceServers = reply.ice_servers ?? [];
    this.layouts.forget();
    this.room.enter(reply);
    if (reply.uplink) this.#heed(reply.uplink);
    this.#told = "";
    this.#tellMedia();
    if (sameAsBefore && this.#main?.state === "connected") this.#setState("live");
    else await this.#openMain();
    if (this.#screenTrack && !(sameAsBefore && this.#screen?.state === "connected")) await this.#openScreen();
  }

  async #openMain() {
    this.#main?.close();
    const main = new Connection(this.#signaling, { iceServers: this.#iceServers, wish: this.#wishes.video });
    this.#main = main;
    main.addEventListener("stream", ({ detail }) => this.#fire("stream", detail));
    main.addEventListener("state", () => this.#connectionChanged(main));
    await main.setTrack("audio", this.#media.audio);
    await main.setTrack("video", this.#media.video);
    await this.#openOrReport(main);
  }

  async #openScreen() {
    this.#screen?.close();
    const options = { name: "screen", iceServers: this.#iceServers, wish: this.#wishes.screen };
    this.#screen = new Connection(this.#signaling, options);
    await this.#screen.setTrack("video", this.#screenTrack);
    await this.#openOrReport(this.#screen);
  }

  async #openOrReport(connection) {
    connection.addEventListener("failed", ({ detail }) => this.#problem(detail.error));
    try {
      await connection.open();
    } catch (error) {
      if (connection === this.#screen) this.stopSharing();
      this.#problem(error);
    }
  }

  #socketLost(attempt) {
    this.#setState(this.#main ? "reconnecting" : "joining");
    if (attempt !== PATIENCE) return;
    this.#problem({ message: "The server does not answer. Check your network; the page goes on trying." });
  }

  #connectionChanged(main) {
    if (main !== this.#main || this.state === "left") return;
    if (main.state === "connected") this.#failures = 0;
    if (main.state === "connected" && this.#signaling.joined) this.#setState("live");
    if (main.state !== "retrying") return;
    this.#setState("reconnecting");
    this.#failures += 1;
    if (this.#failures !== PATIENCE) return;
    this.#problem({ message: "Sound and picture don't get through. A firewall may block UDP: try another network." });
  }

  #heard(event) {
    const { type, data } = event;
    if (type === "kicked") {
      this.#end(data.reason === "replaced" ? "You joined from another window." : `You were removed: ${data.reason}`);
    } else if (type === "room_closed") {
      this.#end("The room was closed.");
    } else if (type === "error") {
      if (data.code === "connection_failed") (data.connection === "screen" ? this.#screen : this.#main)?.restart();
      else this.#problem(data);
    } else if (type === "uplink") {
      this.#heed(data);
    } else {
      this.room.apply(event);
    }
  }

  /** The server says what it needs of each picture; null: nobody sees it. */
  #heed({ video, screen }) {
    this.#wishes = { video, screen };
    this.#main?.setWish(video);
    this.#screen?.setWish(screen);
  }

  #mediaChanged = () => {
    // A track that arrives while its connection is being replaced is picked up by the next one.
    this.#main?.setTrack("audio", this.#media.audio).catch(() => {});
    this.#main?.setTrack("video", this.#media.video).catch(() => {});
    this.#tellMedia();
  };

  #tellMedia() {
    if (!this.#signaling.joined) return;
    const state = { ...this.#media.state, screen: this.sharing };
    const told = JSON.stringify(state);
    if (told === this.#told) return;
    this.#told = told;
    this.#ask("media_state", state);
  }

  #stopScreen() {
    this.#screen?.close();
    this.#screen = null;
    if (!this.#screenTrack) return;
    this.#screenTrack.onended = null;
    this.#screenTrack.stop();
    this.#screenTrack = null;
  }

  /** Sends a request; a failure becomes a problem for the user to read. Resolves with the data, or null. */
  async #ask(type, data) {
    try {
      return await this.#signaling.request(type, data);
    } catch (error) {
      if (error.code !== "disconnected") this.#problem(error);
      return null;
    }
  }

  #problem(error) {
    this.#fire("problem", { message: REFUSALS[error.code] ?? error.message });
  }

  #end(message) {
    if (this.state === "left") return;
    this.leave();
    this.#fire("ended", { message });
  }

  #setState(state) {
    if (this.state === state || this.state === "left") return;
    this.state = state;
    this.#fire("state", { state });
  }

  #fire(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
