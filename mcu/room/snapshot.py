"""One instant of a room, frozen: what the mixer's threads see of it. The event loop writes a new one after every
change; a thread reads the reference once a tick, so joins and leaves can't race with drawing or mixing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mcu.media.lipsync import LipSync
from mcu.media.sources import PictureSource, SoundSource
from mcu.room.banner import BannerLines
from mcu.room.plugin_run import PluginRun
from mcu.rtc.downlink import Downlink
from mcu.rtc.sender import AudioFanout
from mixer.announcer import Announcement
from mixer.decor import Decor
from mixer.layouts.arrange import LayoutSpec
from mixer.scene import TileKey

NO_GROUP = ""
"""The group of those who are in none. It is always there."""


@dataclass(frozen=True, slots=True)
class PictureInput:
    """A source that has a tile. ``shown`` False: its owner or a moderator switched it off, so it is an avatar.
    ``lipsync`` None: there is no voice that its pictures have to meet.
    """

    key: TileKey
    name: str
    decoding: PictureSource
    lipsync: LipSync | None
    shown: bool
    muted: bool
    reconnecting: bool
    role: str = ""
    group: str = NO_GROUP
    attributes: Mapping[str, str] = field(default_factory=dict, hash=False)
    hand: bool = False


@dataclass(frozen=True, slots=True)
class SoundInput:
    """A microphone. ``heard`` False: muted, by its owner or a moderator. ``downlink`` is where its owner listens, and
    ``group`` whom they hear and who hears them. ``noisy`` False: no microphone after all, so that no noise is to be
    taken out of it.
    """

    participant: str
    playout: SoundSource
    heard: bool
    gain: float
    downlink: Downlink | None
    group: str = NO_GROUP
    noisy: bool = True


@dataclass(frozen=True, slots=True)
class SoundGroup:
    """A group that has a mix: where it is sent, and the factors of the groups it listens in on."""

    name: str
    fanout: AudioFanout
    hears: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RoomSnapshot:
    pictures: tuple[PictureInput, ...] = ()
    sounds: tuple[SoundInput, ...] = ()
    groups: tuple[SoundGroup, ...] = ()
    announcements: tuple[Announcement, ...] = ()
    layouts: Mapping[str, LayoutSpec] = field(default_factory=dict)
    """By the name of the view."""
    plugins: Mapping[str, PluginRun] = field(default_factory=dict)
    """By the name of the view; they belong to the picture thread from then on."""
    banners: Mapping[str, BannerLines] = field(default_factory=dict)
    """By the name of the view."""
    decors: Mapping[str, Decor] = field(default_factory=dict)
    """By the name of the view; each the same object for as long as nothing in it changes."""
    forwarded: bool = False
    """Voices reach people as they were sent: who hears no mix needs none to be made."""


@dataclass(frozen=True, slots=True)
class SpeechState:
    """Who speaks, as the sound thread last heard it: border strengths, and when each person last spoke."""

    border: Mapping[str, float] = field(default_factory=dict)
    last_spoke_ns: Mapping[str, int] = field(default_factory=dict)
    dominant: str | None = None
