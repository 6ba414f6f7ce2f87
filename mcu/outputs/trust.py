"""Is a destination who it says it is? FFmpeg doesn't ask when PyAV connects with it, nor can it be told to."""

import socket
import ssl
from typing import Final
from urllib.parse import urlsplit

PORTS: Final = {"rtmps": 443, "https": 443}
TIMEOUT_S: Final = 5.0


def check_certificate(url: str) -> None:
    """Looks at the certificate of an ``rtmps`` or ``https`` address on a connection of its own, over which nothing is
    said: whoever sits in between and answers with another certificate is found out before the key or token goes by.
    Raises ``OSError``. Other addresses have none.
    """
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        return
    address = parts.hostname, parts.port or PORTS[parts.scheme]
    context = ssl.create_default_context()
    with (
        socket.create_connection(address, TIMEOUT_S) as connection,
        context.wrap_socket(connection, server_hostname=parts.hostname),
    ):
        return
