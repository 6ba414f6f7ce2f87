"""A room made of nothing, for the page alone: the wire's messages, and a stock aiortc peer with a card and a tone.

A test can read what the page asked (``asked``), say events (``say``), refuse joins, and cut sockets.
"""

import asyncio
import contextlib
from typing import Any

from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.sdp import candidate_from_sdp
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from tests.client_web.composite import Card, Tone
from tests.client_web.nouns import ME, SENT_AT, message, person


class FakeServer:
    """One room with whoever joins last as "me". ``url`` is the page's address once ``serve`` has started it."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.refuse_join: dict[str, str] | None = None
        self.lobby = False
        self._deaf: WebSocket | None = None
        self.others: list[dict[str, Any]] = []
        self.layouts: dict[str, dict[str, Any]] = {}
        self.views: dict[str, tuple[int, int]] = {}
        self.undoable: list[dict[str, Any]] = []
        self.scheduled: list[dict[str, Any]] = []
        self.recorded: list[str] = []
        self.paused: list[str] = []
        self.role = "participant"
        self.knows_hands = True
        self.bans: list[dict[str, Any]] = []
        self.password: str | None = None
        self._watched = "main"
        self._said = 0
        self._card: Card | None = None
        self._socket: WebSocket | None = None
        self._name = ""
        self._peers: dict[str, RTCPeerConnection] = {}
        self._received: set[str] = set()
        self._news = asyncio.Condition()
        self.reset()

    def reset(self) -> None:
        self.asked.clear()
        self.others.clear()
        self._received.clear()
        self.refuse_join = None
        self.lobby = False
        self._socket = self._deaf = None
        self.layouts = {"main": {"preset": "grid", "gap": 4}}
        self.views = {"main": (640, 360)}
        self.undoable.clear()
        self.scheduled.clear()
        self.recorded.clear()
        self.paused.clear()
        self.role = "participant"
        self.knows_hands = True
        self.bans.clear()
        self.password = None
        self._watched = "main"
        self._said = 0

    async def wait_for(self, kind: str, at_least: int = 1, **fields: object) -> dict[str, Any]:
        """The data of the newest request of a ``kind`` with these ``fields``, once there are ``at_least`` so many."""

        def found() -> list[dict[str, Any]]:
            return [d for k, d in self.asked if k == kind and fields.items() <= d.items()]

        async with asyncio.timeout(15), self._news:
            await self._news.wait_for(lambda: len(found()) >= at_least)
            return found()[-1]

    async def wait_for_media(self, *kinds: str) -> None:
        """Waits for "main connected", or for decoded media: "main audio", "main video", "screen video"."""
        async with asyncio.timeout(20), self._news:
            await self._news.wait_for(lambda: set(kinds) <= self._received)

    async def say(self, kind: str, data: dict[str, Any]) -> None:
        """Sends an event to the page."""
        assert self._socket is not None, "nobody has joined"
        await self._socket.send_json({"type": kind, "data": data})

    async def cut(self) -> None:
        """Ends the socket without a word, as a proxy does that was restarted."""
        assert self._socket is not None, "nobody has joined"
        lost, self._socket = self._socket, None
        await lost.close(1012)

    def ignore(self) -> None:
        """The page's socket leads nowhere from now on, though nobody says so."""
        assert self._socket is not None, "nobody has joined"
        self._deaf = self._socket

    async def close(self) -> None:
        peers, self._peers = self._peers, {}
        await asyncio.gather(*(pc.close() for pc in peers.values()))

    async def layout(self, request: Request) -> JSONResponse:
        view = request.path_params["view"]
        if request.method == "GET":
            return JSONResponse(self.layouts[view])
        if not self.undoable:
            return JSONResponse({"code": "conflict", "detail": "nothing to undo"}, 409)
        await self.change_layout(view, self.undoable.pop())
        return JSONResponse(self.layouts[view])

    async def patch(self, request: Request) -> JSONResponse:
        """A participant is changed: noted as a request ``patch``, and the page hears of it."""
        who, changes = request.path_params["participant"], await request.json()
        if not any(one["id"] == who for one in self.others):
            return JSONResponse({"code": "no_such_participant", "detail": "nobody here has this id"}, 404)
        await self.say("participant_updated", {"participant": {"id": who, **changes}})
        await self._keep("patch", {"participant": who, **changes})
        return JSONResponse({"id": who})

    async def patch_room(self, request: Request) -> JSONResponse:
        """The room is changed: noted as a request ``patch_room``, and the page hears of it."""
        changes = await request.json()
        self.password = changes.get("password", self.password)
        room = self._room(request.path_params["room"])
        await self.say("room_updated", {"room": {**room, "lobby": changes.get("lobby", False)}})
        await self._keep("patch_room", changes)
        return JSONResponse(room)

    async def door(self, request: Request) -> Response:
        """Who is banned, and the end of a ban, which is noted as a request ``lift``."""
        if request.method == "GET":
            return JSONResponse({"bans": self.bans})
        who = request.path_params["participant"]
        if not any(one["identity"] == who for one in self.bans):
            return JSONResponse({"code": "no_such_ban", "detail": "not banned"}, 404)
        self.bans[:] = [one for one in self.bans if one["identity"] != who]
        await self._keep("lift", {"identity": who})
        return Response(status_code=204)

    async def _keep(self, kind: str, data: dict[str, Any]) -> None:
        async with self._news:
            self.asked.append((kind, data))
            self._news.notify_all()

    async def schedule(self, request: Request) -> Response:
        """The schedule of the view ``main``; others have none."""
        if request.method == "GET":
            mine = self.scheduled if request.path_params["view"] == "main" else []
            return JSONResponse({"scheduled": mine})
        change = next((one for one in self.scheduled if one["id"] == request.path_params["change"]), None)
        if change is None:
            return JSONResponse({"code": "no_such_change", "detail": "no such change waits"}, 404)
        self.scheduled.remove(change)
        await self.say("layout_dropped", {"view": "main", "change": change, "reason": "cancelled"})
        return Response(status_code=204)

    async def change_layout(self, view: str, layout: dict[str, Any]) -> None:
        """A view's layout is another one now, and the page hears of it."""
        self.layouts[view] = layout
        state = {"layout": layout, "etag": "2"}
        await self.say("layout_changed", {"view": view, "state": state, "by": None, "scheduled": None})

    async def change_views(self, views: dict[str, tuple[int, int]]) -> None:
        """The room has these views now, each of a width and a height, and the page hears of it."""
        self.views = views
        await self.say("room_updated", {"room": self._room("demo")})

    async def endpoint(self, websocket: WebSocket) -> None:
        await websocket.accept()
        with contextlib.suppress(WebSocketDisconnect):
            while websocket.application_state is WebSocketState.CONNECTED:
                request = await websocket.receive_json()
                left = request["type"] != "join" and websocket is not self._socket
                if left or websocket is self._deaf:
                    continue
                reply = await self._answer(websocket, request["type"], request["data"])
                with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # the page left while we thought
                    await websocket.send_json({"reply_to": request["id"], **reply})
                await self._keep(request["type"], request["data"])

    async def _answer(self, websocket: WebSocket, kind: str, data: dict[str, Any]) -> dict[str, Any]:
        if kind == "join":
            if self.refuse_join is not None:
                return {"ok": False, "error": self.refuse_join}
            self._socket = websocket
            self._name = data["name"]
            if self.lobby:
                return {"ok": True, "data": {"waiting": {"id": ME, "name": self._name}}}
            return {"ok": True, "data": self._joined(data["room"])}
        if kind == "offer":
            return {"ok": True, "data": {"sdp": await self._answer_offer(data["connection"], data["sdp"])}}
        if kind == "candidate":
            await self._add_candidate(data["connection"], data["candidate"])
        if kind == "layout":
            self.undoable.append(self.layouts[data["view"]])
            await self.change_layout(data["view"], data["layout"])
            return {"ok": True, "data": {"layout": data["layout"], "etag": "2"}}
        if kind == "view" and "tier" in data:
            quality = {"participant": ME, "choice": data["tier"], "tier": data["tier"], "reason": "asked"}
            return {"ok": True, "data": {"participant": self._me(), "quality": quality}}
        if kind == "view":
            return {"ok": True, "data": {"participant": self._watch_view(data["name"])}}
        if kind == "hand":
            if not self.knows_hands:
                return {"ok": False, "error": {"code": "unknown_type", "message": "no such message"}}
            await self.say("participant_updated", {"participant": {**self._me(), "hand": data["raised"]}})
        if kind == "chat":
            self._said += 1
            return {"ok": True, "data": {"message_id": f"mine-{self._said}", "delivered": 1, "sent_at": SENT_AT}}
        if kind == "chat_edit":
            edited = {**message(data["message_id"], ME, data["text"]), "edited_at": SENT_AT}
            return {"ok": True, "data": {"message": edited}}
        if kind == "leave":
            await self.close()
        return {"ok": True, "data": {}}

    async def let_in(self) -> None:
        """Whoever waits in the lobby."""
        await self.say("joined", self._joined("demo"))

    def _joined(self, room: str) -> dict[str, Any]:
        me = self._me()
        names = [p["name"] for p in (me, *self.others)]
        return {
            "participant": me,
            "room": self._room(room),
            "participants": [me, *self.others],
            "ice_servers": [],
            "resume_token": "token-1",
            "quality": {"participant": ME, "choice": "auto", "tier": "high", "reason": "start"},
            "tiles": {"layout_seq": 1, "tiles": [{"participant": n, "source": "camera", "name": n} for n in names]},
        }

    def _me(self) -> dict[str, Any]:
        return {**person(ME, self._name), "role": self.role, "view": self._watched}

    def _room(self, name: str) -> dict[str, Any]:
        views = [{"name": view, "width": width, "height": height} for view, (width, height) in self.views.items()]
        recorded = {"recording": bool(self.recorded), "recorded_views": self.recorded, "paused_views": self.paused}
        return {"name": name, **recorded, "views": views, "password": self.password is not None}

    def _watch_view(self, name: str) -> dict[str, Any]:
        self._watched = name
        if self._card is not None:
            self._card.size = self.views[name]
        return self._me()

    async def _answer_offer(self, connection: str, sdp: str) -> str:
        old = self._peers.pop(connection, None)
        if old is not None:
            await old.close()
        pc = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self._peers[connection] = pc
        watchers: list[asyncio.Task[None]] = []

        @pc.on("track")
        def on_track(track: MediaStreamTrack) -> None:
            watchers.append(asyncio.create_task(self._watch(f"{connection} {track.kind}", track)))

        @pc.on("connectionstatechange")
        async def on_state() -> None:
            await self._note(f"{connection} {pc.connectionState}")

        await pc.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        if connection == "main":
            self._card = Card(self.views[self._watched])
            pc.addTrack(self._card)
            pc.addTrack(Tone())
        await pc.setLocalDescription(await pc.createAnswer())
        return str(pc.localDescription.sdp)

    async def _note(self, name: str) -> None:
        async with self._news:
            self._received.add(name)
            self._news.notify_all()

    async def _watch(self, name: str, track: MediaStreamTrack) -> None:
        with contextlib.suppress(Exception):  # aiortc ends a track with an exception of its own
            await track.recv()
            await self._note(name)
            while True:
                await track.recv()

    async def _add_candidate(self, connection: str, init: dict[str, Any] | None) -> None:
        pc = self._peers[connection]
        if init is None:
            await pc.addIceCandidate(None)
            return
        candidate = candidate_from_sdp(init["candidate"].removeprefix("candidate:"))
        candidate.sdpMid, candidate.sdpMLineIndex = init["sdpMid"], init["sdpMLineIndex"]
        await pc.addIceCandidate(candidate)


def autojoin(server: FakeServer, name: str = "Grace") -> str:
    """The address that brings ``name`` straight into the room."""
    return f"{server.url}/?room=demo&name={name}&autojoin=1"
