/** How loud the microphone is, drawn into a <meter> (0 to 1). */

const INTERVAL_MS = 80;
const FLOOR_DB = -55;

export class Level {
  #meter;
  #context = null;
  #source = null;
  #track = null;
  #timer = 0;

  constructor(meter) {
    this.#meter = meter;
  }

  /** Follows `track`; null stops and rests at zero. */
  follow(track) {
    if (track === this.#track) return;
    this.stop();
    if (!track) return;
    this.#track = track;
    this.#context = new AudioContext();
    const analyser = this.#context.createAnalyser();
    analyser.fftSize = 1024;
    this.#source = this.#context.createMediaStreamSource(new MediaStream([track]));
    this.#source.connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    this.#timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, x) => sum + x * x, 0) / samples.length;
      const db = 10 * Math.log10(power + 1e-10);
      this.#meter.value = Math.max(0, 1 - db / FLOOR_DB);
    }, INTERVAL_MS);
  }

  stop() {
    clearInterval(this.#timer);
    this.#source?.disconnect();
    this.#context?.close();
    this.#context = this.#source = this.#track = null;
    this.#meter.value = 0;
  }
}
