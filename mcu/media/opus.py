"""Opus (RFC 6716, RFC 7587) by libopus itself, the one inside the ``av`` wheel.

FFmpeg's wrapper offers neither concealment nor in-band FEC, and no change of bitrate on a running encoder; libopus
does, and lets go of the GIL while it works. An encoder or decoder belongs to one thread at a time.
"""

import ctypes
import ctypes.util
import functools
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from mcu.errors import Internal
from mcu.frames import AUDIO_CLOCK_HZ

MAX_PAYLOAD_BYTES = 6 * 1275 + 7
"""The longest packet there can be: 120 ms in six frames (RFC 6716, section 3.2)."""

MAX_PACKET_SAMPLES = 5760
"""120 ms at 48 kHz."""

_FRAMES = (1, 2, 2)
_FRAME_SAMPLES = (480, 960, 1920, 2880) * 3 + (480, 960) * 2 + (120, 240, 480, 960) * 4
"""Of one frame, by the configuration in a packet's first byte: SILK, hybrid, CELT (RFC 6716, table 2)."""
FRAME_SAMPLES = frozenset({120, 240, 480, 960, 1920, 2880})
CONCEALMENT_STEP = 120
"""Concealment and FEC come in multiples of 2.5 ms."""

_APPLICATION_VOIP, _APPLICATION_AUDIO = 2048, 2049
_SIGNAL_VOICE, _SIGNAL_MUSIC = 3001, 3002
_SET_BITRATE, _SET_COMPLEXITY, _SET_INBAND_FEC, _SET_LOSS_PERC, _SET_DTX = 4002, 4010, 4012, 4014, 4016
_SET_SIGNAL, _RESET = 4024, 4028
_MIN_BITRATE_BPS, _MAX_BITRATE_BPS = 6_000, 510_000

Samples = NDArray[np.int16]


class OpusUnavailable(Internal):
    """There is no libopus on this machine."""


class OpusError(Exception):
    """libopus refused: a damaged packet, or a value it doesn't take. Nothing else is affected."""


def _places() -> Iterator[str]:
    package = Path(av.__file__).resolve().parent
    for folder, pattern in (
        (package.parent / "av.libs", "libopus-*.so*"),
        (package / ".dylibs", "libopus*.dylib"),
        (package.parent / "av.libs", "*opus*.dll"),
    ):
        yield from (str(path) for path in sorted(folder.glob(pattern)))
    installed = ctypes.util.find_library("opus")
    if installed:
        yield installed


@functools.cache
def load_library() -> ctypes.CDLL:
    """libopus, ready to call. Raises ``OpusUnavailable``: call it once at start, so that a server fails there."""
    tried = []
    for place in _places():
        try:
            return _declare(ctypes.CDLL(place))
        except (OSError, AttributeError) as error:
            tried.append(f"{place}: {error}")
    found = "; ".join(tried) or "nothing found"
    raise OpusUnavailable(f"libopus is missing on {sys.platform}: install the av wheel or libopus 1.3+ ({found})")


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    """Declares every function called. Variadic ones need the types of their fixed arguments on Apple's ARM."""
    pointer, number, text = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p
    signatures = {
        "opus_strerror": (text, [number]),
        "opus_encoder_create": (pointer, [ctypes.c_int32, number, number, ctypes.POINTER(number)]),
        "opus_encoder_destroy": (None, [pointer]),
        "opus_encoder_ctl": (number, [pointer, number]),
        "opus_encode": (ctypes.c_int32, [pointer, pointer, number, pointer, ctypes.c_int32]),
        "opus_decoder_create": (pointer, [ctypes.c_int32, number, ctypes.POINTER(number)]),
        "opus_decoder_destroy": (None, [pointer]),
        "opus_decoder_ctl": (number, [pointer, number]),
        "opus_decode": (number, [pointer, text, ctypes.c_int32, pointer, number, number]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    if hasattr(library, "opus_packet_has_lbrr"):
        library.opus_packet_has_lbrr.argtypes = [text, ctypes.c_int32]
    return library


def _checked(code: int) -> int:
    if code < 0:
        raise OpusError(load_library().opus_strerror(code).decode())
    return code


def _checked_payload(payload: bytes) -> bytes:
    # libopus takes no bytes as "the packet was lost": that must not be for the sender to decide.
    if not 0 < len(payload) <= MAX_PAYLOAD_BYTES:
        raise OpusError(f"a packet has 1 to {MAX_PAYLOAD_BYTES} bytes, not {len(payload)}")
    return payload


def packet_samples(payload: bytes) -> int:
    """How much sound a packet holds, in samples at 48 kHz, read from its first bytes (RFC 6716, section 3.1). Raises
    ``OpusError``.
    """
    toc = _checked_payload(payload)[0]
    code = toc & 3
    if code == 3 and len(payload) < 2:
        raise OpusError("a packet that ends before the number of its frames")
    frames = payload[1] & 63 if code == 3 else _FRAMES[code]
    samples = frames * _FRAME_SAMPLES[toc >> 3]
    if not 0 < samples <= MAX_PACKET_SAMPLES:
        raise OpusError("a packet without a frame, or of more than 120 ms")
    return samples


def has_fec(payload: bytes) -> bool:
    """Whether a packet holds a second, coarser copy of the packet before it (RFC 6716, section 2.1.7)."""
    library = load_library()
    if hasattr(library, "opus_packet_has_lbrr"):
        return bool(library.opus_packet_has_lbrr(_checked_payload(payload), len(payload)) > 0)
    # libopus before 1.5 doesn't tell. Modes with a SILK layer may; asked in vain, the decoder conceals instead.
    return _checked_payload(payload)[0] >> 3 < 16


def silence_like(payload: bytes) -> bytes:
    """A packet in the form of ``payload`` whose frames are empty: for a decoder, silence that was meant (RFC 6716,
    section 3.2; RFC 7587, section 3.1.3). One byte, or two where the frames have to be counted.
    """
    head, frames = payload[0] & 0xFC, payload[0] & 3
    if frames == 3:
        return bytes((payload[0], payload[1] & 0x3F))
    return bytes((head | min(frames, 1),))


class OpusEncoder:
    """Compresses one sound. ``expected_loss`` (0 to 1) decides how much of the bitrate goes into FEC.

    Raises ``OpusUnavailable`` without libopus, ``OpusError`` for values it doesn't take.
    """

    def __init__(
        self,
        bitrate_bps: int,
        *,
        channels: int = 1,
        complexity: int = 5,
        inband_fec: bool = True,
        dtx: bool = False,
        expected_loss: float = 0.0,
        music: bool = False,
        max_packet_bytes: int = MAX_PAYLOAD_BYTES,
    ) -> None:
        self._handle: int | None = None
        self._library = load_library()
        self._channels = channels
        error = ctypes.c_int()
        application = _APPLICATION_AUDIO if music else _APPLICATION_VOIP
        handle = self._library.opus_encoder_create(AUDIO_CLOCK_HZ, channels, application, ctypes.byref(error))
        _checked(error.value)
        self._handle = handle
        self._packet = np.empty(max_packet_bytes, np.uint8)
        try:
            self.set_bitrate(bitrate_bps)
            self._control(_SET_COMPLEXITY, complexity)
            self._control(_SET_INBAND_FEC, int(inband_fec))
            self._control(_SET_DTX, int(dtx))
            self._control(_SET_SIGNAL, _SIGNAL_MUSIC if music else _SIGNAL_VOICE)
            self.set_expected_loss(expected_loss)
        except OpusError:
            self.close()
            raise

    def encode(self, pcm: Samples) -> bytes:
        """One packet from int16 of shape (n,), for two channels (n, 2), n a frame of 2.5 to 60 ms (960: 20 ms).

        With ``dtx``, a packet of one or two bytes stands for silence: only the first of a row needs sending.
        """
        if pcm.dtype != np.int16 or pcm.size % self._channels or pcm.size // self._channels not in FRAME_SAMPLES:
            raise OpusError(f"cannot encode {pcm.dtype} of {pcm.shape} with {self._channels} channel(s)")
        pcm = np.ascontiguousarray(pcm)
        length = self._library.opus_encode(
            self._open(), pcm.ctypes.data, pcm.size // self._channels, self._packet.ctypes.data, self._packet.size
        )
        return self._packet[: _checked(length)].tobytes()

    def set_bitrate(self, bitrate_bps: int) -> None:
        """6 to 510 kbit/s, clamped; from the next packet on, without a gap."""
        self._control(_SET_BITRATE, min(_MAX_BITRATE_BPS, max(_MIN_BITRATE_BPS, bitrate_bps)))

    def set_expected_loss(self, fraction: float) -> None:
        """The loss the listeners report, 0 to 1. Without any, libopus puts no FEC into its packets."""
        self._control(_SET_LOSS_PERC, min(100, max(0, round(fraction * 100))))

    def reset(self) -> None:
        """Forgets the sound so far, for another one to follow; settings stay."""
        _checked(self._library.opus_encoder_ctl(self._open(), _RESET))

    def close(self) -> None:
        """Frees the encoder. Idempotent; not while another thread encodes."""
        handle, self._handle = self._handle, None
        if handle is not None:
            self._library.opus_encoder_destroy(handle)

    def __del__(self) -> None:
        if getattr(self, "_handle", None) is not None:
            self.close()

    def _control(self, request: int, value: int) -> None:
        _checked(self._library.opus_encoder_ctl(self._open(), request, ctypes.c_int(value)))

    def _open(self) -> int:
        if self._handle is None:
            raise OpusError("the encoder is closed")
        return self._handle


class OpusDecoder:
    """Decompresses one stream to 48 kHz. With ``channels=1``, stereo packets are folded down to mono.

    Every array handed out is new: int16 of shape (n,), for two channels (n, 2).
    """

    def __init__(self, channels: int = 1) -> None:
        self._handle: int | None = None
        self._library = load_library()
        self._channels = channels
        error = ctypes.c_int()
        handle = self._library.opus_decoder_create(AUDIO_CLOCK_HZ, channels, ctypes.byref(error))
        _checked(error.value)
        self._handle = handle
        self._pcm = np.empty((MAX_PACKET_SAMPLES, channels), np.int16)

    def decode(self, payload: bytes) -> Samples:
        """A packet of any duration (2.5 to 120 ms). Raises ``OpusError`` when it is damaged; decode on after that."""
        return self._decode(_checked_payload(payload), MAX_PACKET_SAMPLES, fec=False)

    def conceal(self, samples: int) -> Samples:
        """Invents what may have been in a lost packet; ``samples`` is rounded up to 2.5 ms, at most 120 ms."""
        return self._decode(None, self._step(samples), fec=False)

    def decode_fec(self, next_payload: bytes, samples: int) -> Samples:
        """The ``samples`` right before ``next_payload``, from the copy inside it (``has_fec``).

        Decode ``next_payload`` itself afterwards. Falls back to concealment where there is no copy.
        """
        wanted = self._step(max(samples, packet_samples(next_payload)))
        decoded = self._decode(next_payload, wanted, fec=True)
        return decoded[max(0, len(decoded) - self._step(samples)) :]

    def reset(self) -> None:
        """Forgets the stream so far, for another one to follow."""
        _checked(self._library.opus_decoder_ctl(self._open(), _RESET))

    def close(self) -> None:
        """Frees the decoder. Idempotent; not while another thread decodes."""
        handle, self._handle = self._handle, None
        if handle is not None:
            self._library.opus_decoder_destroy(handle)

    def __del__(self) -> None:
        if getattr(self, "_handle", None) is not None:
            self.close()

    @staticmethod
    def _step(samples: int) -> int:
        return min(MAX_PACKET_SAMPLES, max(1, -(-samples // CONCEALMENT_STEP)) * CONCEALMENT_STEP)

    def _decode(self, payload: bytes | None, samples: int, *, fec: bool) -> Samples:
        length = 0 if payload is None else len(payload)
        decoded = self._library.opus_decode(self._open(), payload, length, self._pcm.ctypes.data, samples, int(fec))
        pcm = self._pcm[: _checked(decoded)].copy()
        return pcm[:, 0] if self._channels == 1 else pcm

    def _open(self) -> int:
        if self._handle is None:
            raise OpusError("the decoder is closed")
        return self._handle
