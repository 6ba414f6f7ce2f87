"""What the server is told: a TOML file, the environment (``MCU_``, nested with ``__``) and the command line.

The command line wins over the environment, the environment over the file. Secrets are ``SecretStr`` and stay out of
error messages and logs.
"""

import ipaddress
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AnyHttpUrl,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from api.keys import TokenKey
from api.webhooks.events import DEFAULT_EVENTS, WebhookEvent
from api.webhooks.signature import MIN_SECRET_BYTES, key_of
from mcu.config import LIVE_FOLDER
from mcu.protocol.models import ViewSpec
from mcu.protocol.names import RoomName
from mcu.protocol.outputs import MAX_OUTPUTS

STORE_FILE = "mcu.db"

MIN_ADMIN_KEY_BYTES = 16

IceUrl = Annotated[
    str,
    StringConstraints(
        pattern=r"^(stuns?|turns?):(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.\-]{1,253})(:[0-9]{1,5})?(\?transport=(udp|tcp))?$"
    ),
]
"""RFC 7064 and RFC 7065."""

KeyId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]{1,64}$")]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class IceServerSettings(Section):
    """A STUN or TURN server handed to clients. ``secret`` makes time-limited credentials (coturn's use-auth-secret)."""

    urls: Annotated[tuple[IceUrl, ...], Field(min_length=1, max_length=8)]
    username: str | None = None
    credential: SecretStr | None = None
    secret: SecretStr | None = None
    ttl_s: int = Field(default=3600, ge=60, le=86_400)

    @property
    def relays(self) -> bool:
        return any(url.startswith("turn") for url in self.urls)

    @model_validator(mode="after")
    def _turn_has_credentials(self) -> "IceServerSettings":
        if self.relays and self.secret is None and not (self.username and self.credential):
            raise ValueError("a TURN server needs secret (coturn's static-auth-secret), or username and credential")
        return self


class CostSettings(Section):
    """Of one core of this machine; `mcu bench calibrate` measures and prints them."""

    view: float = Field(gt=0, le=16, description="a view of 1280×720@25 composed and encoded once")
    seen: float = Field(gt=0, le=4, description="a camera of a tile's size decoded")
    person: float = Field(gt=0, le=4, description="the packets of one participant, both ways")


class Limits(Section):
    """What the server takes on before it says no."""

    max_rooms: int = Field(default=50, ge=1, le=10_000)
    max_participants: int = Field(default=100, ge=1, le=1000, description="capacity of a room opened by a join")
    rooms_on_join: bool = Field(default=True, description="joining a room that isn't there opens it")
    empty_room_ttl_s: int = Field(default=60, ge=0, le=86_400)
    max_load: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="share of the cores beyond which joins are refused with `no_capacity`; null: never for load",
    )
    costs: CostSettings | None = Field(
        default=None, description="what people cost here; null: refused only while the load itself is beyond `max_load`"
    )
    max_speakers: int = Field(default=5, ge=3, le=8, description="so many voices of a room are mixed, the loudest")
    max_streams: int = Field(default=500, ge=0, le=100_000, description="WHIP and WHEP sessions; 0: none")
    max_connections: int = Field(default=2000, ge=1, le=100_000, description="open TCP connections to this port")
    max_body_bytes: int = Field(default=1024 * 1024, ge=1024, le=64 * 1024 * 1024)
    body_timeout_s: float = Field(default=30.0, gt=0, le=600)
    header_timeout_s: float = Field(default=10.0, gt=0, le=600)
    join_timeout_s: float = Field(default=10.0, gt=0, le=600, description="a WebSocket that hasn't joined by then ends")


class LogSettings(Section):
    format: Literal["json", "console"] = "console"
    level: Literal["debug", "info", "warning", "error"] = "info"


class MediaSettings(Section):
    """Where media is received and how that is announced; handed on to the engine."""

    announced_address: str | None = Field(default=None, description="the public IP address in front of this host")
    host_addresses: tuple[str, ...] = Field(default=(), description="local IP addresses to use; empty: all")
    interfaces: tuple[str, ...] = Field(default=(), description="or network interfaces to use, by name; empty: all")
    ipv6: bool = Field(default=True, description="use this machine's IPv6 addresses too")
    udp_port_min: int = Field(default=0, ge=0, le=65_535, description="0: any free port")
    udp_port_max: int = Field(default=0, ge=0, le=65_535)
    private_candidates: bool = Field(default=True, description="send to candidates in private address ranges")
    decode_threads: int = Field(default=2, ge=1, le=64, description="threads that decode incoming video")
    lost_after_s: float = Field(default=10.0, gt=0, le=300, description="a silent connection is given up after this")
    governor: bool = Field(default=True, description="a room that the machine can't keep up with sends less")
    grace_s: float = Field(default=30.0, ge=0, le=600, description="who is gone keeps their tile for this long")

    @model_validator(mode="after")
    def _addresses_and_ports(self) -> "MediaSettings":
        for address in (*self.host_addresses, *([self.announced_address] if self.announced_address else [])):
            ipaddress.ip_address(address)
        if self.host_addresses and self.interfaces:
            raise ValueError("host_addresses and interfaces: choose by the one or the other")
        if self.udp_port_min > self.udp_port_max:
            raise ValueError("udp_port_min is above udp_port_max")
        return self


class OutputSettings(Section):
    """Live outputs of rooms. Whoever may record may have a room sent to any address that this server reaches, unless
    ``hosts`` says which.
    """

    max_per_room: int = Field(default=4, ge=0, le=MAX_OUTPUTS, description="at a time; 0: none")
    hosts: tuple[Annotated[str, StringConstraints(pattern=r"^(\*\.)?[A-Za-z0-9.:\-]{1,253}$")], ...] = Field(
        default=(), description="they go to these alone, `*.example.org` among them; empty: anywhere"
    )
    verify: bool = Field(default=True, description="check the certificates of rtmps:// and https:// destinations")
    attempts: int = Field(
        default=10,
        ge=1,
        le=1000,
        description="in a row at a destination, the last ones 30 s apart; then it is given up",
    )


class PlaybackSettings(Section):
    """Files that are played into rooms."""

    dir: Path | None = Field(default=None, description="a folder of files that may be played by name; null: none")
    max_bytes: int = Field(default=256 * 1024 * 1024, ge=1024, le=64 * 1024**3, description="of a file that is sent")
    upload_timeout_s: float = Field(default=600.0, gt=0, le=3000, description="how long sending one may take")
    max_per_room: int = Field(default=4, ge=0, le=16, description="so many at a time")


class StoreSettings(Section):
    """Where that is kept which must survive a restart: rooms, layouts, the outbox of webhooks, bans."""

    url: SecretStr | None = Field(
        default=None, description="sqlite:///path, postgresql://…, or memory; default: mcu.db in recordings_dir"
    )
    server: KeyId = Field(
        default="mcu", description="this server's name in the store: servers that share a database have different ones"
    )


class WebhookSettings(Section):
    """Somebody to be told what happens. Whoever sets this may make the server post to any address it reaches."""

    url: AnyHttpUrl
    secret: SecretStr = Field(description="signs what is sent; whsec_ and base64, or any text of 16 bytes or more")
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]{1,64}$")] | None = Field(
        default=None, description="in metrics and logs, and for what waits when the URL changes"
    )
    events: tuple[WebhookEvent, ...] = Field(default=DEFAULT_EVENTS, min_length=1)


class OutboxSettings(Section):
    """How long webhooks are tried, and how many may wait for one endpoint."""

    max_events: int = Field(default=10_000, ge=1, le=1_000_000, description="beyond it the oldest are dropped")
    max_age_s: int = Field(default=3 * 86_400, ge=1, le=30 * 86_400, description="what is older is dropped")
    timeout_s: float = Field(default=10.0, gt=0, le=60, description="how long an endpoint may take to answer")
    max_backoff_s: float = Field(default=300.0, gt=0, le=3600, description="the longest pause between two attempts")


class Settings(BaseSettings):
    """Everything the server can be told. Frozen; a running server never changes its settings."""

    model_config = SettingsConfigDict(
        env_prefix="MCU_", env_nested_delimiter="__", extra="forbid", frozen=True, hide_input_in_errors=True
    )

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65_535, description="0: any free port")
    public_url: AnyHttpUrl | None = Field(default=None, description="how clients reach the server, behind a proxy")
    keys: dict[KeyId, SecretStr] = Field(
        default_factory=dict, description="of join tokens, by key id: a secret (HS256), or an RSA key in PEM (RS256)"
    )
    admin_keys: tuple[SecretStr, ...] = ()
    insecure: bool = Field(default=False, description="allow listening beyond loopback without keys")
    ice_servers: tuple[IceServerSettings, ...] = ()
    workers: int | None = Field(
        default=None, ge=0, le=256, description="processes that rooms run in; null: one per core; 0: the server's own"
    )
    spare_worker: bool = Field(
        default=True, description="one more process waits, to take the place of a worker that ends"
    )
    recordings_dir: Path = Path("recordings")
    permanent_rooms: tuple[RoomName, ...] = Field(default=(), description="opened at start, never closed")
    cors_origins: tuple[str, ...] = Field(default=(), description="other origins whose pages may use this server")
    view: ViewSpec = ViewSpec()
    limits: Limits = Limits()
    log: LogSettings = LogSettings()
    media: MediaSettings = MediaSettings()
    outputs: OutputSettings = OutputSettings()
    playback: PlaybackSettings = PlaybackSettings()
    store: StoreSettings = StoreSettings()
    webhooks: Annotated[tuple[WebhookSettings, ...], Field(max_length=16)] = ()
    outbox: OutboxSettings = OutboxSettings()

    @property
    def store_place(self) -> str | Path:
        """SQLite lies with the recordings: one folder to keep, and the one that is sure to be writable."""
        if self.store.url is not None:
            return self.store.url.get_secret_value()
        return self.recordings_dir / STORE_FILE

    @property
    def outputs_place(self) -> Path:
        """Where HLS is kept while it is live, in a folder for each output."""
        return self.recordings_dir / LIVE_FOLDER

    @property
    def open(self) -> bool:
        """No keys at all: whoever reaches the server may do everything."""
        return not self.keys and not self.admin_keys

    @property
    def loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every secret in clear, for the log's redaction and nothing else."""
        turn = [s for server in self.ice_servers for s in (server.credential, server.secret) if s is not None]
        hooks = [hook.secret for hook in self.webhooks]
        kept = tuple(s.get_secret_value() for s in (*self.keys.values(), *self.admin_keys, *turn, *hooks))
        return kept if self._store_password is None else (*kept, self._store_password)

    @property
    def _store_password(self) -> str | None:
        return urlsplit(self.store.url.get_secret_value()).password if self.store.url is not None else None

    @model_validator(mode="after")
    def _keys_are_strong(self) -> "Settings":
        for key_id, secret in self.keys.items():
            try:
                TokenKey.of(secret.get_secret_value())
            except ValueError as error:
                raise ValueError(f"keys.{key_id}: {error}") from None
        if any(len(key.get_secret_value().encode()) < MIN_ADMIN_KEY_BYTES for key in self.admin_keys):
            raise ValueError(f"admin_keys: each needs at least {MIN_ADMIN_KEY_BYTES} bytes; `mcu token key` makes one")
        if self.admin_keys and not self.keys:
            raise ValueError("admin_keys without keys: nobody could be given a join token; set keys too")
        return self

    @model_validator(mode="after")
    def _webhooks_differ(self) -> "Settings":
        for hook in self.webhooks:
            if len(key_of(hook.secret.get_secret_value())) < MIN_SECRET_BYTES:
                raise ValueError(
                    f"webhooks: a secret needs at least {MIN_SECRET_BYTES} bytes; `mcu token key` makes one"
                )
        names = [hook.name or str(hook.url) for hook in self.webhooks]
        if len(set(names)) != len(names):
            raise ValueError("webhooks: two have the same name or URL; name each of them")
        return self

    @model_validator(mode="after")
    def _not_open_to_the_world(self) -> "Settings":
        if self.open and not self.loopback and not self.insecure:
            raise ValueError(
                f"refusing to listen on {self.host} without keys: everybody who reaches it could do everything. "
                "Set keys (keys.<id> in mcu.toml, or MCU_KEYS), listen on 127.0.0.1, or say --insecure"
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)
