"""Which trials of a person scale the model."""

from __future__ import annotations

import re
from collections.abc import Mapping

from trcaugment.chain.time_range import WHOLE, cut_time
from trcaugment.errors import MarkersError
from trcaugment.markers import Markers
from trcaugment.osim.setups import ScaleSetup

# OpenCap's trial "neutral", Pose2Sim's "static"; as a word, whatever stands around it.
_STATIC_NAME = re.compile(r"(?<![a-z])(static|neutral)(?![a-z])", re.IGNORECASE)


def scaling_trials(
    trials: Mapping[str, Markers], static: Markers | None, setup: ScaleSetup
) -> tuple[Mapping[str, Markers], list[str]]:
    """The trials whose distances count, in the set-up's time range, and messages about that."""
    used, notes = trials, []
    by_name = {name: trial for name, trial in trials.items() if _STATIC_NAME.search(name)}
    if static is not None:
        used = {"the static trial": static}
    elif by_name and len(by_name) < len(trials):
        used = by_name
        notes = [f"scaled by {' and '.join(by_name)} alone, by its name a static trial"]
    if setup.time_range == WHOLE:
        return used, notes
    ends = (("from", setup.time_range.from_s), ("to", setup.time_range.to_s))
    limits = " ".join(f"{word} {time_s:g} s" for word, time_s in ends if time_s is not None)
    span = f"the set-up's time range for scaling, {limits},"
    if len(used) > 1:
        return used, [*notes, f"{span} is not used: {len(used)} trials scale the model"]
    ((name, trial),) = used.items()
    try:
        part = cut_time(trial, setup.time_range)
    except MarkersError:
        notes.append(f"{span} is not used: {name} runs from {trial.time_s[0]:g} to {trial.time_s[-1]:g} s")
        return used, notes
    notes.append(f"{span} leaves {part.n_frames} of {trial.n_frames} frames of {name} to scale with")
    return {name: part}, notes
