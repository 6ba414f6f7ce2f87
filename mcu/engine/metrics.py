"""Everything measured, in the Prometheus text format. Counters live where things are counted, as plain integers; this
page reads them when it is asked, so that counting costs nothing on the way of the packets.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeHistogramMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mcu.engine.threads import cpu_seconds
from mcu.media.decode_pool import DecodePool
from mcu.room.participant import Participant
from mcu.room.room import Room
from mcu.room.sound_health import concealed_share
from mcu.room.view import View
from mcu.rtc import RtcTicker

_ROOM = ("room",)
_VIEW = ("room", "view")
_HUB = ("room", "view", "codec", "tier")
_TIER = ("room", "tier")
_KIND = ("room", "kind")
_PERSON = ("room", "participant")

_DELAYS_S = (0.03, 0.04, 0.06, 0.1, 0.15, 0.2)
_SHARES = (0.005, 0.01, 0.03, 0.07, 0.2)
_DRIFTS_PPM = (10, 30, 100, 300)
_LEVELS_DBOV = (-90, -60, -45, -30, -15)


class _Page:
    """Metric families by name, filled sample by sample."""

    def __init__(self) -> None:
        self._families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
        self._spreads: dict[str, GaugeHistogramMetricFamily] = {}

    def counter(self, name: str, text: str, labels: Sequence[str], values: Sequence[str], value: float) -> None:
        family = self._families.get(name)
        if family is None:
            family = self._families[name] = CounterMetricFamily(name, text, labels=labels)
        family.add_metric(values, value)

    def gauge(self, name: str, text: str, labels: Sequence[str], values: Sequence[str], value: float) -> None:
        family = self._families.get(name)
        if family is None:
            family = self._families[name] = GaugeMetricFamily(name, text, labels=labels)
        family.add_metric(values, value)

    def spread(self, name: str, text: str, room: str, bounds: Sequence[float], values: Sequence[float]) -> None:
        """How a room's people differ just now: few samples a room, however many people it has."""
        family = self._spreads.get(name)
        if family is None:
            family = self._spreads[name] = GaugeHistogramMetricFamily(name, text, labels=_ROOM)
        buckets = [(f"{bound:g}", float(sum(value <= bound for value in values))) for bound in bounds]
        family.add_metric((room,), [*buckets, ("+Inf", float(len(values)))], sum(values))

    def families(self) -> Iterable[Metric]:
        return (*self._families.values(), *self._spreads.values())


class _Rooms(Collector):
    def __init__(self, rooms: Sequence[Room], pool: DecodePool, ticker: RtcTicker) -> None:
        self._rooms = rooms
        self._pool = pool
        self._ticker = ticker

    def collect(self) -> Iterable[Metric]:
        page = _Page()
        page.gauge("mcu_rooms", "Open rooms", (), (), len(self._rooms))
        page.gauge("mcu_peers", "Peer connections", (), (), len(self._ticker))
        for role, spent_s in cpu_seconds().items():
            page.counter("mcu_thread_cpu_seconds", "Processor time of living threads", ("thread",), (role,), spent_s)
        for room in self._rooms:
            _room(page, room)
            _forwarded(page, room)
            _heard(page, room)
            for view in room.views:
                _view(page, room.name, view)
                _hubs(page, room.name, view)
            for participant in room.participants:
                _participant(page, room.name, participant)
        return page.families()


def render_metrics(rooms: Sequence[Room], pool: DecodePool, ticker: RtcTicker) -> str:
    registry = CollectorRegistry()
    registry.register(_Rooms(rooms, pool, ticker))
    return generate_latest(registry).decode()


def _room(page: _Page, room: Room) -> None:
    labels = (room.name,)
    page.gauge("mcu_participants", "People in the room", _ROOM, labels, len(room.participants))
    page.gauge("mcu_viewers", "Connections that watch the composite", _ROOM, labels, room.views.viewers)
    pictures = room.pictures.statistics
    sounds = room.sounds.statistics
    for thread, ticks in (("picture", pictures), ("sound", sounds.ticks)):
        where, values = ("room", "thread"), (room.name, thread)
        page.counter("mcu_ticks", "Ticks played", where, values, ticks.ticks)
        page.counter("mcu_ticks_skipped", "Ticks left out for being too late", where, values, ticks.skipped)
        page.counter("mcu_ticks_failed", "Ticks that met an error", where, values, ticks.failed)
        page.counter("mcu_tick_late_seconds", "Sum of lateness of ticks", where, values, ticks.late_ns_total / 1e9)
    encoders = sum(len(view.outputs.hubs) for view in room.views)
    page.gauge("mcu_video_encoders", "Video encoders at work", _ROOM, labels, encoders)
    for tier, number in Counter(key.tier for view in room.views for key in view.outputs.hubs).items():
        page.gauge("mcu_tier_encoders", "Video encoders at work in a tier", _TIER, (room.name, tier), number)
    watching = [person for person in room.participants if (link := person.links.get("main")) and link.watching]
    for got, number in Counter(person.tier for person in watching).items():
        page.gauge("mcu_tier_viewers", "Viewers who get a tier", _TIER, (room.name, got), number)
    for reason, number in room.qualities.moves.items():
        page.counter("mcu_tier_moves", "Changes of tier", ("room", "reason"), (room.name, reason), number)
    page.gauge("mcu_load_level", "Steps that quality is down because of load", _ROOM, labels, room.governor.level)
    for why, number in room.governor.moves.items():
        page.counter("mcu_load_moves", "Changes of that level", ("room", "reason"), (room.name, why), number)
    page.counter("mcu_audio_encodes", "Opus packets encoded", _ROOM, labels, sounds.encodes)
    page.gauge("mcu_contributors", "Voices in the last sound tick", _ROOM, labels, sounds.contributors)
    page.counter("mcu_uplink_wishes", "Changes of what people are asked to send", _ROOM, labels, room.uplinks.told)
    page.gauge("mcu_voices_decoded", "Microphones decoded in the last sound tick", _ROOM, labels, sounds.decoded)
    page.gauge("mcu_voices_parked", "Microphones not decoded, being muted or quiet", _ROOM, labels, sounds.parked)
    page.counter("mcu_events_overflowed", "Event readers ended for being too slow", _ROOM, labels, room.overflows)
    for kind, live in Counter(info.kind for info in room.broadcasts.infos).items():
        page.gauge("mcu_outputs", "Live outputs", _KIND, (room.name, kind), live)
    for kind, sent in room.broadcasts.bytes_sent.items():
        page.counter("mcu_output_bytes", "Bytes sent by live outputs", _KIND, (room.name, kind), sent)
    for kind, restarts in room.broadcasts.restarts.items():
        page.counter("mcu_output_restarts", "Times a destination was tried again", _KIND, (room.name, kind), restarts)
    page.gauge("mcu_playbacks", "Files that are played into the room", _ROOM, labels, len(room.playbacks.infos))
    shown = room.playbacks.pictures_decoded
    page.counter("mcu_playback_pictures", "Pictures decoded of files that are played", _ROOM, labels, shown)
    recordings = room.recordings
    page.gauge("mcu_recording", "1 while the room is being recorded", _ROOM, labels, float(recordings.active))
    paused = float(len(recordings.paused_views))
    page.gauge("mcu_recordings_paused", "Recordings that are paused", _ROOM, labels, paused)


def _forwarded(page: _Page, room: Room) -> None:
    """What goes on as it came, and what is decoded and encoded beside it."""
    labels = (room.name,)
    decodings = [decoding for person in room.participants for decoding in person.decodings.values()]
    running = sum(decoding.running for decoding in decodings)
    page.gauge("mcu_video_decoders", "Video decoders at work", _ROOM, labels, running)
    frames = sum(view.outputs.frames for view in room.views)
    page.counter("mcu_video_frames_encoded", "Pictures encoded for all views of now", _ROOM, labels, frames)
    page.counter("mcu_view_passes", "Times a view went over to one source", _ROOM, labels, room.passthrough.switches)
    for view in room.views:
        where, values = _VIEW, (room.name, view.name)
        page.gauge("mcu_view_passed", "Viewers who get one source as it was sent", where, values, view.outputs.passed)
    for key, forward in room.forwarding.sources:
        source, sent = (*_PERSON, "source"), (*labels, key.participant, key.source)
        counted = forward.statistics
        page.counter("mcu_frames_forwarded", "Pictures sent on as they came", source, sent, counted.frames)
        page.counter("mcu_forward_keyframe_requests", "Keyframes asked of a source", source, sent, counted.requests)
        page.gauge("mcu_forward_viewers", "Who gets a source as it was sent", source, sent, counted.viewers)


def _heard(page: _Page, room: Room) -> None:
    """What single participants have is in their REST resource."""
    heard = [participant.voice.statistics for participant in room.participants]
    shares, delays = [concealed_share(one) for one in heard], [one.delay_ms / 1000 for one in heard if one.delay_ms]
    drifts = [abs(one.drift_ppm) for one in heard if one.drift_ppm is not None]
    levels = [-float(one.level) for one in heard]
    page.spread("mcu_sound_delay_seconds", "Time voices wait for their turn", room.name, _DELAYS_S, delays)
    page.spread("mcu_sound_concealed_ratio", "Share of a voice that was invented", room.name, _SHARES, shares)
    page.spread("mcu_sound_drift_ppm", "How far clients' clocks are off, either way", room.name, _DRIFTS_PPM, drifts)
    page.spread("mcu_sound_level_dbov", "How loud microphones are now", room.name, _LEVELS_DBOV, levels)


def _view(page: _Page, room: str, view: View) -> None:
    labels = (room, view.name)
    drawn = view.composite.statistics
    page.counter("mcu_view_ticks", "Pictures of the view that were due", _VIEW, labels, drawn.ticks)
    page.counter("mcu_pictures_composed", "Canvases drawn", _VIEW, labels, drawn.composed)
    page.counter("mcu_pictures_submitted", "Canvases handed to encoders", _VIEW, labels, drawn.submitted)
    page.counter("mcu_pictures_without_canvas", "Ticks when every canvas was in use", _VIEW, labels, drawn.no_canvas)
    page.gauge("mcu_view_viewers", "Connections that watch this view", _VIEW, labels, view.outputs.viewers)
    page.gauge("mcu_view_tiles", "Tiles on the canvas", _VIEW, labels, len(view.composite.tile_map.tiles))


def _hubs(page: _Page, room: str, view: View) -> None:
    for key, hub in view.outputs.hubs.items():
        labels = (room, view.name, *key)
        counted = hub.statistics
        page.counter("mcu_hub_frames", "Pictures encoded", _HUB, labels, counted.frames)
        page.counter("mcu_hub_keyframes", "Keyframes encoded", _HUB, labels, counted.keyframes)
        page.counter("mcu_hub_keyframe_requests", "Keyframes asked for", _HUB, labels, counted.keyframe_requests)
        page.counter("mcu_hub_bytes", "Bytes encoded", _HUB, labels, counted.bytes)
        page.counter("mcu_hub_dropped", "Canvases overtaken before they were encoded", _HUB, labels, counted.dropped)
        page.counter("mcu_hub_errors", "Canvases that could not be encoded", _HUB, labels, counted.errors)
        page.counter("mcu_hub_encode_seconds", "Time in the encoder", _HUB, labels, counted.encode_ms / 1000)
    for key, fanout in view.outputs.fanouts.items():
        labels = (room, view.name, *key)
        sent = fanout.statistics
        page.gauge("mcu_hub_viewers", "Viewers of this encoder", _HUB, labels, sent.viewers)
        page.counter("mcu_video_packets_sent", "RTP packets of video, all viewers", _HUB, labels, sent.packets)


def _participant(page: _Page, room: str, participant: Participant) -> None:
    labels = (room, participant.id)
    for source, decoding in participant.decodings.items():
        where, values = (*_PERSON, "source"), (*labels, source)
        counted = decoding.statistics
        page.counter("mcu_frames_decoded", "Incoming pictures decoded", where, values, counted.decoded)
        page.counter("mcu_frames_dropped", "Incoming pictures not decoded", where, values, counted.dropped)
        page.gauge("mcu_source_parked", "1 while no view shows it and it isn't decoded", where, values, counted.parked)
        page.counter("mcu_decode_errors", "Incoming pictures that were broken", where, values, counted.errors)
    heard = participant.voice.statistics
    page.counter("mcu_audio_packets_received", "Opus packets received", _PERSON, labels, heard.received)
    page.counter("mcu_audio_packets_lost", "Opus packets that never came or came late", _PERSON, labels, heard.lost)
    page.counter("mcu_audio_concealed_samples", "Samples invented", _PERSON, labels, heard.concealed_samples)
    page.gauge("mcu_audio_delay_seconds", "Time sound waits for its turn", _PERSON, labels, heard.delay_ms / 1000)
