"""OpenSim's Scale tool, run with given factors, from a file that anyone can re-run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trcaugment.errors import OsimError
from trcaugment.osim.log import OpensimLog
from trcaugment.osim.package import load_opensim
from trcaugment.osim.setups import Factors

UNSCALED = "unscaled.osim"
SCALED = "scaled.osim"
SCALE_SETUP = "scale_setup.xml"

_MARKER_PLACER = re.compile(r"\s*<!--[^<]*-->\s*<MarkerPlacer>.*?</MarkerPlacer>", re.DOTALL)


def run_scale_tool(
    by_body: Mapping[str, Factors], mass_kg: float, folder: Path, log: OpensimLog, *, keep_mass_shares: bool = True
) -> None:
    """Write `scale_setup.xml` and run it: from the folder's `unscaled.osim` to `scaled.osim`.

    Args:
        by_body: factors along X, Y and Z of every body.
        mass_kg: mass of the scaled model.
        folder: holds the model.
        log: OpenSim's log.
        keep_mass_shares: whether the masses of bodies keep their proportions.

    Raises:
        OsimError: OpenSim failed.
    """
    opensim = load_opensim()
    tool = opensim.ScaleTool()
    tool.setName("scaled")
    tool.setSubjectMass(mass_kg)
    tool.getGenericModelMaker().setModelFileName(UNSCALED)
    scaler = tool.getModelScaler()
    order = opensim.ArrayStr()
    order.append("manualScale")
    scaler.setScalingOrder(order)
    for body, factors in by_body.items():
        each = opensim.Scale()
        each.setSegmentName(body)
        each.setScaleFactors(opensim.Vec3(*factors))
        each.setApply(True)
        scaler.getScaleSet().cloneAndAppend(each)
    scaler.setPreserveMassDist(keep_mass_shares)
    scaler.setOutputModelFileName(SCALED)
    path = folder / SCALE_SETUP
    tool.printToXML(str(path))
    # A marker placer that is not to be applied, even an empty one, makes OpenSim's run() say False.
    path.write_text(_MARKER_PLACER.sub("", path.read_text(encoding="utf-8")), encoding="utf-8")
    # OpenSim looks for the files beside the set-up; absolute paths in it would fail without a word.
    ready: Any = log.checked(lambda: opensim.ScaleTool(str(path)), str(path))
    log.checked(ready.run, "scaling the model")
    if not (folder / SCALED).is_file():
        raise OsimError(f"scaling the model: OpenSim wrote no {SCALED}; see {log.path}")
