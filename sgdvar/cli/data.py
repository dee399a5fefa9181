"""The examples that the options of a command name, and where they come from in words."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass

import numpy as np

import sgdvar as sv
from sgdvar.loading import load_csv, load_diabetes, load_npz, standardise
from sgdvar.scalars import Array

__all__ = ["DIABETES", "Source", "read_source"]

DIABETES = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")
"""The features of the bundled data."""


@dataclass(frozen=True, eq=False)
class Source:
    """Examples, and what to say of them.

    Attributes:
        data: The examples.
        origin: Where they come from.
        size: How many they are, of how many features, and how those were chosen.
    """

    data: sv.Dataset
    origin: str
    size: str

    @property
    def numbers(self) -> str:
        """What kind of numbers they are."""
        return "floats" if self.data.kind == "float" else "exact rationals"


def read_source(arguments: Namespace, most: int | None = None) -> Source:
    """The examples that the options name, with some or all of their features: those most correlated with the target.

    Args:
        arguments: The options.
        most: The most features to keep where the options do not say how many; None for all.

    Raises:
        ImportError: The bundled data need scikit-learn, which is not installed.
        ValueError: Bad data, or options that do not fit them.
        TypeError: Data that are not numbers.
    """
    data, origin = _read_data(arguments)
    n, p = data.size, data.inputs
    features = arguments.features or (p if most is None else min(p, most))
    if features == p:
        return Source(data, origin, f"n = {n} examples, p = {p} features")
    if features > p:
        raise ValueError(f"--features must be at most {p}, the number of features in the data, got {features}")
    columns = _most_correlated(data, features)
    names = (
        ", ".join(DIABETES[column] for column in columns)
        if arguments.data is None
        else f"{', '.join(map(str, columns))} counted from 0"
    )
    size = f"n = {n} examples, p = {features} features (of {p}, those most correlated with the target: {names})"
    return Source(sv.Dataset(data.X[:, columns], data.y), origin, size)


def _read_data(arguments: Namespace) -> tuple[sv.Dataset, str]:
    """The data, and where they come from in words."""
    path, target = arguments.data, arguments.target
    if path is None:
        if target is not None or arguments.standardise or arguments.decimals is not None:
            raise ValueError("--target, --decimals and --standardise must come with --data FILE, got no file")
        return load_diabetes(), "scikit-learn's diabetes data, standardised, rounded to 2 decimals"
    decimals = None if arguments.standardise else arguments.decimals  # rounding comes after standardising
    if path.suffix.lower() == ".csv":
        if target is None:
            raise ValueError(f"--target must name the column of {path} to predict, got none")
        data = load_csv(path, target, decimals=decimals)
    elif path.suffix.lower() == ".npz":
        target = "y" if target is None else target
        data = load_npz(path, target, decimals=decimals)
    else:
        raise ValueError(f"--data must be a .csv or an .npz file, got {path}")
    source = f"{path.name}, target {target}"
    if arguments.standardise:
        decimals = 2 if arguments.decimals is None else arguments.decimals
        data = standardise(data, decimals=decimals)
        source += ", standardised"
    return data, source + ("" if decimals is None else f", rounded to {decimals} decimals")


def _most_correlated(data: sv.Dataset, count: int) -> list[int]:
    """The columns of largest absolute correlation with the target (root sum square for several), in ascending order."""
    X, y = _centred_directions(data.X), _centred_directions(data.y)
    strength = np.linalg.norm(X.T @ y, axis=1)
    return sorted(np.argsort(-strength, kind="stable")[:count].tolist())


def _centred_directions(values: Array) -> Array:
    """Columns less their mean, divided by their norm unless it is 0."""
    columns = values.astype(np.float64).reshape(len(values), -1)
    columns = columns - columns.mean(axis=0)
    norms = np.linalg.norm(columns, axis=0)
    directions: Array = columns / np.where(norms > 0, norms, 1.0)
    return directions
