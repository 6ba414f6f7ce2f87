"""What the gateway remembers of a room in a worker, for the day that worker dies. All of it is plain data, learned from
what the room says and from the commands it carried out, and all of it is bounded.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from mcu.engine.letters import Letters
from mcu.engine.placement import Losses
from mcu.protocol.access import StopWaiting, Waiter, Waiting
from mcu.protocol.announcements import MAX_ANNOUNCEMENTS, Announce, AnnouncementInfo
from mcu.protocol.commands import (
    Command,
    Join,
    Joined,
    Reply,
    RestoreLayout,
    SetAvatar,
    SetBackgroundImage,
    SetLogo,
    UpdateParticipant,
    WatchView,
)
from mcu.protocol.decor import Banner
from mcu.protocol.events import (
    Admitted,
    AnnouncementChanged,
    BannerChanged,
    ChatDeleted,
    ChatEdited,
    ChatPosted,
    Denied,
    Event,
    GroupChanged,
    LayoutChangedEvent,
    LetterWaits,
    OutputChanged,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantUpdated,
    ReadyChanged,
    RecordingChanged,
    RoomUpdated,
)
from mcu.protocol.groups import GroupSpec
from mcu.protocol.layout import LayoutState
from mcu.protocol.models import ParticipantInfo, RecordingInfo, RoomSpec, ViewSpec
from mcu.protocol.outputs import MAX_OUTPUTS, OutputInfo, StartOutput, StopOutput
from mcu.protocol.quality import SetQuality, TierChoice
from mcu.protocol.talk import MAX_HISTORY, ChatHistory, ChatMessage, ClearReady, GetChatHistory, RestoreChat

MAX_FORMER: Final = 2000
MAX_AVATAR_BYTES: Final = 8 * 1024 * 1024
"""Of one room. Beyond it, whose avatar was set first gets initials in the next worker."""


@dataclass(frozen=True, slots=True)
class Stay:
    """One person as the room had them: what they and moderators decided. ``view``: the one they chose to watch."""

    info: ParticipantInfo
    gain: float = 1.0
    view: str | None = None
    choice: TierChoice = "auto"
    ready: bool = False


@dataclass(frozen=True, slots=True)
class Playing:
    """An announcement that has not ended."""

    command: Announce
    info: AnnouncementInfo

    def rest(self, now: datetime) -> Announce | None:
        """What of it was not heard yet at ``now``; None when it was over."""
        played_s = max(0.0, (now - self.info.started_at).total_seconds())
        if played_s >= self.info.duration_s:
            return None
        return self.command.model_copy(update={"id": self.info.id, "start_s": played_s})


@dataclass(slots=True)
class Memory:
    """What it takes to open a room again as it was: its views, their layouts, banners and images (the commands that set
    them), the groups that listen in on others, what was said to everybody, and in private to those who may not have got
    it, the announcements and recordings that run (by id; some are paused), the outputs that do (the commands, whose
    addresses and tokens are kept nowhere else), the people, their avatars, who waits before the door, and who holds
    which resume token. ``former``: the tokens of people whose worker died; ``absent``: how those were.
    """

    spec: RoomSpec
    views: tuple[ViewSpec, ...] = ()
    layouts: dict[str, LayoutChangedEvent] = field(default_factory=dict)
    banners: dict[str, Banner] = field(default_factory=dict)
    images: dict[tuple[str, str], SetBackgroundImage | SetLogo] = field(default_factory=dict)
    groups: dict[str, GroupSpec] = field(default_factory=dict)
    chat: dict[str, ChatMessage] = field(default_factory=dict)
    letters: Letters = field(default_factory=Letters)
    waiters: dict[str, Waiter] = field(default_factory=dict)
    playing: dict[str, Playing] = field(default_factory=dict)
    recordings: dict[str, RecordingInfo] = field(default_factory=dict)
    outputs: dict[str, StartOutput] = field(default_factory=dict)
    people: dict[str, Stay] = field(default_factory=dict)
    avatars: dict[str, SetAvatar] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    former: dict[str, str] = field(default_factory=dict)
    absent: dict[str, Stay] = field(default_factory=dict)
    losses: Losses = field(default_factory=Losses)

    def learn(self, event: Event) -> None:
        """Something the room said."""
        match event:
            case RoomUpdated():
                self._learn_views(event.room.views)
            case LayoutChangedEvent():
                self.layouts[event.view] = event
            case BannerChanged():
                self.banners[event.view] = event.banner
            case GroupChanged():
                self.groups.pop(event.group.name, None)
                if event.group.hears:
                    self.groups[event.group.name] = GroupSpec(hears=event.group.hears)
            case RecordingChanged():
                self._learn_recording(event.recording)
            case AnnouncementChanged():
                if event.announcement.state != "playing":
                    self.playing.pop(event.announcement.id, None)
            case OutputChanged():
                if event.output.state in ("failed", "ended"):
                    self.outputs.pop(event.output.id, None)
            case ChatPosted() | ChatEdited() | ChatDeleted() | LetterWaits():
                self._learn_chat(event)
            case Admitted() | Denied():
                self._learn_decision(event)
            case ParticipantJoined():
                self.people[event.participant.id] = Stay(event.participant)
            case ParticipantUpdated():
                stay = self.people.get(event.participant.id)
                self.people[event.participant.id] = (
                    Stay(event.participant) if stay is None else replace(stay, info=event.participant)
                )
            case ReadyChanged():
                self.people = {
                    who: stay if stay.ready == (who in event.ready) else replace(stay, ready=who in event.ready)
                    for who, stay in self.people.items()
                }
            case ParticipantLeft():
                self.letters.take(event.id)
                for shelf in (self.tokens, self.people, self.avatars):
                    shelf.pop(event.id, None)
            case _:
                pass

    def carried_out(self, command: Command, reply: Reply | None = None) -> None:
        """A command and the room's answer to it: some of what it changes is said in no event."""
        match command:
            case Join() if isinstance(reply, Joined):
                # The news of it may come after the next answer.
                self.people.setdefault(reply.participant.id, Stay(reply.participant))
                if command.admission is not None:
                    self.waiters.pop(reply.participant.id, None)
            case Join() | StopWaiting():
                self._learn_waiting(command, reply)
            case SetBackgroundImage() | SetLogo():
                # At most two of each view, of a size that the protocol bounds.
                self.images.pop((command.view, command.type), None)
                if command.image is not None:
                    self.images[command.view, command.type] = command
            case SetAvatar():
                self._keep_avatar(command)
            case Announce() if isinstance(reply, AnnouncementInfo) and len(self.playing) < MAX_ANNOUNCEMENTS:
                self.playing[reply.id] = Playing(command, reply)
            case StartOutput() if isinstance(reply, OutputInfo) and len(self.outputs) < MAX_OUTPUTS:
                self.outputs[reply.id] = command.model_copy(update={"id": reply.id})
            case StopOutput():
                self.outputs.pop(command.id, None)
            case GetChatHistory() if command.participant is not None and isinstance(reply, ChatHistory):
                self.letters.told(command.participant, (message.id for message in reply.messages))
            case RestoreLayout() if isinstance(reply, LayoutState):
                self.layouts[command.view] = LayoutChangedEvent(view=command.view, state=reply)
            case RestoreChat() if command.participant is not None:
                for message in command.messages:
                    self.letters.keep(command.participant, message, waits=True)
            case ClearReady():
                self.absent = {who: replace(stay, ready=False) for who, stay in self.absent.items()}
            case UpdateParticipant() | WatchView() | SetQuality():
                stay = self.people.get(command.participant)
                if stay is not None:
                    self.people[command.participant] = _changed(stay, command)
            case _:
                pass

    def survive(self, lost_at: datetime) -> "Memory":
        """For the room that follows: nobody is in it yet, and those who were may come back as who they were."""
        former = _newest({**self.former, **{token: who for who, token in self.tokens.items()}})
        known = set(former.values())
        main = next((view for view in self.views if view.name == "main"), self.spec.view)
        return Memory(
            spec=self.spec.model_copy(update={"view": main}),
            views=self.views,
            layouts=dict(self.layouts),
            banners=dict(self.banners),
            images=dict(self.images),
            groups=dict(self.groups),
            chat=dict(self.chat),
            letters=self.letters.undelivered(known, lost_at),
            waiters=dict(self.waiters),
            avatars={who: avatar for who, avatar in self.avatars.items() if who in known},
            former=former,
            absent={who: stay for who, stay in {**self.absent, **self.people}.items() if who in known},
            losses=self.losses,
        )

    def _learn_views(self, views: tuple[ViewSpec, ...]) -> None:
        self.views = views
        names = {view.name for view in views}
        self.layouts = {view: layout for view, layout in self.layouts.items() if view in names}
        self.banners = {view: banner for view, banner in self.banners.items() if view in names}
        self.images = {key: image for key, image in self.images.items() if image.view in names}

    def _learn_chat(self, event: ChatPosted | ChatEdited | ChatDeleted | LetterWaits) -> None:
        match event:
            case ChatDeleted():
                self.chat.pop(event.message_id, None)
                self.letters.told(event.to or "", (event.message_id,))
            case ChatPosted() | ChatEdited() if event.to is None:
                self.chat[event.message.id] = event.message
                if len(self.chat) > MAX_HISTORY:
                    del self.chat[next(iter(self.chat))]
            case ChatEdited():
                self.letters.edited(event.to or "", event.message)
            case ChatPosted() | LetterWaits():
                self.letters.keep(event.to or "", event.message, waits=isinstance(event, LetterWaits))

    def _learn_decision(self, event: Admitted | Denied) -> None:
        waiter = self.waiters.pop(event.to or "", None)
        if waiter is not None and isinstance(event, Admitted):
            self.waiters[waiter.waiting.id] = waiter.model_copy(update={"admitted": True})

    def _learn_waiting(self, command: Join | StopWaiting, reply: Reply | None) -> None:
        if isinstance(command, StopWaiting):
            waiter = self.waiters.get(command.participant)
            if waiter is not None and waiter.admission == command.admission:
                del self.waiters[command.participant]
        elif isinstance(reply, Waiting):
            who = reply.waiting.id
            self.waiters[who] = Waiter(waiting=reply.waiting, admission=reply.admission)

    def _learn_recording(self, recording: RecordingInfo) -> None:
        if recording.runs:
            self.recordings[recording.id] = recording
        else:
            self.recordings.pop(recording.id, None)

    def _keep_avatar(self, command: SetAvatar) -> None:
        self.avatars.pop(command.participant, None)
        if command.image is not None and command.participant in self.people:
            self.avatars[command.participant] = command
        while sum(len(avatar.image or b"") for avatar in self.avatars.values()) > MAX_AVATAR_BYTES:
            del self.avatars[next(iter(self.avatars))]


def _changed(stay: Stay, command: UpdateParticipant | WatchView | SetQuality) -> Stay:
    match command:
        case WatchView():
            return replace(stay, view=command.view)
        case SetQuality():
            return replace(stay, choice=command.choice)
        case UpdateParticipant():
            return stay if command.gain is None else replace(stay, gain=command.gain)


def _newest(tokens: dict[str, str]) -> dict[str, str]:
    return dict(list(tokens.items())[-MAX_FORMER:])
