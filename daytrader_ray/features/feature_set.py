"""Which features there are: the kernels' fixed registry and the extras of the configuration, in this order."""

import difflib
from dataclasses import dataclass

from daytrader_ray.domain.config import Config
from daytrader_ray.domain.errors import ConfigError
from daytrader_ray.features.extras import Extra, parse
from daytrader_ray.features.registry import Feature
from daytrader_ray.features.step import FEATURES


class FeaturesConfig(Config):
    """Features beside those of the registry.

    `extra` names functions: of TA-Lib (`CCI(20)`, `BBANDS(20).upperband`) or of a file (`my_features.py:wick(14)`,
    the path counts from the folder the program runs in). Values are in the units of the function: choose such as do
    not depend on the price, for one model reads them of all symbols.
    """

    extra: tuple[str, ...] = ()


@dataclass(frozen=True)
class FeatureSet:
    """Every feature of a matrix, in the order of its columns; the last ones are `extras`."""

    features: tuple[Feature, ...] = FEATURES
    extras: tuple[Extra, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names, in order."""
        return tuple(feature.name for feature in self.features)

    def find(self, name: str) -> Feature:
        """Return a feature by its name; a `ConfigError` proposes the nearest one."""
        if name in self.names:
            return self.features[self.names.index(name)]
        same = [known for known in self.names if known.endswith(f".{name}")]
        near = same or difflib.get_close_matches(name, self.names, n=1)
        hint = f"did you mean {near[0]}?" if near else "`daytrader features --list` shows all"
        raise ConfigError(f"no feature {name}", hint)

    @property
    def origins(self) -> dict[str, str]:
        """Return what tells apart extras of one name: TA-Lib's version, the SHA-256 of a file."""
        return {extra.feature.name: extra.origin for extra in self.extras}


def feature_set(config: FeaturesConfig) -> FeatureSet:
    """Return the features of a configuration; a `ConfigError` names an extra that cannot be used or comes twice."""
    found: dict[str, tuple[str, Extra]] = {}
    for text in config.extra:
        extra = parse(text)
        if extra.feature.name in found:
            first = found[extra.feature.name][0]
            raise ConfigError(f"features.extra: '{first}' and '{text}' are the same feature", "leave one of them out")
        found[extra.feature.name] = text, extra
    extras = tuple(extra for _, extra in found.values())
    return FeatureSet((*FEATURES, *(extra.feature for extra in extras)), extras)
