/** How finely this page sees the room: the select that bounds it, and the badge that tells what came of it, and why. */

const TIERS = { medium: "Reduced picture", low: "Small picture", audio: "Sound only" };
const REASONS = {
  loss: "too much gets lost on the way to you",
  bandwidth: "your line is too slow for more",
  delay: "the picture came too late",
};

/** What the badge says of the wire's {tier, reason}; nothing of the best tier or of one's own choice of a picture. */
export function describe({ tier, reason }) {
  const text = TIERS[tier];
  if (!text || (reason === "asked" && tier !== "audio")) return "";
  return REASONS[reason] ? `${text}: ${REASONS[reason]}` : text;
}

export class Quality {
  #box = document.getElementById("quality-box");
  #select = document.getElementById("quality");
  #badge = document.getElementById("quality-note");
  #choice = "auto";

  /** `choose(choice)` resolves once the server has answered, whatever it said. */
  constructor(choose) {
    this.#select.addEventListener("change", async () => {
      await choose(this.#select.value);
      this.#select.value = this.#choice;
    });
  }

  /** `room.quality` is null where the server knows nothing of tiers. */
  show({ quality }) {
    this.#box.hidden = !quality;
    const text = quality ? describe(quality) : "";
    this.#badge.hidden = !text;
    if (this.#badge.textContent !== text) this.#badge.textContent = text;
    if (!quality) return;
    this.#choice = quality.choice;
    this.#select.value = quality.choice;
  }
}
