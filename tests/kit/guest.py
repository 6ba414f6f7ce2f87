"""A program to start beside a server in tests: writes how it was called to ``guest.json``, then waits to be ended."""

import json
import signal
import sys
from pathlib import Path

if __name__ == "__main__":
    Path("guest.json.new").write_text(json.dumps(sys.argv[1:]))
    Path("guest.json.new").rename("guest.json")
    if "--stubborn" in Path("guest.json").read_text():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        signal.pause()
