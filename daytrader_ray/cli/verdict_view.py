"""What stands behind a bundle: said first by every command that trades or shows one."""

from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from daytrader_ray.models.bundle import SearchVerdict


def verdict_of(root: str, bundle_id: str) -> "SearchVerdict":
    """Return the verdict of a bundle, of which two files are read; a `BundleError` where it is refused.

    Where its search is still stored it is judged by today's ledger: what was tried since makes it prove less.
    """
    from daytrader_ray.adapters.model_store import glance
    from daytrader_ray.cluster.search import judged_result
    from daytrader_ray.domain.errors import BundleError, DataError
    from daytrader_ray.models.bundle import SearchVerdict

    found = glance(root, bundle_id)
    if found.refused:
        raise BundleError(found.refused, "train again: daytrader train")
    verdict = SearchVerdict(**found.values["verdict"])
    with suppress(DataError):  # the search was made elsewhere or by another program: what the bundle was told holds
        verdict = SearchVerdict.of(judged_result(root, verdict.search)) if verdict.search else verdict
    return verdict


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
