"""Data files, and one bundled data set, as exact Datasets: decimal text becomes Fractions, never floats."""

from __future__ import annotations

import csv
import io
import re
import zipfile
import zlib
from fractions import Fraction
from os import PathLike
from pathlib import Path

import numpy as np

from sgdvar.data import Dataset
from sgdvar.scalars import Array, check_count

__all__ = ["load_csv", "load_diabetes", "load_npz", "parse_number", "standardise"]

_SEPARATORS = (",", ";", "\t")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?|[+-]?[0-9]+/[0-9]*[1-9][0-9]*")


def parse_number(text: str, name: str) -> Fraction:
    """The Fraction that decimal text (``0.05``, ``-2``, ``1e-3``) or a fraction (``1/20``) says.

    Args:
        text: The text, without spaces around it.
        name: Names the number in error messages.

    Returns:
        The exact number.

    Raises:
        ValueError: Empty, or no finite number; the message begins with ``name``.

    Examples:
        >>> parse_number("0.05", "step_size"), parse_number("1/20", "step_size")
        (Fraction(1, 20), Fraction(1, 20))
    """
    if _NUMBER.fullmatch(text):
        return Fraction(text)
    if text == "":
        raise ValueError(f"{name} must be a number, got nothing")
    hint = ""
    if _NUMBER.fullmatch(text.replace(",", ".", 1)):  # 1,5 has one reading, 1,234 has two
        hint = "; write a decimal point, and no thousands separators"
    raise ValueError(f"{name} must be a finite decimal or fraction, got {text[:40]!r}{hint}")


def load_csv(path: str | PathLike[str], target: str, *, decimals: int | None = None) -> Dataset:
    r"""An exact Dataset from a CSV file: every cell as the Fraction that its decimal text says.

    The first line names the columns. Separators are commas, semicolons or tabs, whichever splits that line into most
    names. Text is UTF-8, with or without a byte order mark. Blank lines are skipped.

    Args:
        path: The file.
        target: The name of the column of targets, or its number counted from 0 where no column has that name. All
            other columns are inputs, in their order.
        decimals: Round every cell to that many decimals (halves to even); None keeps cells as they are.

    Returns:
        A Dataset of Fractions with y of shape (n,).

    Raises:
        ValueError: A file that is missing, unreadable, empty or has no rows below its header; a header with empty or
            repeated names, without the target, or without inputs; rows of different length; cells that are empty or
            no finite decimal numbers. The message names the file, the line and the column.

    Examples:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder, "rooms.csv")
        ...     _ = path.write_text("size,price\n0.1,2\n0.25,3\n")
        ...     data = load_csv(path, "price")
        >>> data, data.X.tolist()
        (Dataset(n=2, p=1, rational), [[Fraction(1, 10)], [Fraction(1, 4)]])
    """
    _check_decimals(decimals)
    lines = _lines(Path(path))
    if not lines:
        raise ValueError(f"{path} must hold a header line and rows of numbers, got an empty file")
    names = lines[0][1]
    _check_names(names, path)
    index = _target_index(names, target, path)
    if len(lines) == 1:
        raise ValueError(f"{path} must hold rows of numbers below its header line, got none")
    rows = []
    for line, cells in lines[1:]:
        if len(cells) != len(names):
            raise ValueError(
                f"{path}, line {line} must have {len(names)} cells, as many as the header, got {len(cells)}"
            )
        rows.append([
            parse_number(cell, f"{path}, line {line}, column {name}") for name, cell in zip(names, cells, strict=True)
        ])
    table = np.array(rows, dtype=object)
    if decimals is not None:
        table = _rounded(table, decimals)
    return Dataset(np.delete(table, index, axis=1), table[:, index])


def load_npz(path: str | PathLike[str], target: str = "y", *, decimals: int | None = None) -> Dataset:
    """A Dataset from a NumPy archive with an array of inputs and an array of targets.

    Args:
        path: The ``.npz`` file.
        target: The name of the array of targets, shape (n,) or (n, q). The inputs, shape (n, p), are the array ``X``,
            or the only other array.
        decimals: Round floats to that many decimals (halves to even) and make them exact; None keeps floats, so that
            results say ``is_exact = False``. Integers are exact either way.

    Returns:
        The Dataset; exact for integers, and for floats with ``decimals``.

    Raises:
        ValueError: A file that is missing, unreadable or no such archive; an array that is missing, or that does not
            make a Dataset.
    """
    _check_decimals(decimals)
    if not Path(path).exists():
        raise ValueError(f"{path} must be a file, got none of that name")
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path} must be an .npz archive as numpy.savez writes it, got a file of another kind")
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (
        MemoryError,
        NotImplementedError,
        OSError,
        RuntimeError,
        ValueError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise ValueError(f"{path} must be an .npz archive of numeric arrays that can be read, got: {error}") from error
    there = ", ".join(arrays) or "none"
    if target not in arrays:
        raise ValueError(f"target must be one of the arrays in {path} ({there}), got {target!r}")
    others = [name for name in arrays if name != target]
    if "X" not in others and len(others) != 1:
        raise ValueError(f"{path} must hold the inputs as an array X, or one array besides {target}, got {there}")
    inputs, targets = arrays["X" if "X" in others else others[0]], arrays[target]
    try:
        data = Dataset(inputs, targets)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error
    if decimals is None or data.kind != "float":
        return data
    return Dataset(_rounded(data.X, decimals), _rounded(data.y, decimals))


def load_diabetes() -> Dataset:
    """The diabetes data that scikit-learn bundles: 442 patients, 10 features; nothing is downloaded.

    Features and target are standardised and rounded to 2 decimals, see :func:`standardise`.

    Returns:
        A Dataset of Fractions with X of shape (442, 10) and y of shape (442,).

    Raises:
        ImportError: scikit-learn is not installed.

    References:
        Efron, Hastie, Johnstone & Tibshirani, *Least Angle Regression*, Annals of Statistics 32 (2004), 407-499.

    Examples:
        >>> load_diabetes()
        Dataset(n=442, p=10, rational)
    """
    try:
        from sklearn import datasets
    except ImportError as error:
        raise ImportError(
            'the diabetes data come with scikit-learn, which is not installed; run pip install "sgdvar[examples]", '
            "or give data of your own"
        ) from error
    X, y = datasets.load_diabetes(return_X_y=True, scaled=False)
    return standardise(Dataset(X, y))


def standardise(data: Dataset, *, decimals: int = 2) -> Dataset:
    r"""The data with every feature and target shifted to mean 0 and scaled to standard deviation 1, as Fractions.

    .. math:: x \mapsto \operatorname{round}\bigl((x - \bar x) / s\bigr), \qquad s^2 = \tfrac1n \sum_i (x_i - \bar x)^2

    Means and standard deviations (divisor n) are computed in floats; the rounded result is then exact, and is the data
    that everything after it refers to. Its own mean and standard deviation are 0 and 1 only up to the rounding.

    Args:
        data: Numbers of any kind but symbols.
        decimals: Decimals that are kept (halves to even).

    Returns:
        A Dataset of Fractions of the same shape.

    Raises:
        ValueError: A column that is constant, or symbols.

    Examples:
        >>> import sgdvar as sv
        >>> standardise(sv.Dataset([[0], [1], [2]], [5, 5, 8])).X.tolist()
        [[Fraction(-61, 50)], [Fraction(0, 1)], [Fraction(61, 50)]]
    """
    check_count(decimals, "decimals")
    if data.kind == "symbolic":
        raise ValueError(f"data must hold numbers to be standardised, got symbols in {data}")
    return Dataset(_standardised(data.X, "X", decimals), _standardised(data.y, "y", decimals))


def _standardised(values: Array, name: str, decimals: int) -> Array:
    floats = values.astype(np.float64)
    for column, entries in enumerate(floats.reshape(len(floats), -1).T):
        if entries.min() == entries.max():
            where = name if floats.ndim == 1 else f"column {column} of {name} (counted from 0)"
            raise ValueError(f"{where} must vary to be standardised, got {entries[0]:g} in every row; leave it out")
    return _rounded((floats - floats.mean(axis=0)) / floats.std(axis=0), decimals)


def _rounded(values: Array, decimals: int) -> Array:
    rounded = [round(Fraction(value), decimals) for value in values.ravel().tolist()]
    return np.array(rounded, dtype=object).reshape(values.shape)


def _check_decimals(decimals: int | None) -> None:
    if decimals is not None:
        check_count(decimals, "decimals")


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    """Every line that is not blank, as its number in the file and its cells."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ValueError(f"{path} must be a file, got none of that name") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} must be text in UTF-8, got {error.reason} at byte {error.start}") from error
    except OSError as error:
        raise ValueError(f"{path} must be a file that can be read, got: {error.strerror}") from error
    header = text.lstrip().partition("\n")[0]
    separator = max(_SEPARATORS, key=lambda separator: len(next(csv.reader([header], delimiter=separator), [])))
    reader = csv.reader(io.StringIO(text), delimiter=separator, skipinitialspace=True, strict=True)
    lines = []
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells) or len(cells) > 1:
                lines.append((reader.line_num, cells))
    except csv.Error as error:
        raise ValueError(f"{path}, line {reader.line_num} must be CSV, got: {error}") from error
    return lines


def _check_names(names: list[str], path: object) -> None:
    where = f"{path}, line 1"
    if "" in names:
        raise ValueError(f"{where} must name every column, got no name for column {names.index('')} (counted from 0)")
    repeated = [name for k, name in enumerate(names) if name in names[:k]]
    if repeated:
        raise ValueError(f"{where} must name every column differently, got {repeated[0]} twice")
    counted = [str(k) for k in range(len(names))]
    if names != counted and all(_NUMBER.fullmatch(name) for name in names):
        raise ValueError(f"{where} must name the columns, got only numbers: {', '.join(names[:4])}; add a header line")
    if len(names) == 1:
        raise ValueError(f"{where} must name a target and at least one input, got the single column {names[0]}")


def _target_index(names: list[str], target: str, path: object) -> int:
    if target in names:
        return names.index(target)
    if target.isascii() and target.isdigit() and int(target) < len(names):
        return int(target)
    raise ValueError(
        f"target must be one of the columns of {path} ({', '.join(names)}), or a number from 0 to {len(names) - 1}, "
        f"got {target!r}"
    )
