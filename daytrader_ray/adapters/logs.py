"""Logs: one JSON object a line on stderr, with a correlation id from bar to fill and without secrets."""

import logging
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

MASK = "**********"
_SECRET_KEY = re.compile(r"secret|password|token|authorization|api_?key|key_id", re.IGNORECASE)
_SHORTEST_SECRET = 4


class Redactor:
    """A structlog processor that masks secrets.

    Masked are the values of keys that sound secret (`api_key`, `secret`, `token`, ...) and each of the given secret
    strings wherever it occurs in a text, also inside nested values.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = sorted({s for s in secrets if len(s) >= _SHORTEST_SECRET}, key=len, reverse=True)

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Return the event without secrets."""
        return {key: self._clean(str(key), value) for key, value in event.items()}

    def _clean(self, key: str, value: Any) -> Any:
        if value is not None and _SECRET_KEY.search(key):
            return MASK
        if isinstance(value, Mapping):
            return {k: self._clean(str(k), v) for k, v in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._clean("", v) for v in value]
        if value is None or isinstance(value, bool | int | float):
            return value
        return self._mask_text(str(value))

    def _mask_text(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text


def configure(secrets: Iterable[str] = (), level: str = "info", stream: TextIO | None = None) -> None:
    """Send all structlog events at `level` and above to `stream` (stderr) as JSON, with `secrets` masked."""
    processors: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        Redactor(secrets),
        structlog.processors.JSONRenderer(serializer=_dumps),
    ]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=lambda *_: structlog.PrintLogger(stream or sys.stderr),  # the stderr of the moment
        cache_logger_on_first_use=False,
    )


def _dumps(event: EventDict, **_: Any) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS).decode()
