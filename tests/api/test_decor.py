"""What a picture shows besides people, over the socket and REST: raised hands."""

from api.server import Server
from tests.api.socket import SocketClient
from tests.kit.engine import FakeEngine


async def test_a_client_raises_its_hand_and_the_others_are_told(server: Server, engine: FakeEngine) -> None:
    async with SocketClient(server) as ada, SocketClient(server) as bob:
        me = (await ada.ask("join", room="team", name="Ada"))["participant"]
        assert me["hand"] is False
        await bob.ask("join", room="team", name="Bob")
        assert (await ada.ask("hand", raised=True))["participant"]["hand"] is True
        told = (await bob.event("participant_updated"))["participant"]
        assert (told["id"], told["hand"]) == (me["id"], True)
        assert (await ada.ask("hand", raised=False))["participant"]["hand"] is False
        assert (await ada.refused("hand"))["field"] == "raised"
