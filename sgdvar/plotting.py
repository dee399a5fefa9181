"""Figures from plain arrays; Matplotlib is imported when one is drawn, and no global state of it is changed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["check_figure", "plot_variance"]

_UNDATED: dict[str, Any] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}  # same numbers, same file
_FORMATS = (".png", ".pdf", ".svg")
_BAR = 3  # an error bar reaches this many standard errors to either side
_COLORS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#000000",
)  # Okabe & Ito: colour-blind-safe
_MARKERS = "osD^vPX"
_INK, _QUIET, _GUIDE = "#262626", "#6e6e6e", "#c8c8c8"
_STYLE: Any = {
    "axes.edgecolor": _QUIET,
    "axes.labelcolor": _INK,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 10,
    "lines.linewidth": 1.5,
    "svg.hashsalt": "sgdvar",
    "text.color": _INK,
    "xtick.color": _QUIET,
    "xtick.labelcolor": _INK,
    "ytick.color": _QUIET,
    "ytick.labelcolor": _INK,
}


@dataclass(frozen=True)
class _Series:
    """One step: exact values and estimates at the batch sizes b, and a curve over a dense grid of them."""

    step: int
    color: str
    marker: str
    b: npt.NDArray[Any]
    exact: npt.NDArray[Any]
    estimate: npt.NDArray[Any]
    error: npt.NDArray[Any]
    dense: npt.NDArray[Any]
    curve: npt.NDArray[Any]


def check_figure(path: str | PathLike[str] | None) -> None:
    """Checks, before any work, that a figure can be drawn and written to ``path``.

    Args:
        path: The file to be; None for a figure that is not written.

    Raises:
        ImportError: Matplotlib is not installed.
        ValueError: ``path`` has no suffix .png, .pdf or .svg, or lies in no folder, or cannot be written.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise ImportError('figures need Matplotlib, which is not installed; run pip install "sgdvar[plot]"') from error
    if path is None:
        return
    file = Path(path)
    if file.suffix.lower() not in _FORMATS:
        raise ValueError(f"a figure must be a file ending in {', '.join(_FORMATS)}, got {file}")
    if not file.parent.is_dir():
        raise ValueError(f"a figure must lie in a folder that exists, got {file}")
    if file.is_dir() or not os.access(file if file.exists() else file.parent, os.W_OK):
        raise ValueError(f"a figure must be a file that can be written, got {file}")


def plot_variance(
    batch_sizes: npt.ArrayLike,
    steps: Sequence[int],
    exact: npt.ArrayLike,
    estimates: npt.ArrayLike,
    standard_errors: npt.ArrayLike,
    *,
    curve_batch_sizes: npt.ArrayLike,
    curves: npt.ArrayLike,
    title: str | None = None,
    lines: str = "exact",
    path: str | PathLike[str] | None = None,
) -> Figure:
    r"""A figure of the variance against the batch size: exact curves, and estimates with error bars.

    The upper panel is log-log, with a light grey line of slope -1 (proportional to 1/b) to compare with. The lower
    panel shows the same estimates relative to the exact values, :math:`\hat V / V - 1`, on a scale on which error bars
    can be seen. Error bars reach 3 standard errors to either side. A value of exactly 0, as at b = n without
    replacement, has no place on a logarithmic axis: it is left out, and a note below the panels says so.

    Args:
        batch_sizes: The B batch sizes of the estimates.
        steps: The T steps t.
        exact: Exact values at ``batch_sizes``, shape (T, B).
        estimates: Estimates, shape (T, B).
        standard_errors: Their standard errors, shape (T, B).
        curve_batch_sizes: The K batch sizes at which curves are drawn, in ascending order.
        curves: Exact values there, shape (T, K).
        title: A title; None for none.
        lines: What the curves are called in the note below.
        path: A file to write; its suffix (.png, .pdf or .svg) decides the format. None writes nothing.

    Returns:
        The figure, a ``matplotlib.figure.Figure``, which notebooks display once Matplotlib's inline backend is on.

    Raises:
        ImportError: Matplotlib is not installed.
        ValueError: Arrays of other shapes, or a path as in :func:`check_figure`.
    """
    check_figure(path)
    import matplotlib
    from matplotlib.figure import Figure

    b, dense = np.asarray(batch_sizes, dtype=np.float64), np.asarray(curve_batch_sizes, dtype=np.float64)
    grid, curve_grid = (len(steps), b.size), (len(steps), dense.size)
    columns = zip(
        _floats(exact, "exact", grid),
        _floats(estimates, "estimates", grid),
        _floats(standard_errors, "standard_errors", grid),
        _floats(curves, "curves", curve_grid),
        strict=True,
    )
    series = [
        _Series(step, _COLORS[k % len(_COLORS)], _MARKERS[k % len(_MARKERS)], b, value, estimate, error, dense, curve)
        for k, (step, (value, estimate, error, curve)) in enumerate(zip(steps, columns, strict=True))
    ]
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(7.2, 6.2), dpi=160, layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[2.6, 1])
        _draw_variance(upper, series)
        _draw_deviation(lower, series)
        _label_batch_sizes(lower, b)
        if title is not None:
            upper.set_title(title, loc="left", fontsize=11, fontweight="bold", pad=10)
        figure.supxlabel(_note(series, lines), fontsize=8, color=_QUIET, x=0.015, ha="left")
        if path is not None:
            figure.savefig(path, metadata=_UNDATED.get(Path(path).suffix.lower()))
    return figure


def _floats(values: npt.ArrayLike, name: str, shape: tuple[int, int]) -> npt.NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.shape != shape:
        raise ValueError(f"{name} must have one row per step and one column per batch size, {shape}, got {array.shape}")
    return array


def _draw_variance(axes: Axes, series: Sequence[_Series]) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    for s in series:
        drawn, shown = s.curve > 0, (s.exact > 0) & (s.estimate > 0)
        axes.plot(s.dense[drawn], s.curve[drawn], color=s.color)
        # a lower bar that would reach 0 is cut short of it: the axis has no 0
        down = np.minimum(_BAR * s.error, 0.95 * np.abs(s.estimate))
        axes.errorbar(
            s.b[shown],
            s.estimate[shown],
            yerr=np.stack([down, _BAR * s.error])[:, shown],
            linestyle="none",
            **_points(s),
        )
        axes.plot([], [], label=f"step {s.step}", **_points(s))  # the legend's line with its point
    _draw_guide(axes, series)
    axes.set_ylabel("variance of the batch gradient\n(total variance given $w_0$)")
    axes.legend(frameon=False, loc="upper right", handlelength=1.8, labelspacing=0.35)
    axes.grid(axis="y", which="major", color=_GUIDE, linewidth=0.5, alpha=0.6)
    axes.tick_params(which="minor", length=2)


def _draw_guide(axes: Axes, series: Sequence[_Series]) -> None:
    """A line of slope -1, a little below all curves at their left end."""
    starts = [s.curve[0] for s in series if s.curve[0] > 0]
    if not starts:
        return
    dense = series[0].dense
    guide = 0.45 * min(starts) * dense[0] / dense
    axes.plot(dense, guide, color=_GUIDE, linewidth=1.2, linestyle=(0, (4, 2)), zorder=0)
    label = int(np.searchsorted(dense, dense[0] ** 0.75 * dense[-1] ** 0.25))
    axes.annotate(
        r"$\propto 1/b$",
        (dense[label], guide[label]),
        xytext=(-5, -5),
        textcoords="offset points",
        ha="right",
        va="top",
        color=_QUIET,
        fontsize=9,
    )
    lowest = min(s.curve[s.curve > 0].min() for s in series if (s.curve > 0).any())
    axes.set_ylim(bottom=0.6 * min(lowest, guide[-1]))


def _draw_deviation(axes: Axes, series: Sequence[_Series]) -> None:
    axes.axhline(0, color=_QUIET, linewidth=0.8)
    for k, s in enumerate(series):
        shown = s.exact > 0
        aside = 1.035 ** (k - (len(series) - 1) / 2)  # side by side, so that bars of several steps do not overlap
        axes.errorbar(
            s.b[shown] * aside,
            100 * (s.estimate[shown] / s.exact[shown] - 1),
            yerr=100 * _BAR * s.error[shown] / s.exact[shown],
            linestyle="none",
            **_points(s),
        )
    reach = max(abs(limit) for limit in axes.get_ylim())
    axes.set_ylim(-reach, reach)
    axes.set_xlabel("batch size $b$")
    axes.set_ylabel("estimate against\nexact value, in %")


def _points(s: _Series) -> dict[str, Any]:
    return {
        "color": s.color,
        "marker": s.marker,
        "markersize": 4.5,
        "markeredgecolor": "white",
        "markeredgewidth": 0.6,
    }


def _label_batch_sizes(axes: Axes, b: npt.NDArray[Any]) -> None:
    """Ticks at the batch sizes that were simulated, leaving out those too close to their neighbour to be read."""
    ticks: list[float] = []
    closest = max(1.25, (b.max() / b.min()) ** (1 / 16))
    for size in np.unique(b).tolist():
        if not ticks or size >= closest * ticks[-1]:
            ticks.append(size)
    axes.set_xticks(ticks, labels=[f"{size:g}" for size in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlim(b.min() / 1.2, b.max() * 1.2)


def _note(series: Sequence[_Series], lines: str) -> str:
    note = f"Lines: {lines}. Points: estimates, with bars of {_BAR} standard errors to either side."
    zeros = sorted({int(size) for s in series for size in s.b[s.exact == 0]})
    if not zeros:
        return note
    return f"{note}\nNot drawn: b = {', '.join(map(str, zeros))}, where the variance is exactly 0."
