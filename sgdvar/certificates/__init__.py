"""Verdicts, and the certificates that come with them, as data."""

from __future__ import annotations

from sgdvar.certificates.certificate import Certificate, Property, Verdict, certificate_from_dict
from sgdvar.certificates.evidence import (
    Evidence,
    GramFactors,
    GramPiece,
    GramPieces,
    LeadingMinors,
    Minor,
    NonNegativeCoefficients,
    Piece,
    Pieces,
    RealPieces,
    SumOfSquares,
)
from sgdvar.certificates.records import require_types
from sgdvar.certificates.subjects import MatrixPolynomial, RationalMatrix, ScalarNetworks, Subject
from sgdvar.certificates.text import number_text, reciprocal_text, record_text, size_text

__all__ = [
    "Certificate",
    "Evidence",
    "GramFactors",
    "GramPiece",
    "GramPieces",
    "LeadingMinors",
    "MatrixPolynomial",
    "Minor",
    "NonNegativeCoefficients",
    "Piece",
    "Pieces",
    "Property",
    "RationalMatrix",
    "RealPieces",
    "ScalarNetworks",
    "Subject",
    "SumOfSquares",
    "Verdict",
    "certificate_from_dict",
    "number_text",
    "reciprocal_text",
    "record_text",
    "require_types",
    "size_text",
]
