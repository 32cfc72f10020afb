"""Opens OpenSim's XML files after checking their type.

OpenSim itself does not check: from a set-up in place of a model it makes a model without bodies, and a file that it
takes for an old set-up, such as a TRC, it rewrites in place.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal
from xml.etree import ElementTree

from trcaugment.errors import OsimError
from trcaugment.formats.files import read_file
from trcaugment.osim.log import OpensimLog
from trcaugment.osim.package import load_opensim

Kind = Literal["Model", "MarkerSet", "InverseKinematicsTool", "ScaleTool"]


def open_document(kind: Kind, path: Path, log: OpensimLog) -> Any:
    """Open a model, marker set or tool; files that it refers to are not opened.

    Raises:
        OsimError: the file cannot be read, or is of another type.
    """
    opensim = load_opensim()
    try:
        data = read_file(path)
        root = ElementTree.fromstring(data)
    except OSError as error:
        raise OsimError(f"{path}: cannot be read ({error.strerror})") from error
    except ElementTree.ParseError as error:
        raise OsimError(f"{path}: expected an OpenSim {kind}, found no XML ({error})") from error
    actual = root[0].tag if root.tag == "OpenSimDocument" and len(root) else root.tag
    if actual != kind:
        raise OsimError(f"{path}: expected an OpenSim {kind}, found {actual}")
    # A copy is opened, because OpenSim rewrites old files.
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "document.xml"
        copy.write_bytes(data)
        arguments = [str(copy), False] if kind == "InverseKinematicsTool" else [str(copy)]  # not its model
        return log.checked(lambda: getattr(opensim, kind)(*arguments), str(path))
