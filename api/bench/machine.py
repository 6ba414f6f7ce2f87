"""Where figures come from: the machine and the versions of everything whose speed is measured."""

import ctypes
import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np

from api.bench.programs import installed, said_by

CALM_LOAD: Final = 0.5
"""Runnable programs a core beside the bench: with more, absolute times are those of a busy machine."""


def facts() -> dict[str, object]:
    """Processor, cores, kernel, memory, and how busy the machine is now (the load of the last minute)."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count() or 1,
        "kernel": f"{platform.system()} {platform.release()}",
        "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20,
        "load_1min": load_1min(),
    }


def load_1min() -> float:
    return round(os.getloadavg()[0], 2)


def busy() -> bool:
    """Whether somebody else is at work here."""
    return load_1min() > CALM_LOAD * (os.cpu_count() or 1)


def versions() -> dict[str, str]:
    """Of Python, the packages, the codecs inside the ``av`` wheel, and the programs that are compared with."""
    found = {"python": platform.python_version()}
    for name, package in (("mosaic-mcu", "mosaic-mcu"), ("aiortc", "aiortc"), ("pylibsrtp", "pylibsrtp")):
        try:
            found[name] = version(package)
        except PackageNotFoundError:
            found[name] = "not installed"
    found |= {"av": av.__version__, "numpy": np.__version__, "cv2": cv2.__version__}
    found["libavcodec"] = ".".join(map(str, av.library_versions["libavcodec"]))
    found |= _codecs()
    for name in ("ffmpeg", "gst-launch-1.0"):
        arguments = ("-version",) if name == "ffmpeg" else ("--version",)
        line = said_by(name, *arguments).partition("\n")[0] if installed(name) else "not installed"
        found[name] = re.sub(r"^\S+ version (\S+).*", r"\1", line)
    return found


def _cpu() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        named = re.search(r"^model name\s*:\s*(.+)$", information.read_text(), re.MULTILINE)
        if named:
            return named[1].strip()
    return platform.processor() or platform.machine()


def _codecs() -> dict[str, str]:
    """libvpx and libopus say their version; libx264 has its build number in its file's name."""
    found = {}
    for name, function in (("libvpx", "vpx_codec_version_str"), ("libopus", "opus_get_version_string")):
        for path in _bundled(name):
            says = getattr(ctypes.CDLL(str(path)), function)
            says.restype = ctypes.c_char_p
            found[name] = says().decode().removeprefix(f"{name} ").removeprefix("v")
    for path in _bundled("libx264"):
        found["libx264"] = f"build {path.name.rpartition('.')[2]}"
    return found


def _bundled(name: str) -> list[Path]:
    return sorted((Path(av.__file__).resolve().parents[1] / "av.libs").glob(f"{name}-*.so*"))[:1]
