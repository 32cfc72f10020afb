"""OpenSim's XML files, opened only if they are what they should be.

OpenSim itself opens anything: a set-up in place of a model becomes a model without bodies, and a file that it takes for
an old set-up, a TRC for one, is rewritten where it lies.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal
from xml.etree import ElementTree

from trcaugment.errors import OsimError
from trcaugment.osim.log import OpensimLog
from trcaugment.osim.package import load_opensim

Kind = Literal["Model", "MarkerSet", "InverseKinematicsTool", "ScaleTool"]


def open_document(kind: Kind, path: Path, log: OpensimLog) -> Any:
    """The model, marker set or tool of a file; files that it names are not opened.

    Raises:
        OsimError: the file cannot be read, or is something else.
    """
    opensim = load_opensim()
    try:
        data = path.read_bytes()
        root = ElementTree.fromstring(data)
    except OSError as error:
        raise OsimError(f"{path}: cannot be read ({error.strerror})") from error
    except ElementTree.ParseError as error:
        raise OsimError(f"{path}: expected an OpenSim {kind}, found no XML ({error})") from error
    found = root[0].tag if root.tag == "OpenSimDocument" and len(root) else root.tag
    if found != kind:
        raise OsimError(f"{path}: expected an OpenSim {kind}, found {found}")
    # A copy, because OpenSim rewrites old files.
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "document.xml"
        copy.write_bytes(data)
        arguments = [str(copy), False] if kind == "InverseKinematicsTool" else [str(copy)]  # False: not its model
        return log.checked(lambda: getattr(opensim, kind)(*arguments), str(path))
