"""Writes the shipped full-body model, and opens models with marker sets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from trcaugment.body.skeleton import ARM_MARKERS, MARKERS, Point
from trcaugment.errors import OsimError
from trcaugment.formats.files import replace_file, why_not_written
from trcaugment.osim.documents import open_document
from trcaugment.osim.log import OpensimLog, opensim_log

SHIPPED_NAME = "trcaugment_full_body"
SHIPPED_MARKERS = (*MARKERS, *ARM_MARKERS)


def write_shipped_model(path: Path, points: Sequence[Point] = SHIPPED_MARKERS) -> None:
    """Write the full-body model without muscles: an average adult of 1.70 m.

    Args:
        path: the file.
        points: what it carries as markers: the anatomical and arm markers, or other points of the skeleton.

    Raises:
        OsimError: opensim is not installed, or the file cannot be written.
    """
    with opensim_log() as log, TemporaryDirectory() as folder:
        from trcaugment.body.population import average_adult
        from trcaugment.osim.build import build_model

        printed = Path(folder) / "model.osim"
        log.checked(lambda: build_model(average_adult(), SHIPPED_NAME, points).printToXML(str(printed)), str(path))
        data = printed.read_bytes()
    try:
        replace_file(path, data)
    except OSError as error:
        raise OsimError(f"{path} {why_not_written(error)}") from error


def open_model(path: Path, marker_set: Path | None, log: OpensimLog) -> Any:
    """Open and initialize an `opensim.Model`, and add the markers of a marker-set file as OpenSim's Scale tool does.

    A marker of the file replaces the model's marker of the same name.

    Raises:
        OsimError: a file is of another type, or the markers do not fit the model.
    """
    model = open_document("Model", path, log)
    log.checked(model.initSystem, str(path))
    if marker_set is not None:
        markers = open_document("MarkerSet", marker_set, log)
        log.checked(lambda: model.updateMarkerSet(markers), str(marker_set))
        log.checked(model.initSystem, f"{marker_set} on {path.name}")
    return model
