"""The real engine, made from the settings; media libraries are loaded here and not before."""

import os
from typing import TYPE_CHECKING

from api.settings import Settings
from mcu.engine.engine import Engine

if TYPE_CHECKING:
    from mcu.config import EngineConfig
    from mcu.engine.process import Program


MALLOC = {"MALLOC_MMAP_THRESHOLD_": "524288", "MALLOC_TRIM_THRESHOLD_": "33554432"}
"""How a worker's memory is managed, unless the environment says otherwise (mallopt(3)). By itself the GNU C library
moves the first threshold up to the largest block that was ever freed; then pictures lie among small things, and hardly
anything goes back to the system: after forty rooms had come and gone a worker had 572 MiB, and with these 278.
"""


async def start_engine(settings: Settings) -> Engine:
    """Rooms in worker processes, or with ``workers`` 0 on the running event loop. Raises RuntimeError when a thread or
    a process can't start, or when the libraries below aren't the ones this server was written for.
    """
    workers = cores() if settings.workers is None else settings.workers
    config = engine_config(settings)
    if workers == 0:
        from mcu.engine.inline import InlineEngine

        inline = InlineEngine(config)
        await inline.start()
        return inline
    from mcu.engine.processes import ProcessEngine

    processes = ProcessEngine(config, workers, worker_program(settings), spare=settings.spare_worker)
    await processes.start()
    return processes


def cores() -> int:
    """Those that this process may use, where the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def engine_config(settings: Settings) -> "EngineConfig":
    from mcu.config import EngineConfig
    from mcu.network import RtcSettings

    media = settings.media
    rtc = RtcSettings(
        host_addresses=media.host_addresses or None,
        interfaces=media.interfaces,
        ipv6=media.ipv6,
        port_range=(media.udp_port_min, media.udp_port_max) if media.udp_port_min else None,
        announced_address=media.announced_address,
        allow_private_addresses=media.private_candidates,
        allow_loopback_addresses=settings.loopback,
    )
    return EngineConfig(
        rtc=rtc,
        recordings_dir=settings.recordings_dir,
        outputs_per_room=settings.outputs.max_per_room,
        output_attempts=settings.outputs.attempts,
        output_hosts=settings.outputs.hosts,
        output_verify=settings.outputs.verify,
        max_rooms=settings.limits.max_rooms,
        max_playbacks=settings.playback.max_per_room,
        decode_threads=media.decode_threads,
        lost_after_ns=round(media.lost_after_s * 1e9),
        grace_ns=round(media.grace_s * 1e9),
        govern=media.governor,
    )


def worker_program(settings: Settings) -> "Program":
    """A worker is told how to log and, over its socket, what an engine needs; it never sees a key."""
    from mcu.engine.process import Program

    environment = {name: value for name, value in os.environ.items() if not name.upper().startswith("MCU_")}
    environment = MALLOC | environment
    return Program(("-m", "api.worker", settings.log.format, settings.log.level), environment)
