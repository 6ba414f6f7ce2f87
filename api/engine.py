"""The real engine, made from the settings; media libraries are loaded here and not before."""

from api.settings import Settings
from mcu.engine.engine import Engine


def build_engine(settings: Settings) -> Engine:
    """Rooms in this process. Call it on the event loop that will use them."""
    from mcu.engine.inline import InlineEngine  # type: ignore[import-not-found, unused-ignore]  # built beside this

    engine: Engine = InlineEngine(
        recordings_dir=settings.recordings_dir,
        max_rooms=settings.limits.max_rooms,
        announced_address=settings.media.announced_address,
        host_addresses=settings.media.host_addresses,
        udp_ports=(settings.media.udp_port_min, settings.media.udp_port_max),
        private_candidates=settings.media.private_candidates,
    )
    return engine
