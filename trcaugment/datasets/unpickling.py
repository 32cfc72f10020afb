"""`.npy` files of strangers: arrays, dicts, lists, tuples, strings and numbers are read, code is refused and never run.

NumPy stores arrays of Python objects as pickles, and unpickling calls whatever a pickle names. This reader knows only
the few functions that rebuild NumPy's own arrays, and hands out substitutes of its own even for those.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy_format

from trcaugment.errors import DatasetError
from trcaugment.formats.files import read_file

# What damaged or hostile pickles and headers raise; none of it may reach the user as it is.
_DAMAGED = (
    *(ValueError, TypeError, LookupError, AttributeError, EOFError, ImportError, pickle.UnpicklingError),
    *(OverflowError, MemoryError, RecursionError, SyntaxError, NotImplementedError),
)


def load_npy(path: Path) -> Any:
    """Content of a `.npy` file: an array, or the one object that it holds.

    Raises:
        DatasetError: there is no such file, it is damaged, or it carries code.
    """
    try:
        data = read_file(path)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        return _load(data)
    except _CodeError as error:
        raise DatasetError(
            f"{path}: refused, it names the function {error}; a data set holds arrays, dicts, lists, tuples, strings "
            "and numbers only. Nothing was run"
        ) from error
    except _DAMAGED as error:
        raise DatasetError(f"{path}: damaged, or no .npy file ({str(error) or type(error).__name__})") from error


def _load(data: bytes) -> Any:
    file = io.BytesIO(data)
    version = npy_format.read_magic(file)
    read_header = npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
    shape, _, dtype = read_header(file)
    if not dtype.hasobject:
        return npy_format.read_array(io.BytesIO(data), allow_pickle=False)
    content = _ArrayUnpickler(file, encoding="latin1").load()
    if shape == () and isinstance(content, np.ndarray) and content.shape == ():
        return content.item()
    return content


class _CodeError(Exception):
    """A pickle names something to be called."""


class _ArrayUnpickler(pickle.Unpickler):
    """Knows NumPy's own building blocks by name, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module.replace("numpy.core", "numpy._core"), name) not in _KNOWN:
            raise _CodeError(f"{module}.{name}")
        return _KNOWN[module.replace("numpy.core", "numpy._core"), name]()

    def persistent_load(self, pid: Any) -> Any:
        raise _CodeError("persistent_load")


def _reconstruct() -> Callable[..., Any]:
    """An empty array; the pickle then sets its shape, type and values."""
    return lambda _type, _shape, _kind: np.ndarray.__new__(np.ndarray, (0,), "b")


def _dtype() -> Callable[..., Any]:
    """A copy, so that no pickle can change NumPy's own types."""

    def make(name: str, _align: bool = False, _copy: bool = True) -> np.dtype[Any]:
        if not isinstance(name, str):
            raise _CodeError("numpy.dtype of something else than a name")
        return np.dtype(name, align=False, copy=True)

    return make


def _scalar() -> Callable[..., Any]:
    def make(dtype: np.dtype[Any], data: bytes | str = b"") -> Any:
        raw = data.encode("latin1") if isinstance(data, str) else data
        return np.frombuffer(raw, dtype, count=1)[0]

    return make


def _frombuffer() -> Callable[..., Any]:
    def make(data: bytes, dtype: np.dtype[Any], shape: tuple[int, ...], order: str) -> Any:
        return np.frombuffer(data, dtype).reshape(shape, order="F" if order == "F" else "C").copy()

    return make


def _encode() -> Callable[..., bytes]:
    """Old pickles write bytes as text."""
    return lambda text, _encoding="latin1": str(text).encode("latin1")


# Each entry makes a fresh substitute, so that a pickle that changes it changes nothing that stays. Arrays are always
# plain ones: the name `ndarray` stands for itself and cannot be called.
_KNOWN: dict[tuple[str, str], Callable[[], Any]] = {
    ("numpy", "ndarray"): lambda: "ndarray",
    ("numpy", "dtype"): _dtype,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("numpy._core.numeric", "_frombuffer"): _frombuffer,
    ("_codecs", "encode"): _encode,
}
