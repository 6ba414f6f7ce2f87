"""One person in a room: who they are, what they send, and how far their connections have come."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mcu.media.decode_pool import DecodePool
from mcu.media.decoding import VideoDecoding
from mcu.media.film.film import Film
from mcu.media.lipsync import LipSync
from mcu.media.playout import Playout
from mcu.media.sources import SoundSource
from mcu.protocol.models import Connection, MediaState, ParticipantInfo, Presence, Role, Source
from mcu.protocol.quality import QualityReason, Tier, TierChoice
from mcu.room.link import Link
from mcu.room.snapshot import PictureInput, SoundInput
from mixer.picture import Picture
from mixer.scene import TileKey
from mixer.timeline import SenderClock


def new_resume_token() -> str:
    return secrets.token_urlsafe(24)


@dataclass(slots=True)
class Participant:
    """Owned by the room and written on its event loop only; threads see it through ``pictures`` and ``sound``."""

    id: str
    name: str
    role: Role
    pool: DecodePool
    on_keyframe_wanted: Callable[[str, Source], None]
    joined_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    resume_token: str = field(default_factory=new_resume_token)
    attached: bool = True
    """A signaling session holds this participant."""
    media: MediaState = field(default_factory=MediaState)
    server_muted_audio: bool = False
    server_muted_video: bool = False
    gain: float = 1.0
    hand: bool = False
    identified: bool = False
    """Their id is the identity of a token, not made up here."""
    hidden: bool = False
    follows: str | None = None
    """Whose own stream they get, in place of a view."""
    group: str = ""
    """Whom they hear, and who hears them."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """Replaced, never written into: snapshots hold it."""
    avatar: Picture | None = None
    view: str = "main"
    """The view they watch."""
    tier: Tier = "high"
    """In which they get it now."""
    tier_reason: QualityReason = "start"
    tier_choice: TierChoice = "auto"
    view_chosen: bool = False
    """They asked for it themselves: a change of group leaves them there."""
    links: dict[Connection, Link] = field(default_factory=dict)
    film: Film | None = None
    """A file that is played; in place of a person, who has none. Closed by whoever plays it."""
    missing_since_ns: int | None = None
    """Since when the socket or the main connection has been gone; None while both are fine or not yet made."""
    playout: Playout = field(init=False)
    lipsync: LipSync = field(init=False)
    decodings: dict[Source, VideoDecoding] = field(init=False)
    ever_connected: bool = False

    def __post_init__(self) -> None:
        sender = SenderClock()
        self.playout = Playout(sender)
        self.lipsync = LipSync(sender, self.playout)
        self.decodings = {source: self._decoding(source) for source in ("camera", "screen")}
        if self.hidden:  # what they send is never seen
            for decoding in self.decodings.values():
                decoding.pause()

    def _decoding(self, source: Source) -> VideoDecoding:
        # Of what they need, and not of this object: the two would hold each other when nobody else does.
        wanted, me = self.on_keyframe_wanted, self.id
        return VideoDecoding(self.pool, lambda: wanted(me, source), f"{me}/{source}")

    @property
    def presence(self) -> Presence:
        if self.missing_since_ns is not None:
            return "reconnecting"
        return "connected" if self.ever_connected else "joining"

    @property
    def info(self) -> ParticipantInfo:
        return ParticipantInfo(
            id=self.id,
            name=self.name,
            role=self.role,
            kind="person" if self.film is None else "playback",
            presence=self.presence,
            media=self.media,
            server_muted_audio=self.server_muted_audio,
            server_muted_video=self.server_muted_video,
            hand=self.hand,
            avatar=self.avatar is not None,
            view=self.view,
            identified=self.identified,
            hidden=self.hidden,
            group=self.group,
            attributes=dict(self.attributes),
            joined_at=self.joined_at,
        )

    @property
    def hears(self) -> bool:
        return self.media.audio and not self.server_muted_audio and not self.hidden

    @property
    def voice(self) -> SoundSource:
        """Where their sound comes from."""
        return self.playout if self.film is None else self.film.sound

    @property
    def moderates(self) -> bool:
        return self.role != "participant"

    @property
    def pictures(self) -> tuple[PictureInput, ...]:
        """The tiles this person has: a camera (or its avatar) once connected, and a screen while it is shared."""
        if not self.ever_connected or self.hidden:
            return ()
        reconnecting = self.presence == "reconnecting"
        shown = {
            "camera": self.media.video and not self.server_muted_video,
            "screen": not self.server_muted_video,
        }
        sources: tuple[Source, ...] = ("camera", "screen") if self.media.screen else ("camera",)
        return tuple(
            PictureInput(
                key=TileKey(self.id, source),
                name=self.name,
                decoding=self.decodings[source] if self.film is None else self.film.pictures,
                lipsync=self.lipsync if source == "camera" else None,
                shown=shown[source],
                muted=not self.hears,
                reconnecting=reconnecting,
                role=self.role if self.film is None else "playback",
                group=self.group,
                attributes=self.attributes,
                hand=self.hand and source == "camera",
            )
            for source in sources
        )

    @property
    def sound(self) -> SoundInput | None:
        if not self.ever_connected:
            return None
        link = self.links.get("main")
        return SoundInput(
            participant=self.id,
            playout=self.voice,
            heard=self.hears,
            gain=self.gain,
            downlink=link.listening if link is not None else None,
            group=self.group,
            noisy=self.film is None,
        )

    def set_media(self, *, audio: bool | None = None, video: bool | None = None, screen: bool | None = None) -> None:
        """What the participant says it sends; an old picture must not flash up when a source comes back."""
        changes = {"audio": audio, "video": video, "screen": screen}
        self.media = self.media.model_copy(update={k: v for k, v in changes.items() if v is not None})
        if not self.media.video:
            self.decodings["camera"].clear_pictures()
        if not self.media.screen:
            self.decodings["screen"].clear_pictures()

    async def close(self) -> None:
        """Closes connections and decoders. Idempotent."""
        for link in list(self.links.values()):
            await link.close()
        self.links.clear()
        for decoding in self.decodings.values():
            decoding.close()
        self.playout.close()
