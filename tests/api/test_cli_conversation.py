"""The commands for what is said, heard and worn in a room, and for who may come, against a real server."""

import io
import wave
from pathlib import Path

from tests.api.people import Meeting, pass_for
from tests.api.terminal import Terminal, terminal
from tests.kit.images import RED, file_of, plain

__all__ = ["terminal"]


def wav(seconds: float) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(int(16_000 * seconds)))
    return file.getvalue()


async def test_bans(terminal: Terminal, meeting: Meeting) -> None:
    ada = await meeting.enter("ada")
    banned = await terminal.json("ban", "add", "team", "ada", "--for", "600", "--reason", "[b]enough[/]")
    assert (banned["identity"], banned["reason"]) == ("ada", "[b]enough[/]")
    assert await ada.event("kicked") == {"reason": "[b]enough[/]"}
    table = (await terminal.run("ban", "list", "team")).stdout
    assert "ada" in table
    assert "[b]enough[/]" in table
    assert (await terminal.run("ban", "lift", "team", "ada")).stdout == "ada may come back\n"
    assert await terminal.json("ban", "list", "team") == []
    assert "no_such_ban" in (await terminal.run("ban", "lift", "team", "ada", status=1)).stderr


async def test_the_lobby_is_decided(terminal: Terminal, meeting: Meeting) -> None:
    await meeting.set_room(lobby=True)
    guest = await meeting.socket()
    await guest.ask("join", room="team", token=pass_for(None))
    (waiting,) = await terminal.json("participant", "waiting", "team")
    assert await terminal.json("participant", "deny", "team", waiting["id"], "--reason", "full") == []
    assert (await guest.event("denied"))["message"] == "full"


async def test_chat(terminal: Terminal, meeting: Meeting) -> None:
    ada = await meeting.enter("ada")
    said = await terminal.json("chat", "say", "team", "Hello", "--name", "Bell")
    assert said["delivered"] == 1
    assert (await ada.event("chat"))["message"]["name"] == "Bell"
    await terminal.run("chat", "say", "team", "for ada alone", "--to", "ada")
    edited = await terminal.json("chat", "edit", "team", said["message_id"], "Hello all")
    assert edited["text"] == "Hello all"
    assert [one["text"] for one in await terminal.json("chat", "history", "team")] == ["Hello all"]
    assert "Hello all" in (await terminal.run("chat", "history", "team")).stdout
    await terminal.run("chat", "delete", "team", said["message_id"])
    assert await terminal.json("chat", "history", "team") == []
    await ada.ask("ready", ready=True)
    assert (await terminal.json("chat", "ready", "team"))["ready"] == ["ada"]
    assert (await terminal.json("chat", "ready", "team", "--clear")) == {"ready": [], "waiting": ["ada"]}


async def test_groups_and_announcements(terminal: Terminal, meeting: Meeting, tmp_path: Path) -> None:
    await meeting.set_room(capacity=5)
    french = await terminal.json("group", "set", "team", "french", "--hears", "-=-12")
    assert (french["name"], french["hears"]) == ("french", {"": -12.0})
    assert [one["name"] for one in await terminal.json("group", "list", "team")] == ["", "french"]
    assert "french=-3.0" in (await terminal.run("group", "set", "team", "-", "--hears", "french=-3")).stdout
    assert "decibels" in (await terminal.run("group", "set", "team", "french", "--hears", "-=loud", status=2)).stderr
    await terminal.run("group", "delete", "team", "french")
    (tmp_path / "gong.wav").write_bytes(wav(20))
    playing = await terminal.json("announce", "play", "team", str(tmp_path / "gong.wav"), "--duck", "-3")
    assert (playing["state"], playing["duck_db"]) == ("playing", -3.0)
    tone = await terminal.json("announce", "tone", "team", "--hz", "880", "--duration", "20000")
    assert {one["id"] for one in await terminal.json("announce", "list", "team")} == {playing["id"], tone["id"]}
    await terminal.run("announce", "stop", "team", tone["id"])
    assert "hz" in (await terminal.run("announce", "tone", "team", "--hz", "1", status=2)).stderr
    assert ".ogg" in (await terminal.run("announce", "play", "team", "gong.doc", status=2)).stderr


async def test_views_and_what_they_wear(terminal: Terminal, meeting: Meeting, tmp_path: Path) -> None:
    ada = await meeting.enter("ada")
    image, picture = tmp_path / "red.png", tmp_path / "now.png"
    image.write_bytes(file_of(plain(RED)))
    tall = await terminal.json("view", "add", "team", "tall", "--width", "64", "--height", "128", "--fps", "5")
    assert (tall["width"], tall["height"]) == (64, 128)
    changed = await terminal.json("view", "set", "team", "tall", "--background", "#102030", "--group", "wolves")
    assert (changed["background"], changed["group"], changed["height"]) == ("#102030", "wolves", 128)
    assert (await terminal.json("view", "set", "team", "tall", "--group", "-"))["group"] is None
    assert "say what" in (await terminal.run("view", "set", "team", "tall", status=2)).stderr
    await terminal.run("view", "snapshot", "team", str(picture), "--view", "tall")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert (await terminal.run("view", "tiles", "team")).stdout.split()[:2] == ["participant", "source"]
    await terminal.run("view", "delete", "team", "tall")
    assert [one["name"] for one in await terminal.json("view", "list", "team")] == ["main"]

    assert (await terminal.json("decor", "background", "team", str(image)))["background_image"]
    worn = await terminal.json("decor", "logo", "team", str(image), "--corner", "top_left", "--width", "0.2")
    assert worn == {"background_image": True, "logo": {"corner": "top_left", "width": 0.2}}
    await terminal.run("decor", "logo", "team", "--remove")
    assert await terminal.json("decor", "show", "team") == {"background_image": True, "logo": None}
    assert (await terminal.json("decor", "avatar", "team", "ada", str(image)))["avatar"]
    assert not (await terminal.json("decor", "avatar", "team", "ada", "--remove"))["avatar"]
    banner = await terminal.json("decor", "banner", "team", "Soon", "--countdown-to", "2100-01-01T00:00:00Z")
    assert banner == {"text": "Soon", "countdown_to": "2100-01-01T00:00:00Z"}
    assert (await terminal.json("decor", "banner", "team", "--remove"))["text"] is None
    for wrong in (("background", "team"), ("banner", "team", "x", "--countdown-to", "2100-01-01T00:00:00")):
        await terminal.run("decor", *wrong, status=2)
    await ada.ask("ping")


async def test_the_schedule_and_the_history_of_layouts(terminal: Terminal, meeting: Meeting) -> None:
    await meeting.set_room(capacity=5)
    await terminal.run("layout", "set", "team", "speaker")
    later = await terminal.json("layout", "set", "team", "grid", "--at", "2100-01-01T00:00:00Z")
    assert [one["id"] for one in await terminal.json("layout", "scheduled", "team")] == [later["id"]]
    await terminal.run("layout", "cancel", "team", later["id"])
    assert await terminal.json("layout", "scheduled", "team") == []
    versions = await terminal.json("layout", "history", "team")
    assert [one["layout"]["preset"] for one in versions] == ["speaker", "grid"]
    fits = await terminal.json("room", "capacity", "--participants", "2", "--height", "180", "--joining")
    assert fits["participants"] == 2
    assert fits["reasons"]
