"""The process that sends one output: ``python -m mcu.outputs.sender``, with ``mcu.outputs.pipe`` on its standard input
and output.

A process because FFmpeg can't be called off: PyAV connects with the interpreter locked (``avio_open`` and
``avformat_write_header``), so a destination that accepts and then says nothing would freeze every room of the server.
Here it costs this process alone, which an alarm of the system ends. The address and the token come over the pipe: what
stands in a command line can be read by everybody on the machine.
"""

import os
import signal
import ssl
import sys
import time
from collections import deque
from typing import BinaryIO, Final

import av
import numpy as np

from mcu.clock import NS_PER_MS
from mcu.outputs.muxing import LiveMuxer
from mcu.outputs.pipe import END, PICTURE, Item, News, Setup, read_item, read_setup
from mcu.outputs.trust import check_certificate
from mcu.recording.soundtrack import Soundtrack

PATIENCE_S: Final = 10.0
"""How long the destination may hold this process up at a time; then the system ends it, whatever it is in."""
EARLY_BLOCKS: Final = 50
"""Sound that is kept for the first keyframe to turn out to be older than it: an encoder is later than a mixer."""
SOUND_PATIENCE_NS: Final = 400 * NS_PER_MS
"""Sound that is further behind the pictures than this is taken to be lost."""
NEWS_S: Final = 0.5


class Sending:
    """Lays pictures and sound out on one line of time, which begins with the first keyframe."""

    def __init__(self, muxer: LiveMuxer, first: Item, early: deque[Item]) -> None:
        self._muxer = muxer
        self._origin_ns = first.time_ns
        self._soundtrack = Soundtrack(first.time_ns, muxer.frame_samples, muxer.write_sound)
        self.take(first)
        for item in early:
            self.take(item)

    def take(self, item: Item) -> None:
        if item.kind == PICTURE:
            self._muxer.write_picture(item.body, item.keyframe, item.time_ns - self._origin_ns)
            self._soundtrack.pad_to(item.time_ns - SOUND_PATIENCE_NS)
        else:
            self._soundtrack.add(np.frombuffer(item.body, np.int16), item.time_ns)


def send(setup: Setup, source: BinaryIO, tell: BinaryIO) -> None:
    """Sends until it is told to end; where ``source`` ends untold, the process does, without a word. Raises
    ``OSError``, ``ValueError`` or ``av.FFmpegError``.
    """
    early: deque[Item] = deque(maxlen=EARLY_BLOCKS)
    while True:
        first = _next(source)
        if first.kind == END:
            return
        if first.keyframe:
            break
        early.append(first)
    _wait_at_most(PATIENCE_S)
    if setup.verify:
        check_certificate(setup.target)
    with LiveMuxer(setup, first.body) as muxer:
        sending = Sending(muxer, first, early)
        told_s = 0.0
        while True:
            _wait_at_most(None)
            if time.monotonic() - told_s >= NEWS_S:
                told_s = time.monotonic()
                _tell(tell, News(True, muxer.bytes_sent))
            item = _next(source)
            _wait_at_most(PATIENCE_S)
            if item.kind == END:
                break
            sending.take(item)
    _tell(tell, News(True, muxer.bytes_sent))


def main() -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is the server's business, which ends the input
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    tell = sys.stdout.buffer
    try:
        setup = read_setup(sys.stdin.buffer)
        send(setup, sys.stdin.buffer, tell)
    except (OSError, ValueError, av.FFmpegError) as error:
        _wait_at_most(PATIENCE_S)
        _tell(tell, News(False, 0, _reason(error)))
        return 1
    return 0


def _next(source: BinaryIO) -> Item:
    item = read_item(source)
    if item is None:
        os._exit(1)  # another may have begun in this one's place: a playlist must not be ended under it
    return item


def _tell(tell: BinaryIO, news: News) -> None:
    tell.write(news.line())
    tell.flush()


def _wait_at_most(seconds: float | None) -> None:
    """SIGALRM ends the process where nobody handles it, in the midst of a system call too."""
    signal.setitimer(signal.ITIMER_REAL, seconds or 0.0)


def _reason(error: Exception) -> str:
    """Without the address, which FFmpeg's errors hold."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the destination's certificate is not valid: {error.verify_message}"
    if isinstance(error, av.FFmpegError | OSError):
        return error.strerror or type(error).__name__
    return type(error).__name__


if __name__ == "__main__":
    sys.exit(main())
