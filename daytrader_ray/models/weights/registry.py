"""All weighting schemes by name."""

from collections.abc import Mapping

from daytrader_ray.models.weights.equal import equal
from daytrader_ray.models.weights.skill import skill
from daytrader_ray.models.weights.surface import Scheme

SCHEMES: Mapping[str, Scheme] = {
    "equal": equal,
    "skill": skill,
}
