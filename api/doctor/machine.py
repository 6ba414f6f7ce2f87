"""Libraries, codecs, letters, directories, limits of the system."""

import shutil
import tempfile
from pathlib import Path

from api.doctor.check import Check, failure, fine, warning
from api.settings import Settings

FREE_BYTES = 2 * 1024**3
FILES_PER_PERSON = 4
LETTERS = "Añ한漢あЖعא"


def libraries(_: Settings) -> Check:
    from mcu.errors import Internal
    from mcu.rtc.binding import self_check

    name = "libraries"
    try:
        self_check()
    except Internal as error:
        return failure(name, error.message, "install the versions in constraints.txt")
    return fine(name, "aiortc and aioice are as expected")


def codecs(_: Settings) -> Check:
    """Opens what a room opens."""
    import av

    from mcu.media.encoding import VideoEncoder
    from mcu.media.opus import load_library

    name, missing = "codecs", []
    for codec in ("H264", "VP8"):
        try:
            VideoEncoder(codec, 64, 64, 25, 100_000)
            av.CodecContext.create(codec.lower(), "r")
        except (av.FFmpegError, ValueError) as error:
            missing.append(f"{codec}: {error}")
    try:
        load_library()
    except OSError as error:
        missing.append(f"Opus: {error}")
    if missing:
        return failure(name, "; ".join(missing), "reinstall the package av from its wheel: it brings the codecs along")
    return fine(name, "H.264, VP8 and Opus")


def srt(_: Settings) -> Check:
    """Whether live outputs can go by SRT: what they need beside the wheels."""
    from mcu.outputs.srt import SrtLibrary

    name = "SRT"
    try:
        SrtLibrary()
    except OSError as error:
        return warning(name, "no library for SRT: outputs to srt:// are refused", error.strerror or "")
    return fine(name, "outputs may go to srt://")


def fonts(_: Settings) -> list[Check]:
    from mixer.emoji import Emoji
    from mixer.typeface import Typeface

    face = Typeface()
    lacking = [letter for letter in LETTERS if not face.has(letter)]
    letters = (
        failure("letters", f"no glyphs for {' '.join(lacking)}", "install opencv-python 5 or newer from its wheel")
        if lacking
        else fine("letters", "Latin, Hangul, Han, kana, Cyrillic, Arabic, Hebrew")
    )
    if Emoji().available:
        return [letters, fine("emoji", "Noto Color Emoji")]
    advice = "apt-get install fonts-noto-color-emoji, and pip install the extra `emoji`"
    return [letters, warning("emoji", "no colour emoji: they are left out of names", advice)]


def recordings(settings: Settings) -> Check:
    """Whether a recording could be written, without leaving anything behind."""
    name, folder = "recordings", settings.recordings_dir.absolute()
    place = _existing(folder)
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"\0")
        free = shutil.disk_usage(place).free
    except OSError as error:
        return failure(
            name,
            f"{folder} can't be written: {error.strerror or error}",
            "set recordings_dir to a directory that the server's user may write",
        )
    found = f"{folder}, {free / 1024**3:.1f} GiB free"
    if free < FREE_BYTES:
        return warning(name, found, "an hour at 1.5 Mbit/s takes 0.7 GiB: make room, or set recordings_dir elsewhere")
    return fine(name, found)


def open_files(settings: Settings) -> Check:
    name = "open files"
    try:
        import resource
    except ImportError:  # Unix only
        return fine(name, "this system has no such limit")
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_PER_PERSON * settings.limits.max_participants + 256
    if soft != resource.RLIM_INFINITY and soft < wanted:
        return warning(name, f"a process may open {soft}", f"raise it to {wanted} or more: ulimit -n, or LimitNOFILE=")
    return fine(name, "as many as it likes" if soft == resource.RLIM_INFINITY else f"up to {soft}")


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it that is there: the server makes the rest."""
    return next(one for one in (folder, *folder.parents) if one.exists())
