"""Programs that some tests need and pip cannot install."""

import os
import shutil
import subprocess
from typing import NoReturn

import pytest

SYSTEM_PYTHON = "/usr/bin/python3"
"""Debian's own, which has ``gi``."""


def require_program(name: str, package: str, *, alias: str | None = None, folders: str | None = None) -> str:
    """The program's path, under whichever of its names it is here; ``folders``: where to look in place of PATH. Skips
    the calling test where there is none; in CI (``CI=true``) it fails instead.
    """
    path = shutil.which(name, path=folders) or (shutil.which(alias, path=folders) if alias is not None else None)
    if path is None:
        _missing(f"no {name} here: apt-get install {package}")
    return path


def require_webrtcbin() -> str:
    """A Python that can run ``tests/kit/gst_client.py``. Skips the calling test, or fails it in CI, as above."""
    script = "import gi; gi.require_version('GstWebRTC', '1.0'); from gi.repository import Gst, GstWebRTC; Gst.init();"
    script += "assert Gst.ElementFactory.make('webrtcbin') and Gst.ElementFactory.make('nicesrc')"
    try:
        found = subprocess.run([SYSTEM_PYTHON, "-c", script], capture_output=True, timeout=30, check=False).returncode
    except FileNotFoundError:
        found = 1
    if found != 0:
        _missing("no webrtcbin here: apt-get install the packages for it in scripts/system-packages")
    return SYSTEM_PYTHON


def _missing(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}. CI must not skip these tests.")
    pytest.skip(reason)
