"""The real engine, made from the settings; media libraries are loaded here and not before."""

from api.settings import Settings
from mcu.engine.engine import Engine


async def start_engine(settings: Settings) -> Engine:
    """Rooms in this process, on the running event loop. Raises RuntimeError when a thread can't start, or when the
    libraries below aren't the ones this server was written for.
    """
    from mcu.config import EngineConfig
    from mcu.engine.inline import InlineEngine
    from mcu.rtc import RtcSettings

    media = settings.media
    rtc = RtcSettings(
        host_addresses=media.host_addresses or None,
        port_range=(media.udp_port_min, media.udp_port_max) if media.udp_port_min else None,
        announced_address=media.announced_address,
        allow_private_addresses=media.private_candidates,
        allow_loopback_addresses=settings.loopback,
    )
    config = EngineConfig(
        rtc=rtc,
        recordings_dir=settings.recordings_dir,
        max_rooms=settings.limits.max_rooms,
        decode_threads=media.decode_threads,
        lost_after_ns=round(media.lost_after_s * 1e9),
        grace_ns=round(media.grace_s * 1e9),
    )
    engine = InlineEngine(config)
    await engine.start()
    return engine
