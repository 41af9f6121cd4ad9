"""A profile: the configuration of all components in one frozen object, from YAML and the environment."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import Field, SecretStr, model_validator

from daytrader_ray.adapters.live_config import LiveConfig
from daytrader_ray.cli.roots import data_root
from daytrader_ray.domain.config import Config, refusal
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.errors import ConfigError
from daytrader_ray.domain.indices import SPY, VIX
from daytrader_ray.engine.config import KernelConfig
from daytrader_ray.features.feature_set import FeaturesConfig
from daytrader_ray.models.labels import LabelConfig
from daytrader_ray.portfolio.config import PortfolioConfig
from daytrader_ray.regime.config import RegimeConfig
from daytrader_ray.sandbox.config import SandboxConfig
from daytrader_ray.universe.config import UniverseConfig
from daytrader_ray.walkforward.config import SearchConfig

PREFIX = "DAYTRADER__"


class Vendor(Config):
    """Where a vendor is reached; empty means the built-in exchange. Keys come from the environment only."""

    url: str = ""
    stream_url: str = ""


class PolygonVendor(Vendor):
    """The market data vendor; `requests_per_minute` is the plan's limit (5 on the free one), None for unlimited."""

    requests_per_minute: float | None = Field(default=None, gt=0)


class ProfileConfig(Config):
    """Everything a profile file may say."""

    sandbox: SandboxConfig = SandboxConfig()
    universe: UniverseConfig
    features: FeaturesConfig = FeaturesConfig()
    costs: CostConfig = CostConfig()
    labels: LabelConfig = LabelConfig()
    regime: RegimeConfig = RegimeConfig()
    search: SearchConfig = SearchConfig()
    kernel: KernelConfig = KernelConfig()
    portfolio: PortfolioConfig = PortfolioConfig()
    polygon: PolygonVendor = PolygonVendor()
    alpaca: Vendor = Vendor()
    live: LiveConfig = LiveConfig()

    @model_validator(mode="after")
    def _borrows_are_known(self) -> Self:
        known = {*self.universe.references, *(stock for stocks in self.universe.sectors.values() for stock in stocks)}
        if strange := sorted(set(self.kernel.hard_to_borrow) - known):
            raise refusal(
                f"kernel.hard_to_borrow names {', '.join(strange)}: expected symbols of the universe",
                "add them to universe.sectors, or take them out of the list",
            )
        return self

    @model_validator(mode="after")
    def _hedges_are_followed(self) -> Self:
        references, hold = set(self.universe.references), self.portfolio.fear.hold
        needs = {SPY} if self.portfolio.beta_hedge else set()
        needs |= {VIX, *hold} if self.portfolio.fear.enabled else set()
        if missing := sorted(needs - references):
            raise refusal("portfolio asks for " + ", ".join(missing), "add them to universe.references")
        if strange := sorted(set(hold) - set(self.kernel.hedge.caps)):
            known = ", ".join(self.kernel.hedge.caps)
            raise refusal(f"portfolio.fear.hold names {', '.join(strange)}: expected hedges ({known})", "")
        return self


class Keys(Config):
    """Credentials, never printed."""

    polygon: SecretStr = SecretStr("")
    alpaca_key: SecretStr = SecretStr("")
    alpaca_secret: SecretStr = SecretStr("")


class Profile(ProfileConfig):
    """A loaded profile: its name, the absolute root of the store and the keys found in the environment."""

    name: str
    root: str
    keys: Keys

    @property
    def is_sandbox(self) -> bool:
        """Return whether the vendors are the loopback exchange."""
        return not self.polygon.url


def load(name: str = "sandbox", data: str | None = None, environ: Mapping[str, str] = os.environ) -> Profile:
    """Read profile `name`, apply `DAYTRADER__SECTION__KEY` overrides and resolve the store's root.

    `name` is `sandbox`, `paper`, or a path to a YAML file. Raises `ConfigError` naming file and key.
    """
    path = find(name)
    values = _read_yaml(path)
    for key, value in sorted(environ.items()):
        if key.startswith(PREFIX):
            _override(values, key, value)
    config = ProfileConfig.parse(values, source=str(path))
    return Profile(**dict(config), name=path.stem, root=data_root(data, environ), keys=_keys(environ))


def find(name: str) -> Path:
    """Return the file of profile `name`: a path, `config/NAME.yaml` here, or the one shipped with the package."""
    package = Path(__file__).resolve().parent
    candidates = [Path(name), Path("config") / f"{name}.yaml", package / "profiles" / f"{name}.yaml"]
    candidates.append(package.parents[1] / "config" / f"{name}.yaml")
    for path in candidates:
        if path.suffix in {".yaml", ".yml"} and path.is_file():
            return path
    raise ConfigError(f"profile '{name}' not found", "profiles are sandbox and paper, or the path of a YAML file")


class _Once(yaml.SafeLoader):
    """Reads YAML in which no section says a key twice: the later one would silently win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        said = dict[str, int]()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            line = key.start_mark.line + 1
            if key.value in said:
                first = said[key.value]
                raise ConfigError(f"line {line}: '{key.value}' is said a second time (first in line {first})", "")
            said[key.value] = line
        return super().construct_mapping(node, deep)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), _Once)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error.message}", error.hint) from None
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: not readable as YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected sections such as 'universe:', found {type(values).__name__}")
    return values


def _override(values: dict[str, Any], key: str, text: str) -> None:
    *sections, last = key.removeprefix(PREFIX).lower().split("__")
    here = values
    for section in sections:
        inner = here.setdefault(section, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"{key}: '{section}' is a value, not a section")
        here = inner
    try:
        here[last] = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigError(f"{key}: not readable as YAML: {text!r}", "quote it as in a YAML file") from None


def _keys(environ: Mapping[str, str]) -> Keys:
    return Keys(
        polygon=SecretStr(_one_of(environ, "POLYGON_API_KEY", "MASSIVE_API_KEY")),
        alpaca_key=SecretStr(_one_of(environ, "ALPACA_API_KEY", "APCA_API_KEY_ID")),
        alpaca_secret=SecretStr(_one_of(environ, "ALPACA_SECRET_KEY", "APCA_API_SECRET_KEY")),
    )


def _one_of(environ: Mapping[str, str], first: str, second: str) -> str:
    one, two = environ.get(first, ""), environ.get(second, "")
    if one and two and one != two:
        raise ConfigError(f"{first} and {second} are both set and differ", "unset one of them")
    return one or two
