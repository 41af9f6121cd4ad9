"""What stands behind a bundle: said first by every command that trades or shows one."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from daytrader_ray.models.bundle import SearchVerdict


def verdict_of(root: str, bundle_id: str) -> "SearchVerdict":
    """Return the verdict inside a bundle, of which two files are read; a `BundleError` where it is refused."""
    from daytrader_ray.adapters.model_store import glance
    from daytrader_ray.domain.errors import BundleError
    from daytrader_ray.models.bundle import SearchVerdict

    found = glance(root, bundle_id)
    if found.refused:
        raise BundleError(found.refused, "train again: daytrader train")
    return SearchVerdict(**found.values["verdict"])


def sentence(verdict: "SearchVerdict") -> str:
    """Return the verdict as a person reads it."""
    return f"verdict of {verdict.search}: {verdict.sentence}" if verdict.search else verdict.sentence


def warning(verdict: "SearchVerdict") -> str:
    """Return one plain line where nothing proves that a bundle earns anything; empty where its search found more."""
    from daytrader_ray.analytics.verdict import SIGNIFICANT

    if verdict.label == SIGNIFICANT:
        return ""
    found = f"the verdict of its search is '{verdict.label}'" if verdict.search else "no search has tested it"
    return f"WARNING: nothing proves that this bundle earns money, {found}: expect to lose what trading costs"
