"""The register of claims: what is said about batch sizes, and a verdict on it that a machine has checked.

A claim is a statement with its assumptions, its source, and a function that settles it from scratch. The library's own
claims stand beside their derivations in the folder ``proofs``; others are read from any Python file that defines a list
``CLAIMS``.
"""

from __future__ import annotations

from sgdvar.claims.claim import Claim, Finding, by_search, not_examined, proved, refuted, undecided
from sgdvar.claims.evidence import CheckedSteps, Counterexample, Evidence, KernelProof, Proof, Searched
from sgdvar.claims.loading import load_claims, own_claims
from sgdvar.claims.register import Entry, Register, settle_claims

__all__ = [
    "CheckedSteps",
    "Claim",
    "Counterexample",
    "Entry",
    "Evidence",
    "Finding",
    "KernelProof",
    "Proof",
    "Register",
    "Searched",
    "by_search",
    "load_claims",
    "not_examined",
    "own_claims",
    "proved",
    "refuted",
    "settle_claims",
    "undecided",
]
