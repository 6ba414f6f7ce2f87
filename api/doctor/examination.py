"""All checks, in the order in which trouble is best looked into."""

from api.doctor import machine, network
from api.doctor.check import Check, fine, warning
from api.settings import Settings


async def examine(settings: Settings) -> list[Check]:
    """Looks at this machine as ``settings`` would have it used. Asks the STUN and TURN servers of the settings, and
    nobody else; changes nothing.
    """
    return [
        access(settings),
        https(settings),
        network.http_port(settings),
        network.media_addresses(settings),
        network.media_ports(settings),
        network.socket_buffers(settings),
        await network.announced_address(settings),
        *await network.relays(settings),
        machine.libraries(settings),
        machine.codecs(settings),
        machine.srt(settings),
        *machine.fonts(settings),
        machine.recordings(settings),
        machine.open_files(settings),
    ]


def access(settings: Settings) -> Check:
    """Keys, and who can reach the server."""
    name = "access"
    where = f"listens on {settings.host or 'every address'}"
    if not settings.open:
        return fine(name, f"{where}; tokens are asked for")
    if settings.loopback:
        return fine(name, f"{where} only; no keys, so whoever is on this machine may do everything")
    return warning(
        name,
        f"{where} without keys: whoever reaches it may do everything",
        "set keys (`mcu token key` makes one), or listen on 127.0.0.1",
    )


def https(settings: Settings) -> Check:
    """Whether a browser would give a page from here its camera."""
    name = "https"
    if settings.public_url is not None and settings.public_url.scheme == "https":
        return fine(name, str(settings.public_url))
    if settings.loopback:
        return fine(name, "not needed on this machine")
    return warning(
        name,
        "browsers give a page camera and microphone over https only",
        'put a proxy with a certificate in front, and set public_url = "https://…"',
    )
