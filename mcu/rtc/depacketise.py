"""From the payload of one RTP packet to a piece of a frame: VP8 (RFC 7741) and H.264 (RFC 6184, mode 1)."""

from mcu.frames import VideoCodec

MAX_FRAME_PIXELS = 3840 * 2160
"""A VP8 key frame that claims more than this is refused before a decoder allocates for it."""

_START_CODE = b"\0\0\0\1"
_IDR, _SPS, _STAP_A, _FU_A = 5, 7, 24, 28
_VP8_START_CODE = b"\x9d\x01\x2a"


START, KEYFRAME, ENTRY = 1, 2, 4
"""What is known of a piece. ``START``: a frame or a NAL unit begins with it. ``KEYFRAME``: it belongs to a key frame
(for VP8 only the first piece can tell). ``ENTRY``: it is certainly the first of a frame at which decoding can begin.
"""

Fragment = tuple[bytes, int]
"""A piece of a frame, ready to be appended to the pieces before it, and what is known of it."""


def depacketise(codec: VideoCodec, payload: memoryview | bytes) -> Fragment | None:
    """The piece of a frame in a payload that isn't empty, or None when it is malformed or oversized."""
    return _vp8(payload) if codec == "VP8" else _h264(payload)


def _vp8(payload: memoryview | bytes) -> Fragment | None:
    size, at = len(payload), 1
    first = payload[0]
    if first & 0x80:
        if size < 2:
            return None
        extension = payload[1]
        at = 2
        if extension & 0x80:
            if size < 3:
                return None
            at += 2 if payload[2] & 0x80 else 1
        if extension & 0x40:
            at += 1
        if extension & 0x30:
            at += 1
    if at >= size:
        return None
    data = bytes(payload[at:])
    if first & 0x1F != 0x10:
        return data, 0
    if data[0] & 1:
        return data, START
    return (data, START | KEYFRAME | ENTRY) if _vp8_keyframe_fits(data) else None


def _vp8_keyframe_fits(data: bytes) -> bool:
    """Whether the header of a VP8 key frame (RFC 6386, 9.1) is whole and its picture small enough."""
    if len(data) < 10 or data[3:6] != _VP8_START_CODE:
        return False
    width = (data[6] | data[7] << 8) & 0x3FFF
    height = (data[8] | data[9] << 8) & 0x3FFF
    return 0 < width * height <= MAX_FRAME_PIXELS


def _h264(payload: memoryview | bytes) -> Fragment | None:
    kind = payload[0] & 31
    if 1 <= kind <= 23:
        return _START_CODE + bytes(payload), START | _known(kind)
    if kind == _STAP_A:
        return _stap_a(payload)
    if kind == _FU_A and len(payload) > 2:
        head = payload[1]
        kind = head & 31
        if not head & 0x80:
            return bytes(payload[2:]), _known(kind) & KEYFRAME
        nal_header = bytes((payload[0] & 0xE0 | kind,))
        return _START_CODE + nal_header + bytes(payload[2:]), START | _known(kind)
    return None


def _known(kind: int) -> int:
    """What the kind of a NAL unit tells of its frame."""
    return KEYFRAME if kind == _IDR else ENTRY if kind == _SPS else 0


def _stap_a(payload: memoryview | bytes) -> Fragment | None:
    pieces: list[bytes] = []
    known = START
    at, end = 1, len(payload)
    while at < end:
        size = int.from_bytes(payload[at : at + 2], "big")
        nal = bytes(payload[at + 2 : at + 2 + size])
        if not size or len(nal) != size:
            return None
        known |= _known(nal[0] & 31)
        pieces += (_START_CODE, nal)
        at += 2 + size
    return (b"".join(pieces), known) if pieces else None
