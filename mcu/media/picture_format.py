"""How large a keyframe says its picture is, read without decoding it: VP8 (RFC 6386), H.264 (ITU-T H.264)."""

from dataclasses import dataclass

from mcu.frames import VideoCodec
from mcu.rtc.packetise import nal_units
from mixer.geometry import Size

_SPS = 7
_MAX_SPS_BYTES = 128
_MAX_ZEROS = 31
_WITH_CHROMA = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
"""Profiles whose parameter sets tell of chroma (H.264, 7.3.2.1.1). None of them is asked for here."""


@dataclass(frozen=True, slots=True)
class PictureFormat:
    """``profile`` is H.264's profile_idc; 0 for VP8."""

    codec: VideoCodec
    size: Size
    profile: int = 0


def picture_format(codec: VideoCodec, keyframe: bytes) -> PictureFormat | None:
    """What a keyframe says of itself; None when it can't be read."""
    return _vp8(keyframe) if codec == "VP8" else _h264(keyframe)


def _vp8(data: bytes) -> PictureFormat | None:
    if len(data) < 10 or data[3:6] != b"\x9d\x01\x2a":
        return None
    width, height = (data[6] | data[7] << 8) & 0x3FFF, (data[8] | data[9] << 8) & 0x3FFF
    return PictureFormat("VP8", Size(width, height)) if width and height else None


def _h264(data: bytes) -> PictureFormat | None:
    for nal in nal_units(data[: 8 * _MAX_SPS_BYTES]):
        if nal[0] & 31 == _SPS and len(nal) > 4 and nal[1] not in _WITH_CHROMA:
            size = _sps_size(_Bits(nal[4:_MAX_SPS_BYTES].replace(b"\0\0\3", b"\0\0")))
            return None if size is None else PictureFormat("H264", size, nal[1])
    return None


def _sps_size(bits: "_Bits") -> Size | None:
    """The picture of a sequence parameter set, from behind its level on (7.3.2.1.1); 4:2:0."""
    try:
        bits.unsigned()  # its id
        bits.unsigned()  # log2_max_frame_num
        order = bits.unsigned()
        if order == 0:
            bits.unsigned()
        elif order == 1:
            bits.take(1)
            for _ in range(2):
                bits.unsigned()  # signed ones are as long
            for _ in range(min(bits.unsigned(), 255)):
                bits.unsigned()
        bits.unsigned()  # reference frames
        bits.take(1)
        across, down = bits.unsigned() + 1, bits.unsigned() + 1
        frames_only = bits.take(1)
        if not frames_only:
            bits.take(1)
        bits.take(1)
        left, right, top, bottom = (bits.unsigned() for _ in range(4)) if bits.take(1) else (0, 0, 0, 0)
    except IndexError:
        return None
    fields = 2 - frames_only
    width, height = across * 16 - 2 * (left + right), down * 16 * fields - 2 * fields * (top + bottom)
    return Size(width, height) if width > 0 and height > 0 else None


class _Bits:
    """Reads bits and Exp-Golomb codes (9.1). Raises IndexError behind the end, and for codes longer than 32 bits."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> int:
        value = 0
        for _ in range(count):
            value = value << 1 | self._data[self._at >> 3] >> (7 - (self._at & 7)) & 1
            self._at += 1
        return value

    def unsigned(self) -> int:
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > _MAX_ZEROS:
                raise IndexError("the code is too long")
        return (1 << zeros) - 1 + self.take(zeros)
