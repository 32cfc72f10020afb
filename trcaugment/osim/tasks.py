"""What inverse kinematics follows: weights of markers, and which coordinates these show."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from trcaugment.chain.time_range import WHOLE, TimeRange
from trcaugment.errors import OsimError
from trcaugment.marker_sets import LANDMARKS
from trcaugment.osim.determined import idle_markers, undetermined
from trcaugment.osim.setups import IkSetup

# OpenCap's weights: the heel hardly slides on the bone, the clusters sit on muscle.
_WEIGHTS = {
    60.0: ("calc",),
    30.0: ("knee", "mknee", "ankle", "mankle", "toe", "5meta"),
    25.0: ("ASIS", "PSIS", "HJC"),
    5.0: ("C7", "shoulder", "lelbow", "melbow", "lwrist", "mwrist"),
    4.0: ("thigh1", "thigh2", "thigh3", "sh1", "sh2", "sh3"),
}
_WEIGHT_OF = {
    name: weight
    for weight, parts in _WEIGHTS.items()
    for mark in LANDMARKS.values()
    if mark.part in parts and mark.kind != "keypoint"
    for name in mark.aliases
}
_OTHER_WEIGHT = 1.0


@dataclass(frozen=True)
class Tasks:
    """What inverse kinematics follows.

    Attributes:
        weights: weight of every marker of the model; 0 for those that are not followed.
        shown_by: coordinate -> the followed markers beyond its joint.
        held: whether what no marker shows takes a task for each, as in a model with constraints.
        setup: the user's own set-up, whose other settings are kept.
        time_range: what of the trials is solved.
        pulled: coordinates whose tasks in the set-up count.
        open: coordinates that have markers, but too few; of all postures that fit, the one nearest to the default is
            taken.
    """

    weights: dict[str, float]
    shown_by: dict[str, tuple[str, ...]]
    held: bool
    setup: Path | None = None
    time_range: TimeRange = WHOLE
    pulled: tuple[str, ...] = ()
    open: tuple[str, ...] = ()

    @property
    def followed(self) -> tuple[str, ...]:
        """Names of the markers that are followed."""
        return tuple(name for name, weight in self.weights.items() if weight > 0)

    @property
    def unseen(self) -> tuple[str, ...]:
        """Coordinates that no followed marker shows, such as those of the arms; they keep their default value."""
        return tuple(coordinate for coordinate, markers in self.shown_by.items() if not markers)

    def among(self, names: Collection[str], model: Any) -> Tasks:
        """The same for a trial with these markers; `model` is an `opensim.Model` that has them.

        Markers that show nothing but what is open are not followed: a foot would pull the pelvis by a leg's length.
        """
        if set(self.followed) <= set(names) and not self.open:
            return self
        shown = {coordinate: tuple(m for m in markers if m in names) for coordinate, markers in self.shown_by.items()}
        left_open = undetermined(model, shown)
        weights = self.weights | dict.fromkeys(idle_markers(model, shown, left_open), 0.0)
        return replace(self, weights=weights, shown_by=shown, open=left_open)

    def for_sizes(self) -> Tasks:
        """The same to find sizes and places of markers: in all frames, and nothing pulls against the markers."""
        return replace(self, time_range=WHOLE, pulled=())


def make_tasks(model: Any, names: set[str], setup: IkSetup | None) -> Tasks:
    """Tasks for the markers that both a model and the trials have.

    Args:
        model: an initialised `opensim.Model` with its markers.
        names: markers of the trials.
        setup: a set-up of inverse kinematics whose weights hold; without one, OpenCap's.

    Raises:
        OsimError: fewer than three markers would be followed.
    """
    markers = [model.getMarkerSet().get(i) for i in range(model.getMarkerSet().getSize())]
    wanted = _default_weights(markers) if setup is None else setup.weights
    weights = {m.getName(): wanted.get(m.getName(), 0.0) if m.getName() in names else 0.0 for m in markers}
    followed = [m for m in markers if weights[m.getName()] > 0]
    if len(followed) < 3:
        raise OsimError(
            f"expected markers in the trials that the model {model.getName()} knows and inverse kinematics follows, "
            f"found {len(followed)}: {', '.join(m.getName() for m in followed) or 'none'}. The model has "
            f"{', '.join(m.getName() for m in markers) or 'none'}; see trcaugment osim check"
        )
    carriers = {m.getName(): m.getParentFrame().findBaseFrame().getName() for m in followed}
    # Without constraints OpenSim's solver follows the gradient alone, which spares what no marker pulls at; a task for
    # each would be a quarter slower, and a lock, which OpenSim makes a constraint, four times.
    held = model.getConstraintSet().getSize() > 0
    shown_by = _shown_by(model, carriers)
    made = Tasks(weights, shown_by, held, open=undetermined(model, shown_by))
    if setup is None:
        return made
    return replace(made, setup=setup.path, time_range=setup.time_range, pulled=tuple(setup.pulls))


def _default_weights(markers: list[Any]) -> dict[str, float]:
    return {m.getName(): default_weight(m.getName()) for m in markers}


def default_weight(marker: str) -> float:
    """OpenCap's weight of a marker; 1 for one that it does not know."""
    return _WEIGHT_OF.get(marker, _OTHER_WEIGHT)


def _shown_by(model: Any, carriers: dict[str, str]) -> dict[str, tuple[str, ...]]:
    """Coordinate -> markers beyond its joint; without coordinates that follow others. `carriers`: marker -> body."""
    state = model.initSystem()
    joints = [model.getJointSet().get(i) for i in range(model.getJointSet().getSize())]
    ends = [(j.getParentFrame().findBaseFrame().getName(), j.getChildFrame().findBaseFrame().getName()) for j in joints]
    beyond: dict[str, set[str]] = {body: set() for pair in ends for body in pair}
    for marker, body in carriers.items():
        beyond.setdefault(body, set()).add(marker)
    for _ in ends:  # as often as the longest chain could need
        for parent, child in ends:
            beyond[parent] |= beyond[child]
    shown = {}
    for joint, (_, child) in zip(joints, ends, strict=True):
        for coordinate in (joint.get_coordinates(k) for k in range(joint.numCoordinates())):
            if not coordinate.isDependent(state):
                shown[coordinate.getName()] = tuple(marker for marker in carriers if marker in beyond[child])
    return shown
