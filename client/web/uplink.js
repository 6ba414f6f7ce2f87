/** Sends a picture as large, as often and as finely as the server asks for, and no picture while it asks for none. */

const BITS_EXPONENT = 0.75; // half the samples need more than half the bits

/**
 * The encoding parameters that suit `wish`, the wire's {width, height, fps, kbps}, or null for nothing; `track` is what
 * is sent. The picture keeps its shape, is at least as wide and as high as asked for, and is never enlarged.
 */
export function encodingFor(wish, track) {
  if (!wish) return { active: false };
  const { width, height } = track?.getSettings() ?? {};
  const scale = width && height ? Math.max(1, Math.min(width / wish.width, height / wish.height)) : 1;
  const isSmaller = width && height && width * height < wish.width * wish.height;
  const share = isSmaller ? ((width * height) / (wish.width * wish.height)) ** BITS_EXPONENT : 1;
  return {
    active: true,
    scaleResolutionDownBy: scale,
    maxFramerate: wish.fps,
    maxBitrate: Math.round(wish.kbps * 1000 * share),
  };
}

/** Makes an RTCRtpSender heed `wish`. One call after the other: each takes the parameters the last one left. */
export async function heed(sender, wish) {
  const parameters = sender.getParameters();
  if (!parameters.encodings?.length) return; // Firefox before its first negotiation
  Object.assign(parameters.encodings[0], encodingFor(wish, sender.track));
  await sender.setParameters(parameters);
}
