"""Splits by subject: all windows of a subject are in one part, also over several data sets."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import msgspec
import numpy as np

from trcaugment.datasets.dataset import Dataset, Split
from trcaugment.errors import DatasetError
from trcaugment.formats.files import read_file


def split_subjects(
    datasets: Sequence[Dataset], *, shares: tuple[float, float], leave_out: Collection[str] = (), seed: int
) -> Split:
    """Choose the subjects for training, validation and test.

    A data set's own split is kept, unless `leave_out` is given. All other subjects are shuffled and divided by the
    shares. A name in two data sets is one subject.

    Args:
        datasets: the data sets.
        shares: shares of subjects for validation and for test. A share above 0 is at least one subject, as long as one
            is left for training.
        leave_out: names of the test subjects, instead of a share.
        seed: seed of the shuffling.

    Raises:
        DatasetError: a subject to leave out is in no data set, or no subject is left for training.
    """
    names = {name for dataset in datasets for name in dataset.window_set.subjects}
    unknown = sorted(set(leave_out) - names)
    if unknown:
        raise DatasetError(
            f"split.leave_out: no subject named {', '.join(unknown)}; there are {', '.join(sorted(names))}"
        )
    parts: dict[str, str] = dict.fromkeys(leave_out, "test")
    if not leave_out:
        parts = _own(datasets)
    others = [str(name) for name in np.random.default_rng(seed).permutation(sorted(names - parts.keys()))]
    n_validation, n_test = _counts(len(others), (shares[0], 0.0 if leave_out else shares[1]))
    for k, name in enumerate(others):
        parts[name] = "test" if k < n_test else "validation" if k < n_test + n_validation else "training"
    if "training" not in parts.values():
        raise DatasetError(f"no subject is left for training: {', '.join(sorted(names))} are for validation or test")
    return Split(*(_members(parts, part) for part in ("training", "validation", "test")))


def _own(datasets: Sequence[Dataset]) -> dict[str, str]:
    """Parts by subject from the data sets' own splits."""
    parts: dict[str, str] = {}
    for dataset in datasets:
        subjects = set(dataset.window_set.subjects)
        for name, part in dataset.split.by_subject().items() if dataset.split else ():
            if name in subjects and parts.setdefault(name, part) != part:
                raise DatasetError(f"{dataset.path}: its split has {name} for {part}, another for {parts[name]}")
    return parts


def _counts(n: int, shares: tuple[float, float]) -> tuple[int, int]:
    """Numbers of subjects for validation and test, out of n."""
    validation, test = (max(1, round(share * n)) if share > 0 else 0 for share in shares)
    spare = max(0, n - 1)  # keep one for training
    validation = min(validation, spare)
    return validation, min(test, spare - validation)


def _members(parts: dict[str, str], wanted: str) -> tuple[str, ...]:
    return tuple(sorted(name for name, part in parts.items() if part == wanted))


def read_split(path: Path) -> Split:
    """Read the `split.json` of a training run.

    Raises:
        DatasetError: the file cannot be read or holds no split.
    """
    try:
        return msgspec.json.decode(read_file(path), type=Split)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise DatasetError(f"{path}: expected the split.json of a training run ({error})") from error
