"""What the notebooks share: where results are, how they are read, intervals, and how charts look.

It knows nothing of any single study. Notebooks never make official numbers: they read those that stormglass has
written, and hold them against formulas and against a computation of their own.
"""

import json
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import polars as pl
from scipy import stats

#: Colours that are told apart with any kind of colour vision (M. Okabe, K. Ito, "Color Universal Design", 2008).
BLUE, ORANGE, GREEN, RED, PINK, SKY, BLACK = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
    "#1A1A1A",
)
FAINT = "#767676"


def folder(name: str) -> Path:
    """The folder of a study: under `STORMGLASS_OUTPUT`, or `output/notebooks` of this checkout."""
    usual = Path(__file__).resolve().parent.parent / "output" / "notebooks"
    found = Path(os.environ.get("STORMGLASS_OUTPUT", usual)) / name
    if not found.is_dir():
        raise FileNotFoundError(f"there are no results in {found}: `notebooks/run` makes them")
    return found


def table(study: str, name: str) -> pl.DataFrame:
    """A table of a study, with its types."""
    return pl.read_parquet(folder(study) / f"{name}.parquet")


def record(study: str, name: str) -> dict:
    """What a study wrote as JSON."""
    return json.loads((folder(study) / f"{name}.json").read_text())


def interval(values, confidence: float = 0.95) -> tuple[float, float, float]:
    """Mean of independent values, and the ends of its interval (Student's t)."""
    values = np.asarray(values, dtype=float)
    mean = values.mean()
    error = values.std(ddof=1) / np.sqrt(len(values))
    half = stats.t.ppf((1 + confidence) / 2, len(values) - 1) * error
    return mean, mean - half, mean + half


def look() -> None:
    """One look for all charts: a grid of horizontal lines, no box, letters that can be read on a slide."""
    plt.rcParams.update(
        {
            "figure.dpi": 110,
            "figure.constrained_layout.use": True,
            "font.size": 10.5,
            "axes.titlesize": 12,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.grid.axis": "y",
            "axes.axisbelow": True,
            "grid.color": "#E2E2E2",
            "lines.linewidth": 1.8,
            "legend.frameon": False,
            "svg.hashsalt": "stormglass",
        }
    )


def show(figure, name: str) -> None:
    """Shows a chart, and keeps it as a PNG in the folder that `STORMGLASS_CHARTS` names, if it does."""
    if charts := os.environ.get("STORMGLASS_CHARTS"):
        Path(charts).mkdir(parents=True, exist_ok=True)
        figure.savefig(Path(charts) / f"{name}.png")
    plt.show()
