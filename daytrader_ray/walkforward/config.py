"""What a search and a training run are told: spans, seed, samples and the bound on trading."""

import math
from collections.abc import Mapping
from typing import Any

from pydantic import Field, ValidationInfo, field_validator

from daytrader_ray.domain.cadence import Cadence
from daytrader_ray.domain.config import Config, one_of, refusal
from daytrader_ray.domain.errors import ConfigError
from daytrader_ray.domain.trading import SCORERS
from daytrader_ray.features.selection import SelectionConfig
from daytrader_ray.models.calibration import Kind
from daytrader_ray.models.registry import member
from daytrader_ray.models.weights.config import EnsembleConfig


class SearchConfig(Config):
    """Walk-forward spans, sampling and the threshold's bound.

    `train`, `test` and `step` are spans such as `6s` (sessions), `2w` (weeks) or `6m` (months).
    """

    train: str = Field(default="6m", description="training span of a window")
    test: str = Field(default="1m", description="test span of a window")
    step: str = Field(default="1w", description="distance between windows")
    min_windows: int = Field(default=50, ge=1, description="with fewer windows a search is refused")
    seed: int = Field(default=7, ge=0, description="seed of every fit")
    score_every_minutes: Cadence = Field(
        default=1,
        description="members score, and entries are decided, every so many minutes of a session; a multiple of the "
        "bars' length, 1: at every bar. In between the signal holds, while stops, exits and risk run at every bar",
    )
    cash: float = Field(default=100_000.0, gt=0, description="USD at the start of the curve")
    max_samples: int = Field(default=50_000, ge=100, description="most training samples of a fit")
    selection: SelectionConfig = SelectionConfig()
    tune_members: int = Field(
        default=1, ge=1, description="candidates of options for each member, all fitted; B chooses window by window"
    )
    refit_on_full_train: bool = Field(
        default=False,
        description="test members that are fitted again on the whole training span, as long as validation A had said",
    )
    warm_start: bool = Field(
        default=False,
        description="networks and xgboost begin where the window before ended, on its features; anew every 13 windows",
    )
    calibration: Kind = Field(default="platt", description="how validation A turns scores into probabilities")
    importance_samples: int = Field(
        default=2048, ge=0, description="samples of validation A that importances are measured on; 0: none are"
    )
    num_gpus: float = Field(default=0.0, ge=0, le=1, description="share of a GPU for the fit of each network; 0: CPU")
    ensemble: EnsembleConfig = EnsembleConfig()
    trips_a_day: float = Field(default=400.0, gt=0, description="most round trips a day on B, for 60 stocks")
    members: Mapping[str, Mapping[str, Any]] = Field(default={}, description="options by member, over its defaults")

    @field_validator("members")
    @classmethod
    def _usable(cls, members: Mapping[str, Mapping[str, Any]], info: ValidationInfo) -> Mapping[str, Mapping[str, Any]]:
        cap = info.data.get("max_samples", math.inf)
        for name, options in members.items():
            try:
                found = member(one_of(name, SCORERS), options).config.max_samples
            except ConfigError as error:
                raise refusal(error.message, error.hint) from None
            if "max_samples" in options and found > cap:
                raise ValueError(f"{name}: max_samples {found} is above search.max_samples {cap}, the most of any fit")
        return members
