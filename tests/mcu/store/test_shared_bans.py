"""Two running servers of one PostgreSQL database: who is banned on one may not join on the other, until let off."""

from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from api.app import create_app
from api.settings import Settings, StoreSettings
from tests.api.credentials import bearer
from tests.api.people import ADMIN_KEY, KEY, pass_for
from tests.api.problems import problem
from tests.api.test_whip import post, started
from tests.kit.engine import FakeEngine
from tests.kit.postgres import Postgres

BANS = "/api/v1/rooms/team/bans"
ADMIN = bearer(ADMIN_KEY)


async def running(name: str, url: str, folder: Path, stack: AsyncExitStack) -> httpx.AsyncClient:
    store = StoreSettings(url=SecretStr(url), server=name)
    keys = {"keys": {"k1": KEY}, "admin_keys": (ADMIN_KEY,)}
    app = create_app(Settings.model_validate({"recordings_dir": folder, "store": store} | keys), FakeEngine(folder))
    await stack.enter_async_context(app.router.lifespan_context(app))
    transport = httpx.ASGITransport(app)
    return await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://mcu.test"))


async def turned_away(server: httpx.AsyncClient, identity: str) -> None:
    problem(await post(server, **bearer(pass_for(identity))), 403, "banned")


@pytest.mark.timeout(120)
async def test_a_ban_of_one_running_server_holds_on_the_other(
    fresh_postgres: str, postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with AsyncExitStack() as stack:
        one, two = [await running(name, fresh_postgres, tmp_path, stack) for name in ("one", "two")]
        for server in (one, two):
            await started(server, **bearer(pass_for("host")))
        ban = {"ban_s": 3600, "reason": "noise"}
        assert (await one.put(f"{BANS}/eve", json=ban, headers=ADMIN)).status_code == 200
        for server in (one, two):
            await turned_away(server, "eve")
            (listed,) = (await server.get(BANS, headers=ADMIN)).json()["bans"]
            assert (listed["identity"], listed["reason"]) == ("eve", "noise")
        await started(two, **bearer(pass_for("ada")))

        assert (await two.delete(f"{BANS}/eve", headers=ADMIN)).status_code == 204
        await started(one, **bearer(pass_for("eve")))

        assert (await one.put(f"{BANS}/ivan", json=ban, headers=ADMIN)).status_code == 200
        await turned_away(two, "ivan")
        postgres.stop()
        try:
            await turned_away(two, "ivan")
            await started(two, **bearer(pass_for("zoe")))
        finally:
            postgres.start()
