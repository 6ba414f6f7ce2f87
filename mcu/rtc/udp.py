"""Sending to one address over a socket that somebody else opened, with UDP segmentation offload where it works."""

import errno
import os
import socket
import struct
from functools import lru_cache

Address = tuple[str, int] | tuple[str, int, int, int]

_UDP_SEGMENT = 103
_SEND_BUFFER_SIZE = 1 << 20
"""Room for a key frame to be queued whole by the kernel."""
# What a kernel, a device or a path with a small MTU answers when it won't cut a train into datagrams.
_NO_SEGMENTATION = (errno.EINVAL, errno.EIO, errno.EMSGSIZE, errno.ENOPROTOOPT, errno.EOPNOTSUPP)

Ancillary = list[tuple[int, int, bytes]]


@lru_cache(maxsize=2048)
def segment_of(stride: int) -> Ancillary:
    """The control message that cuts one ``sendmsg`` into datagrams of ``stride`` bytes.

    The message and not the socket option: the option would cut DTLS and STUN on the same socket too.
    """
    return [(socket.IPPROTO_UDP, _UDP_SEGMENT, struct.pack("H", stride))]


@lru_cache(maxsize=1)
def segmentation_works() -> bool:
    """Whether this kernel cuts trains into datagrams: tried once, on loopback."""
    if not hasattr(socket.socket, "sendmsg"):
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there, socket.socket(there.family, there.type) as here:
        try:
            there.bind(("127.0.0.1", 0))
            there.settimeout(1.0)
            here.sendmsg([b"aabb"], segment_of(2), 0, there.getsockname())
            return (there.recv(16), there.recv(16)) == (b"aa", b"bb")
        except OSError:
            return False


class Way:
    """A duplicate of a UDP socket and the address it sends to. ``close`` closes the duplicate only.

    Nothing raises: what the kernel doesn't take at once is lost, counted, and left to retransmission. The counts may
    miss one when two threads fail at the same instant.
    """

    def __init__(self, fd: int, address: Address) -> None:
        self._socket = socket.socket(fileno=os.dup(fd))
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_SIZE)
        self._address = address
        self._segmented = segmentation_works()
        self.errors = 0

    def send(self, datagram: memoryview | bytes) -> bool:
        try:
            self._socket.sendto(datagram, self._address)
        except OSError:
            self.errors += 1
            return False
        return True

    def send_train(self, train: memoryview, stride: int) -> bool:
        """Sends datagrams that stand every ``stride`` bytes; only the last may be shorter."""
        if len(train) <= stride:
            return self.send(train)
        if self._segmented:
            try:
                self._socket.sendmsg((train,), segment_of(stride), 0, self._address)
            except OSError as error:
                if error.errno not in _NO_SEGMENTATION:
                    self.errors += 1
                    return False
                self._segmented = False
            else:
                return True
        whole = True
        for at in range(0, len(train), stride):
            whole &= self.send(train[at : at + stride])
        return whole

    def close(self) -> None:
        """Idempotent. No thread may be sending."""
        self._socket.close()
