"""``/socket.io``: the canonical messages as Socket.IO events, and the two dialects of teaching projects."""

from api.signaling.socketio.door import SocketIoDoor

__all__ = ["SocketIoDoor"]
