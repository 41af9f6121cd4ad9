"""The base of every configuration: frozen, strict, and helpful about a misspelt key."""

import difflib
from collections.abc import Collection, Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import PydanticCustomError

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


def refusal(message: str, hint: str) -> PydanticCustomError:
    """Return the error by which a validator refuses a value with a hint."""
    return PydanticCustomError("refusal", "{message}", {"message": message, "hint": hint})


def one_of(name: str, known: Collection[str]) -> str:
    """Return `name`, for a validator: refused with the closest name that is known where it is none of them."""
    if name in known:
        return name
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean '{close[0]}'?" if close else ""
    raise refusal(f"expected one of {', '.join(known)}, found {name!r}", hint)


def _explain(model: type[BaseModel], error: ValidationError, source: str) -> tuple[str, str]:
    first = error.errors(include_url=False)[0]
    path = [str(part) for part in first["loc"]]
    key = ".".join(path)
    if first["type"] == "missing":
        return f"{source}: missing key '{key}'", ""
    if first["type"] != "extra_forbidden":
        told = isinstance(first["input"], Mapping) or first["type"] == "refusal"
        found = "" if told else f", found {first['input']!r}"
        said = first["msg"].removeprefix("Value error, ")
        return ": ".join(part for part in (source, key, f"{said}{found}") if part), first.get("ctx", {}).get("hint", "")
    close = difflib.get_close_matches(path[-1], _keys_at(model, path[:-1]), n=1)
    hint = f"did you mean '{'.'.join([*path[:-1], close[0]])}'?" if close else ""
    return f"{source}: unknown key '{key}'", hint


def _keys_at(model: type[BaseModel], path: list[str]) -> list[str]:
    here: Any = model
    for part in path:
        field = getattr(here, "model_fields", {}).get(part)
        here = field.annotation if field is not None else None
    return list(getattr(here, "model_fields", {}))
