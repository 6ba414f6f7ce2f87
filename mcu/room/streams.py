"""Who gets whose stream as it was sent: everybody in a room that forwards, and whoever watches one person alone.

Each connection has places: its sections that receive. A place belongs to one source until somebody has a better claim
to it (``ranking.py``); who has which is told to the reader (event ``streams``) before anything of it is sent.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mcu.errors import BadRequest
from mcu.protocol import events as e
from mcu.protocol.streams import StreamInfo
from mcu.room.events import Events
from mcu.room.forwarding import BASELINE, PictureForward
from mcu.room.forwards import Forwarding
from mcu.room.link import Link
from mcu.room.participant import Participant
from mcu.room.ranking import ranked, seated
from mcu.rtc import Negotiated
from mcu.rtc.downlink import Downlink, SoundLane, VideoLane
from mixer.scene import TileKey


@dataclass(slots=True)
class _PicturePlace:
    mid: str
    lane: VideoLane
    key: TileKey | None = None
    forward: PictureForward | None = None


@dataclass(slots=True)
class _VoicePlace:
    mid: str
    lane: SoundLane
    who: str | None = None


@dataclass(slots=True)
class _Reader:
    """One connection and its places."""

    link: Link
    downlink: Downlink
    pictures: list[_PicturePlace]
    voices: list[_VoicePlace]
    mismatched: set[TileKey] = field(default_factory=set)
    told: tuple[StreamInfo, ...] | None = None


class Streams:
    """On the event loop. ``people()`` are those in the room, as they came; ``last_spoke_ns()`` has when each spoke."""

    def __init__(
        self,
        people: Callable[[], tuple[Participant, ...]],
        forwarding: Forwarding,
        events: Events,
        last_spoke_ns: Callable[[], Mapping[str, int]],
    ) -> None:
        self._people = people
        self._forwarding = forwarding
        self._events = events
        self._last_spoke_ns = last_spoke_ns
        self._readers: dict[str, _Reader] = {}

    def serves(self, person: Participant) -> bool:
        """Whether they get others' streams; else it is a view and its sound."""
        return person.follows is not None or (self._forwarding.everybody and not person.hidden)

    def check_agreed(self, person: Participant, agreed: Negotiated | None) -> None:
        """Who watches one person alone must take what that person sends. What it is shows with their first picture; who
        began before that is told by ``StreamsChanged``. Raises BadRequest (``codec_mismatch``).
        """
        forward = self._forwarding.find(TileKey(person.follows)) if person.follows is not None else None
        known = forward.format if forward is not None else None
        if known is None or agreed is None or agreed.video_out is None:
            return
        if known.profile not in BASELINE:
            raise _mismatch(f"{known.codec} of a profile that not every viewer has", "")
        if known.codec not in agreed.video_out_codecs:
            raise _mismatch(known.codec, "offer that for video, or ")

    def attach(self, person: Participant, link: Link, downlink: Downlink) -> None:
        """Their connection works: from the next ``look`` on it is served."""
        pictures, voices = _places(link, downlink)
        # Who has room for one voice hears the mix of all, and not one of them.
        hears_mix = person.follows is None and len(voices) < 2
        link.hears_mix = hears_mix
        self._readers[person.id] = _Reader(link, downlink, pictures, [] if hears_mix else voices)

    def detach(self, link: Link) -> None:
        """The connection is gone, or another is in its place. Idempotent."""
        for who, reader in list(self._readers.items()):
            if reader.link is link:
                self._clear(reader)
                del self._readers[who]

    def told(self, participant: str) -> tuple[StreamInfo, ...] | None:
        """What somebody was told last; None for who gets no streams."""
        reader = self._readers.get(participant)
        return reader.told if reader is not None else None

    def request_keyframe(self, link: Link, lane: VideoLane | None) -> None:
        """A reader has lost too much in one place."""
        for reader in self._readers.values():
            for place in reader.pictures:
                if reader.link is link and place.lane is lane and place.forward is not None:
                    place.forward.want_keyframe()

    def look(self) -> None:
        """Gives places away. Cheap enough for every change, and needed a few times a second: who speaks changes."""
        people, spoke = self._people(), self._last_spoke_ns()
        here = {person.id: person for person in people}
        for who, reader in list(self._readers.items()):
            person = here.get(who)
            if person is None or not reader.link.connected:
                continue
            pictures, voices = self._wanted(person, people, spoke)
            self._seat_pictures(reader, pictures)
            self._seat_voices(reader, voices)
            self._tell(person, reader, pictures, voices)

    def _wanted(
        self, person: Participant, people: tuple[Participant, ...], spoke: Mapping[str, int]
    ) -> tuple[list[TileKey], list[str]]:
        if person.follows is None:
            return ranked(people, spoke, person)
        followed = [one for one in people if one.id == person.follows and not one.hidden and one.group == person.group]
        shown = [picture.key for one in followed for picture in one.pictures if picture.shown]
        return [key for key in shown if key.source == "camera"], [one.id for one in followed if one.hears]

    def _seat_pictures(self, reader: _Reader, wanted: list[TileKey]) -> None:
        reader.mismatched = {key for key in wanted if not self._takes(reader, key)}
        fitting = [key for key in wanted if key not in reader.mismatched]
        seats = seated([place.key for place in reader.pictures], fitting)
        for place, key in zip(reader.pictures, seats, strict=True):
            forward = self._forwarding.find(key) if key is not None else None
            if place.forward is not None and (place.key != key or place.forward is not forward):
                place.forward.drop(place.lane)
            place.key, place.forward = key, forward

    def _takes(self, reader: _Reader, key: TileKey) -> bool:
        """Whether what a source sends is among what the reader agreed to. One that has sent nothing yet may be."""
        forward = self._forwarding.find(key)
        known = forward.format if forward is not None else None
        if known is None or not reader.pictures:
            return True
        return known.profile in BASELINE and reader.pictures[0].lane.takes(known.codec)

    def _seat_voices(self, reader: _Reader, wanted: list[str]) -> None:
        seats = seated([place.who for place in reader.voices], wanted)
        for place, who in zip(reader.voices, seats, strict=True):
            former = self._forwarding.voice(place.who) if place.who is not None and place.who != who else None
            if former is not None:
                former.drop(place.lane)
            place.who = who

    def _tell(self, person: Participant, reader: _Reader, pictures: list[TileKey], voices: list[str]) -> None:
        seen = {place.key: place.mid for place in reader.pictures}
        heard = {place.who: place.mid for place in reader.voices}
        streams = [
            StreamInfo(
                participant=key.participant,
                source=key.source,
                mid=seen.get(key),
                missing=None if key in seen else "codec_mismatch" if key in reader.mismatched else "no_section",
            )
            for key in pictures
        ]
        if not reader.link.hears_mix:
            streams += [
                StreamInfo(
                    participant=who,
                    source="microphone",
                    mid=heard.get(who),
                    missing=None if who in heard else "no_section",
                )
                for who in voices
            ]
        told = tuple(sorted(streams, key=lambda one: (one.participant, one.source)))
        if told != reader.told:
            reader.told = told
            self._events.emit(e.StreamsChanged(to=person.id, streams=told))
        self._send(reader)

    def _send(self, reader: _Reader) -> None:
        for place in reader.pictures:
            if place.forward is not None:
                place.forward.add(place.lane, reader.downlink)
        for voice in reader.voices:
            forward = self._forwarding.voice(voice.who) if voice.who is not None else None
            if forward is not None:
                forward.add(voice.lane, reader.downlink)

    def _clear(self, reader: _Reader) -> None:
        for place in reader.pictures:
            if place.forward is not None:
                place.forward.drop(place.lane)
        for voice in reader.voices:
            forward = self._forwarding.voice(voice.who) if voice.who is not None else None
            if forward is not None:
                forward.drop(voice.lane)


def _places(link: Link, downlink: Downlink) -> tuple[list[_PicturePlace], list[_VoicePlace]]:
    """All sections that receive, in the order of the offer but for the first of each kind, which come first."""
    agreed, further = downlink.negotiated, link.peer.streams
    pictures, voices = [], []
    if downlink.video is not None:
        pictures.append(_PicturePlace(agreed.video_mid or "", downlink.video))
    if downlink.audio is not None:
        voices.append(_VoicePlace(agreed.audio_mid or "", downlink.audio))
    if further is not None:
        pictures += [_PicturePlace(stream.mid, lane) for stream, lane in further.video]
        voices += [_VoicePlace(stream.mid, lane) for stream, lane in further.audio]
    return pictures, voices


def _mismatch(sent: str, advice: str) -> BadRequest:
    message = (
        f"this participant sends {sent}, and their own stream is forwarded as it is: {advice}watch a view that shows "
        "them alone, which is encoded for its viewers"
    )
    return BadRequest(message, code="codec_mismatch", field="sdp")
