"""Options of the loopback exchange and of the market it trades."""

import datetime as dt

from pydantic import Field

from daytrader_ray.domain.config import Config
from daytrader_ray.sandbox.crises import Crisis
from daytrader_ray.sandbox.faults import Fault


class SandboxConfig(Config):
    """The built-in exchange.

    With `url` a command connects to a running exchange; without it the command starts its own and ends it.
    The market is that of `store` (root of a store of one-minute bars), else a synthetic one: a pure function of
    `seed`, the symbol and the session, counted from `first_session`.
    """

    url: str | None = None
    store: str | None = None
    seed: int = Field(default=7, ge=0)
    signal_strength: float = Field(default=1.0, ge=0)
    """Planted drift of a stock in bps a minute where its hidden state is one standard deviation; 0 plants nothing."""
    first_session: dt.date = dt.date(2025, 10, 6)
    n_sessions: int = Field(default=40, ge=1)
    halt_chance: float = Field(default=0.0, ge=0, le=1)
    """Chance that a stock is halted once in a session."""
    hard_to_borrow: tuple[str, ...] = ()
    """Stocks that the venue does not let anybody sell short."""
    crises: tuple[Crisis, ...] = ()
    """Days of stress, like `[{name: flash_crash, session: 2025-11-12, minute: 120}]`."""
    stream_queue_mib: float = Field(default=16.0, gt=0)
    """What a client of a data stream may leave unread, beyond what the kernel buffers, before it is closed."""
    cash: float = Field(default=100_000.0, gt=0)
    """USD in the account whenever a rehearsal begins."""
    requests_per_minute: float | None = Field(default=None, gt=0)
    """Requests to Polygon's REST beyond these are answered with 429; None: as many as one likes."""
    faults: tuple[Fault, ...] = ()
    """What goes wrong from the start."""

    @property
    def market_name(self) -> str:
        """Return the name under which a store keeps this market's bars: all that decides what they are."""
        if self.store is not None:
            return f"store {self.store}"
        stress = [f"halts {self.halt_chance:g}"] if self.halt_chance else []
        stress += [
            f"{crisis.name} {crisis.session} {crisis.minute} {','.join(crisis.symbols)}" for crisis in self.crises
        ]
        base = f"sandbox seed {self.seed} strength {self.signal_strength:g} first {self.first_session}"
        return "; ".join([base, *stress])
