"""Faults on purpose: rules, a seeded draw for each request or frame, and a log of what was done.

A rule names what happens, to which channel and where; every draw is a function of (seed, number of the draw), so the
same traffic meets the same faults.
"""

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from daytrader_ray.domain.config import Config

HttpKind = Literal["403", "429", "500", "hang", "truncated", "slow"]
StreamKind = Literal[
    "close", "no_greeting", "auth_failed", "max_connections", "silence", "stall", "duplicate", "late", "out_of_order",
    "corrupt", "revised", "drop", "split_frame", "big_frame", "unknown_event",
]  # fmt: skip


class Fault(Config):
    """One rule.

    `channel` is `rest` or `stream` of a vendor; `where` a prefix of the path of a request, or the stage of a stream
    (`greeting`, `auth`, `subscribe`, `data`), empty for all. `probability` is per request or frame; `count` how often
    it may happen (None: without end). `seconds` is the length of a hang, a silence, a lateness or of `Retry-After`
    (0: header absent); `code` a WebSocket close code (1006 drops the connection without a close frame).
    """

    channel: Literal["polygon_rest", "alpaca_rest", "polygon_stream", "alpaca_stream"]
    kind: HttpKind | StreamKind
    where: str = ""
    probability: float = Field(default=1.0, gt=0, le=1)
    count: int | None = Field(default=None, ge=1)
    seconds: float = Field(default=0.0, ge=0)
    code: int = 1006

    @field_validator("kind")
    @classmethod
    def _of_its_channel(cls, kind: str, info: ValidationInfo) -> str:
        known = get_args(HttpKind if str(info.data.get("channel")).endswith("_rest") else StreamKind)
        if kind not in known:
            raise ValueError(f"{info.data.get('channel')} has only {', '.join(known)}")
        return kind


class FaultBox:
    """The rules in force and what they have done: `draw` is asked before each request is answered or frame sent."""

    def __init__(self, rules: Sequence[Fault], seed: int) -> None:
        self.log: list[dict[str, Any]] = []
        self._seed = seed
        self._draws = 0
        self.replace(rules)

    def replace(self, rules: Sequence[Fault]) -> None:
        """Put these rules in force; the log and the sequence of draws go on."""
        self._left: list[tuple[Fault, int | None]] = [(rule, rule.count) for rule in rules]

    @property
    def rules(self) -> tuple[Fault, ...]:
        """Return the rules that may still fire."""
        return tuple(rule for rule, left in self._left if left != 0)

    def draw(self, channel: str, where: str, kinds: Sequence[str] | None = None) -> Fault | None:
        """Return the first rule that fires here (of `kinds` only, where given); log it."""
        for index, (rule, left) in enumerate(self._left):
            if rule.channel != channel or left == 0 or not where.startswith(rule.where):
                continue
            if kinds is not None and rule.kind not in kinds:
                continue
            self._draws += 1
            if np.random.default_rng((self._seed, self._draws)).random() >= rule.probability:
                continue
            self._left[index] = rule, None if left is None else left - 1
            self.log.append({"n": self._draws, "channel": channel, "where": where, "kind": rule.kind})
            return rule
        return None
