"""UDP sockets for media."""

import errno
import random
import socket

BUFFER_BYTES = 1 << 20
"""Room for a burst of key frames in either direction; the kernel may grant less."""


def open_media_socket(address: str, port_range: tuple[int, int] | None) -> socket.socket:
    """A non-blocking UDP socket on ``address``, on a random port of the range; the caller closes it.

    Raises ``OSError`` when the address is not this machine's or every port of the range is taken.
    """
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, BUFFER_BYTES)
        _bind(sock, address, port_range)
    except BaseException:
        sock.close()
        raise
    return sock


def _bind(sock: socket.socket, address: str, port_range: tuple[int, int] | None) -> None:
    if port_range is None:
        sock.bind((address, 0))
        return
    first, last = port_range
    count = last - first + 1
    start = random.randrange(count)  # from there on, one after the other: the last free port is found too
    for step in range(count):
        try:
            sock.bind((address, first + (start + step) % count))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            return
    raise OSError(errno.EADDRINUSE, f"no free port between {first} and {last} on {address}")
