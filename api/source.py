"""Where a request comes from, as far as one household or attacker goes."""

from ipaddress import IPv6Address, IPv6Network, ip_address

from starlette.requests import HTTPConnection


def source_of(connection: HTTPConnection) -> str | None:
    """The client's address; of IPv6 its /64, since whoever has one address there has them all. None where it is not
    known. Behind a proxy on this machine it is what ``X-Forwarded-For`` says, behind any other the proxy's own.
    """
    try:
        address = ip_address(connection.client.host if connection.client else "")
    except ValueError:
        return None
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Network((address.packed, 64), strict=False))
