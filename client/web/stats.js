/** The figures of an RTCStatsReport that say whether the room works, as {video, audio, sent}. */

export function summarise(entries) {
  const byId = new Map(entries.map((entry) => [entry.id, entry]));
  const received = (kind) => entries.find((e) => e.type === "inbound-rtp" && e.kind === kind);
  const sent = (kind) => entries.find((e) => e.type === "outbound-rtp" && e.kind === kind);
  const [video, audio] = [received("video"), received("audio")];
  return {
    video: video && {
      width: video.frameWidth ?? 0,
      height: video.frameHeight ?? 0,
      framesDecoded: video.framesDecoded ?? 0,
      framesDropped: video.framesDropped ?? 0,
      framesPerSecond: video.framesPerSecond ?? 0,
      freezeCount: video.freezeCount ?? 0,
      keyFramesDecoded: video.keyFramesDecoded ?? 0,
      packetsReceived: video.packetsReceived,
      packetsLost: video.packetsLost,
      bytesReceived: video.bytesReceived,
      codec: byId.get(video.codecId)?.mimeType ?? "",
    },
    audio: audio && {
      packetsReceived: audio.packetsReceived,
      packetsLost: audio.packetsLost,
      bytesReceived: audio.bytesReceived,
      totalSamplesReceived: audio.totalSamplesReceived ?? 0,
      concealedSamples: audio.concealedSamples ?? 0,
      silentConcealedSamples: audio.silentConcealedSamples ?? 0,
      totalAudioEnergy: audio.totalAudioEnergy ?? 0,
    },
    sent: { video: outbound(sent("video"), byId), audio: outbound(sent("audio"), byId) },
  };
}

function outbound(entry, byId) {
  if (!entry) return undefined;
  const { packetsSent, bytesSent, framesEncoded = 0, framesPerSecond = 0, frameWidth = 0, frameHeight = 0 } = entry;
  const codec = byId.get(entry.codecId)?.mimeType ?? "";
  return { packetsSent, bytesSent, framesEncoded, framesPerSecond, width: frameWidth, height: frameHeight, codec };
}
