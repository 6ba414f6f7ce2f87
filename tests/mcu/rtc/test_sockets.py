"""Sockets for media out of a range of ports."""

from contextlib import ExitStack

import pytest

from mcu.rtc.sockets import open_media_socket

RANGE = (22000, 22039)


def test_every_port_of_a_range_is_found() -> None:
    with ExitStack() as sockets:
        opened = [sockets.enter_context(open_media_socket("127.0.0.1", RANGE)) for _ in range(40)]
        assert {sock.getsockname()[1] for sock in opened} == set(range(22000, 22040))
        with pytest.raises(OSError, match="no free port between 22000 and 22039"):
            open_media_socket("127.0.0.1", RANGE)


def test_a_strange_address_is_said_at_once() -> None:
    with pytest.raises(OSError, match="assign"):
        open_media_socket("203.0.113.1", (1024, 65535))
