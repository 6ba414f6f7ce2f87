"""Offers and fragments of candidates as WHIP and WHEP take them, with no media behind them."""

SDP = {"Content-Type": "application/sdp"}
FRAGMENT = {"Content-Type": "application/trickle-ice-sdpfrag"}
CANDIDATE = "candidate:1 1 udp 2113937151 192.0.2.7 50000 typ host"
ICE = "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n"


def offer(direction: str = "sendonly", kinds: tuple[str, ...] = ("audio", "video")) -> str:
    sections = (
        f"m={kind} 9 UDP/TLS/RTP/SAVPF 9{index}\r\na=mid:{index}\r\n{ICE}a={direction}\r\n"
        for index, kind in enumerate(kinds)
    )
    return "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n" + "".join(sections)


def fragment(*lines: str, ice: str = ICE) -> str:
    return f"m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n{ice}" + "".join(f"a={line}\r\n" for line in lines)
