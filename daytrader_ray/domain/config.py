"""The base of every configuration: frozen, strict, and helpful about a misspelt key."""

import difflib
from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from daytrader_ray.domain.errors import ConfigError


class Config(BaseModel):
    """A frozen set of options that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def parse(cls, values: Mapping[str, Any], source: str) -> Self:
        """Build from plain values; a `ConfigError` names the source, the key and what was expected."""
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise ConfigError(*_explain(cls, error, source)) from None


def _explain(model: type[BaseModel], error: ValidationError, source: str) -> tuple[str, str]:
    first = error.errors(include_url=False)[0]
    path = [str(part) for part in first["loc"]]
    key = ".".join(path)
    if first["type"] == "missing":
        return f"{source}: missing key '{key}'", ""
    if first["type"] != "extra_forbidden":
        found = "" if isinstance(first["input"], Mapping) else f", found {first['input']!r}"
        return f"{source}: {key}: {first['msg']}{found}", ""
    close = difflib.get_close_matches(path[-1], _keys_at(model, path[:-1]), n=1)
    hint = f"did you mean '{'.'.join([*path[:-1], close[0]])}'?" if close else ""
    return f"{source}: unknown key '{key}'", hint


def _keys_at(model: type[BaseModel], path: list[str]) -> list[str]:
    here: Any = model
    for part in path:
        field = getattr(here, "model_fields", {}).get(part)
        here = field.annotation if field is not None else None
    return list(getattr(here, "model_fields", {}))
