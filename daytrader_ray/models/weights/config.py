"""How the members of every ensemble are weighed."""

from typing import Self

from pydantic import Field, model_validator

from daytrader_ray.domain.config import Config
from daytrader_ray.models.weights.registry import SCHEMES


class EnsembleConfig(Config):
    """The weighting scheme of a search or a training run."""

    scheme: str = Field(default="skill", description=f"weighting scheme: {', '.join(SCHEMES)}")
    stacking_folds: int = Field(
        default=0, ge=0, description="folds of out-of-fold scores that stacking learns from besides A; 0: A alone"
    )

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.scheme not in SCHEMES:
            raise ValueError(f"no scheme called '{self.scheme}': expected one of {', '.join(SCHEMES)}")
        if self.stacking_folds and (self.scheme != "stacking" or self.stacking_folds == 1):
            raise ValueError("stacking_folds is 0, or 2 and more with scheme 'stacking': no other scheme reads them")
        return self
