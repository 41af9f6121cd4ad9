"""How the members of every ensemble are weighed."""

from typing import Self

from pydantic import Field, field_validator, model_validator

from daytrader_ray.domain.config import Config, one_of
from daytrader_ray.models.weights.registry import SCHEMES

BEST = "best"
"""Not a scheme but the choice of one for each window and ensemble: learned on A, judged on B."""


class EnsembleConfig(Config):
    """The weighting scheme of a search or a training run."""

    scheme: str = Field(default="skill", description=f"weighting scheme: {', '.join(SCHEMES)}; {BEST}: each tried")
    stacking_folds: int = Field(
        default=0, ge=0, description="folds of out-of-fold scores that stacking learns from besides A; 0: A alone"
    )

    @field_validator("scheme")
    @classmethod
    def _known(cls, scheme: str) -> str:
        return one_of(scheme, (*SCHEMES, BEST))

    @model_validator(mode="after")
    def _read(self) -> Self:
        if self.stacking_folds and (self.scheme != "stacking" or self.stacking_folds == 1):
            raise ValueError("stacking_folds is 0, or 2 and more with scheme 'stacking': no other scheme reads them")
        return self
