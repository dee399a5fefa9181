"""Where nothing can be found, and why: the theorems that cover a claim in a family."""

from __future__ import annotations

from sgdvar.certify import certify_scalar_networks
from sgdvar.search.claim import SearchClaim
from sgdvar.search.families import Family, GaussianFamily

__all__ = ["theorem"]

_VARIANCES = ("gradient-variance", "full-gradient-variance")


def theorem(claim: SearchClaim, family: Family) -> str | None:
    """Why no member of the family violates the claim; None where that is not known."""
    is_linear = len(family.widths) == 2
    if claim.target_ratio < 1:
        return None
    if _is_certified(claim, family):
        return (
            "for noise-free networks of so many layers of one weight on N(0, 1) inputs there is none after one step: "
            "sgdvar.certify_scalar_networks has the certificate"
        )
    if not (is_linear or claim.step == 0):
        return None
    problem = "for linear regression" if is_linear else "at step 0"
    if family.design.has_fresh_batches:
        if claim.quantity not in _VARIANCES and claim.order not in ("decreasing", "convex"):
            return None
        constant = "" if claim.quantity in _VARIANCES else " above its constant term"
        return (
            f"{problem} there is none: the quantity is a polynomial in c(b) whose coefficients{constant} are "
            "non-negative, at every step and for every start (proofs/linear_regression.py)"
        )
    largest = max(b for _, b in claim.places(family.design))
    n = family.design.population_size
    assert n is not None
    if claim.order != "decreasing" or (claim.step + 1) * largest > n:
        return None
    return (
        f"{problem} there is none within the first epoch, (t + 1) b <= n: expectations of convex functions decrease in "
        "b (Jensen, batch by batch), and means do not depend on it (proofs/reshuffling.py)"
    )


def _is_certified(claim: SearchClaim, family: Family) -> bool:
    """Whether the claim is that of ``certify_scalar_networks``, which then proves it."""
    if not isinstance(family, GaussianFamily) or family.label_noise or set(family.widths) != {1}:
        return False
    if (claim.order, claim.quantity, claim.step) != ("decreasing", "gradient-variance", 1):
        return False
    depth = len(family.widths) - 1
    return depth > 1 and certify_scalar_networks(depth).status == "proved"
