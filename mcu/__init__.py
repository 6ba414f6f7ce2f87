"""Live rooms: everything with a clock, a thread, a codec, a socket or a file.

This file stays empty of imports on purpose: ``import mcu.protocol`` must load no media library.
"""
