"""What the server takes of aiortc and aioice: their ICE agent and their DTLS transport, by subclassing.

The one place that names their private parts. Nothing is patched globally: stock aiortc in the same process behaves as
ever. ``self_check`` proves at start-up that every name relied upon is there; a release that renamed one is refused
with a sentence instead of failing in a call. All of it lives on the event loop.
"""

from mcu.rtc.binding.agent import DatagramCounts, IceAgent, IceOptions, IcePath
from mcu.rtc.binding.check import self_check
from mcu.rtc.binding.data import DataLink
from mcu.rtc.binding.dtls import Certificate, DtlsLink

__all__ = ["Certificate", "DataLink", "DatagramCounts", "DtlsLink", "IceAgent", "IceOptions", "IcePath", "self_check"]
