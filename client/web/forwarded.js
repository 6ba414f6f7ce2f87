/**
 * A room that forwards has no composite: everybody's own streams arrive, each in a section of the connection that the
 * event `streams` names. Which track is whose, and how many sections to offer. No DOM, no network.
 *
 * Fires `change` after every event and track.
 */

export const MOST_SECTIONS = 16;
const SPARE = 3; // beyond what those who are here need: each newcomer after that costs a new connection

export class Forwarded extends EventTarget {
  sections = 0; // of each kind, beside the first
  streams = [];
  #tracks = new Map(); // by mid

  /** So many others are here as the connection is about to be made. */
  expect(others) {
    this.sections = Math.min(MOST_SECTIONS, Math.max(this.sections, others + SPARE));
  }

  /** A new connection: whatever came over the last one is over. */
  reset() {
    this.#tracks.clear();
    this.streams = [];
    this.dispatchEvent(new Event("change"));
  }

  arrived({ mid, track }) {
    this.#tracks.set(mid, track);
    this.dispatchEvent(new Event("change"));
  }

  /** Takes the event over; true when an offer with more sections would bring more. */
  told(streams) {
    this.streams = streams;
    this.dispatchEvent(new Event("change"));
    const short = streams.some(({ missing }) => missing === "no_section") && this.sections < MOST_SECTIONS;
    if (short) this.sections = Math.min(MOST_SECTIONS, 2 * this.sections);
    return short;
  }

  /** The track of somebody's camera, screen or microphone; null while there is none. */
  track(participant, source) {
    const stream = this.streams.find((one) => one.participant === participant && one.source === source);
    return (stream && this.#tracks.get(stream.mid)) ?? null;
  }

  /** Why somebody's picture doesn't come, in words; empty when it does or there is none. */
  reason(participant, source) {
    const stream = this.streams.find((one) => one.participant === participant && one.source === source);
    if (stream?.missing === "codec_mismatch") return "this browser can't show their picture";
    return stream?.missing ? "too many people to show everybody" : "";
  }
}
