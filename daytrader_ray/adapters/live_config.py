"""Options of the live feed."""

from pydantic import Field, SecretStr

from daytrader_ray.domain.config import Config


class ReconnectConfig(Config):
    """How long a connection may take or be silent, and how long to pause before the next one."""

    connect_seconds: float = Field(default=5.0, gt=0, description="until every subscription is confirmed")
    silence_seconds: float = Field(
        default=90.0, gt=0, description="without a word during the session before it counts as dead"
    )
    first_pause_seconds: float = Field(default=0.5, gt=0, description="doubles with every failure")
    longest_pause_seconds: float = Field(
        default=30.0, gt=0, description="and whenever another connection took its place"
    )


class LiveConfig(Config):
    """Rules of the live feed.

    `second_stream_url` is Alpaca's stream of all exchanges (`wss://HOST/v2/sip`), beside Polygon's: a feed of a single
    exchange sees a few percent of the volume, and its bars must not win. `quotes` and `trades` name the symbols whose
    ticks are folded into minutes: live, and by default in downloads; features read no others.
    """

    second_stream_url: str = ""
    deadline_seconds: float = Field(default=1.5, ge=0, description="after a minute, for the bars that are missing")
    backfill_seconds: float = Field(default=3.0, gt=0, description="at a decision, for answers by REST")
    reconcile_seconds: float = Field(default=120.0, gt=0, description="after the close, for the whole day by REST")
    dark_minutes: int = Field(default=5, ge=1, description="in a row without any bar in time before the session ends")
    reconnect: ReconnectConfig = ReconnectConfig()
    quotes: tuple[str, ...] = ()
    trades: tuple[str, ...] = ()


class FeedConfig(Config):
    """Where bars come from: Polygon's stream and REST, and Alpaca's stream where the rules name it."""

    stream_url: str
    url: str
    key: SecretStr
    second_key: SecretStr = SecretStr("")
    second_secret: SecretStr = SecretStr("")
    ready_seconds: float = Field(default=15.0, gt=0, description="for the streams to be connected at the start")
    bar_seconds: float = Field(default=25.0, gt=0, description="for a bar that is announced")
    rules: LiveConfig = LiveConfig()

    @property
    def secrets(self) -> list[str]:
        """Return what must never be seen in a log."""
        keys = (self.key, self.second_key, self.second_secret)
        return [key.get_secret_value() for key in keys if key.get_secret_value()]
