"""Worked derivations as data: each step holds the expressions that are checked, and pages show what was checked.

A ``Derivation`` has assumptions, symbols with their meanings, and ``Step`` objects. A step has lines, such as
left = right, a reason in words, and for each line a check with a grade: an identity in symbols, an induction, an
inequality, or an exhaustive list of cases. A false step raises ``FalseStepError`` with a witness. ``mutants`` breaks a
step in all small ways, to see whether its checks would notice.
"""

from __future__ import annotations

from sgdvar.derivation.averages import average
from sgdvar.derivation.cases import Cited, Enumeration
from sgdvar.derivation.derivation import CheckedDerivation, Derivation, Notation
from sgdvar.derivation.evaluation import evaluated, uniform
from sgdvar.derivation.folder import proofs_folder
from sgdvar.derivation.grades import Grade
from sgdvar.derivation.identities import Identity, Induction
from sgdvar.derivation.inequalities import Signs, SumOfSquares
from sgdvar.derivation.lines import FalseLineError, Line
from sgdvar.derivation.loading import load_derivation, own_derivations
from sgdvar.derivation.mutants import Mutant, mutants
from sgdvar.derivation.step import CheckedLine, CheckedStep, FalseStepError, Step
from sgdvar.derivation.sums import collected_to

__all__ = [
    "CheckedDerivation",
    "CheckedLine",
    "CheckedStep",
    "Cited",
    "Derivation",
    "Enumeration",
    "FalseLineError",
    "FalseStepError",
    "Grade",
    "Identity",
    "Induction",
    "Line",
    "Mutant",
    "Notation",
    "Signs",
    "Step",
    "SumOfSquares",
    "average",
    "collected_to",
    "evaluated",
    "load_derivation",
    "mutants",
    "own_derivations",
    "proofs_folder",
    "uniform",
]
