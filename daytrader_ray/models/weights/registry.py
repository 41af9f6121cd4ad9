"""All weighting schemes by name, the simplest first."""

from collections.abc import Mapping

from daytrader_ray.models.weights.bayesian import bayesian
from daytrader_ray.models.weights.equal import equal
from daytrader_ray.models.weights.hedge import hedge
from daytrader_ray.models.weights.mean_reversion import mean_reversion
from daytrader_ray.models.weights.regime import regime
from daytrader_ray.models.weights.skill import skill
from daytrader_ray.models.weights.stacking import stacking
from daytrader_ray.models.weights.surface import Scheme

SCHEMES: Mapping[str, Scheme] = {
    "equal": equal,
    "skill": skill,
    "regime": regime,
    "mean_reversion": mean_reversion,
    "stacking": stacking,
    "bayesian": bayesian,
    "hedge": hedge,
}
