"""The remote candidates of one connection: counted, bounded, and kept until there is a transport for them."""

from mcu.errors import BadRequest
from mcu.network import RtcSettings
from mcu.rtc.agreement import RemoteTransport
from mcu.rtc.ice import RemoteCandidate, parse_candidate, refusal


class CandidateIntake:
    """Decides which candidates ICE hears of. ``refused`` counts the others."""

    def __init__(self, settings: RtcSettings) -> None:
        self.refused = 0
        self._settings = settings
        self._transport: RemoteTransport | None = None
        self._admitted = 0
        self._waiting: list[tuple[str, str | None, int | None]] = []

    def open(self, transport: RemoteTransport) -> list[RemoteCandidate]:
        """Learns the transport; the candidates of its offer, and then those that came before it."""
        self._transport = transport
        waiting, self._waiting = self._waiting, []
        offered = [(text, transport.mid, transport.index) for text in transport.candidates]
        return [one for early in offered + waiting if (one := self._admit(transport, *early)) is not None]

    def take(self, text: str, mid: str | None, index: int | None) -> RemoteCandidate | None:
        """A trickled candidate, if it is to be tried now. Raises ``BadRequest`` (``bad_candidate``)."""
        parse_candidate(text)
        if self._transport is not None:
            return self._admit(self._transport, text, mid, index)
        if len(self._waiting) < self._settings.max_candidates:
            self._waiting.append((text, mid, index))
        else:
            self.refused += 1
        return None

    def _admit(
        self, transport: RemoteTransport, text: str, mid: str | None, index: int | None
    ) -> RemoteCandidate | None:
        # Before it knows that its sections are bundled, a client gathers for each of them; one is in use.
        in_use = mid == transport.mid if mid else index in (None, transport.index)
        try:
            candidate = parse_candidate(text)
        except BadRequest:
            # One bad line among the candidates of an offer costs that line.
            self.refused += 1
            return None
        full = self._admitted >= self._settings.max_candidates
        if not in_use or full or refusal(candidate, self._settings) is not None:
            self.refused += 1
            return None
        self._admitted += 1
        return candidate
