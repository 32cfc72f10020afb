"""Sets of complete windows with known subjects, read from data sets or generated."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import torch

from trcaugment.body.detector import KeypointErrors, disturb
from trcaugment.body.windows import WindowGenerator, Windows
from trcaugment.errors import DatasetError
from trcaugment.marker_sets import KEYPOINTS
from trcaugment.markers import WINDOW_FRAMES

_BLOCK_WINDOWS = 1024  # generated at once, to limit the memory for intermediate results


Track = Callable[[Sequence[torch.Tensor]], Iterable[torch.Tensor]]


@dataclass(frozen=True)
class WindowSet:
    """Complete windows with their subjects and activities.

    Attributes:
        windows: the windows, without missing samples.
        subjects: name of every window's subject, (n_windows,).
        activities: activity in every window, "" if unknown, (n_windows,).

    Raises:
        DatasetError: shapes or numbers of windows disagree, or a sample is missing.
    """

    windows: Windows
    subjects: tuple[str, ...]
    activities: tuple[str, ...]

    def __post_init__(self) -> None:
        n, windows = len(self.subjects), self.windows
        expected = {
            "keypoints": (n, WINDOW_FRAMES, len(KEYPOINTS), 3),
            "markers": (n, WINDOW_FRAMES, len(windows.marker_set), 3),
            "height_m": (n,),
            "mass_kg": (n,),
        }
        for name, shape in expected.items():
            values = getattr(windows, name)
            if tuple(values.shape) != shape:
                raise DatasetError(f"expected {name} of shape {shape}, found {tuple(values.shape)}")
            if not torch.isfinite(values).all():
                raise DatasetError(f"expected {name} without missing samples")
        if len(self.activities) != n:
            raise DatasetError(f"expected an activity for each of {n} windows, found {len(self.activities)}")

    def __len__(self) -> int:
        return len(self.subjects)

    def of_subjects(self, names: Collection[str]) -> WindowSet:
        """The windows of the named subjects."""
        wanted = frozenset(names)
        return self.select([k for k, subject in enumerate(self.subjects) if subject in wanted])

    def select(self, index: Sequence[int]) -> WindowSet:
        """The windows at `index`, (n_selected,)."""
        return WindowSet(
            self.windows.select(torch.tensor(index, dtype=torch.long)),
            tuple(self.subjects[k] for k in index),
            tuple(self.activities[k] for k in index),
        )


@dataclass(frozen=True)
class FixedWindows:
    """Draws from given windows with equal probability.

    Attributes:
        windows: the windows.
        errors: keypoint errors to add to every drawn window; None adds none.
    """

    windows: Windows
    errors: KeypointErrors | None = None

    def draw(self, n: int, generator: torch.Generator) -> Windows:
        """Draw n windows with replacement."""
        chosen = self.windows.select(torch.randint(len(self.windows.height_m), (n,), generator=generator))
        if self.errors is None:
            return chosen
        seen = disturb(self.errors, chosen.keypoints, generator)
        return replace(chosen, keypoints=seen)


def generate_set(
    generator: WindowGenerator, n_subjects: int, n_windows: int, seed: int, track: Track = iter
) -> WindowSet:
    """Generate windows of a fixed number of subjects; each subject's body and detector offsets are drawn once.

    Args:
        generator: the generator.
        n_subjects: number of subjects; their numbers of windows differ by one at most.
        n_windows: number of windows, at least one per subject.
        seed: the same seed gives the same set.
        track: shows progress while it hands on the blocks of windows.

    Raises:
        DatasetError: there are fewer windows than subjects, or none at all.
    """
    if not 1 <= n_subjects <= n_windows:
        raise DatasetError(f"expected at least a window for each subject, found {n_windows} for {n_subjects}")
    random = torch.Generator().manual_seed(seed)
    people = generator.draw_people(n_subjects, random)
    whose = torch.arange(n_windows) % n_subjects
    blocks = [whose[first : first + _BLOCK_WINDOWS] for first in range(0, n_windows, _BLOCK_WINDOWS)]
    parts, activities = [], []
    for block in track(blocks):
        motions = generator.library.choose(len(block), random)
        parts.append(generator.draw_windows(people.select(block), motions, random))
        activities += [generator.library.activities[k] for k in motions.tolist()]
    names = tuple(f"generated{k + 1:0{len(str(n_subjects))}d}" for k in range(n_subjects))
    return WindowSet(Windows.join(parts), tuple(names[k] for k in whose.tolist()), tuple(activities))
