"""The ICE servers a client is told of, as ``RTCPeerConnection`` takes them."""

import base64
import hashlib
import hmac
import time
from collections.abc import Sequence

from pydantic import BaseModel

from api.settings import IceServerSettings


class IceServer(BaseModel):
    """RTCIceServer of the W3C WebRTC specification."""

    urls: tuple[str, ...]
    username: str | None = None
    credential: str | None = None


def ice_servers(settings: Sequence[IceServerSettings], user: str, now_s: float | None = None) -> list[IceServer]:
    """``settings`` with credentials for ``user``. Where a shared secret is set they are made for the next ``ttl_s``
    seconds the way coturn checks them: an expiry and the user's name, and their HMAC-SHA1 under the secret.
    """
    now_s = time.time() if now_s is None else now_s
    return [_server(server, user, now_s) for server in settings]


def _server(server: IceServerSettings, user: str, now_s: float) -> IceServer:
    if server.secret is None:
        credential = server.credential.get_secret_value() if server.credential else None
        return IceServer(urls=server.urls, username=server.username, credential=credential)
    username = f"{int(now_s) + server.ttl_s}:{user}"
    mac = hmac.digest(server.secret.get_secret_value().encode(), username.encode(), hashlib.sha1)
    return IceServer(urls=server.urls, username=username, credential=base64.b64encode(mac).decode())
