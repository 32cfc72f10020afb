"""Safe reading of untrusted `.npy` files: arrays, dicts, lists, tuples, strings and numbers only, never code.

NumPy stores arrays of Python objects as pickles, and unpickling calls whatever a pickle names. This reader knows only
the few functions that rebuild NumPy arrays, and uses harmless substitutes even for those.
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

# Raised by damaged or malicious pickles and headers; each becomes a DatasetError.
_DAMAGED = (
    *(ValueError, TypeError, LookupError, AttributeError, EOFError, ImportError, pickle.UnpicklingError),
    *(OverflowError, MemoryError, RecursionError, SyntaxError, NotImplementedError),
)


def load_npy(path: Path) -> Any:
    """Read a `.npy` file: an array, or the single object that it holds.

    Raises:
        DatasetError: the file is missing, damaged, or carries code.
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
    """A pickle names a function that is not on the list."""


class _ArrayUnpickler(pickle.Unpickler):
    """Resolves the names in `_KNOWN` and refuses all others."""

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
    """Makes copies of data types, so that no pickle can change NumPy's own ones."""

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
    """Old pickles store bytes as text."""
    return lambda text, _encoding="latin1": str(text).encode("latin1")


# Each entry makes a new substitute, so that a pickle cannot change a later one. Arrays are always of type ndarray: the
# name `ndarray` resolves to a string, which cannot be called.
_KNOWN: dict[tuple[str, str], Callable[[], Any]] = {
    ("numpy", "ndarray"): lambda: "ndarray",
    ("numpy", "dtype"): _dtype,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("numpy._core.numeric", "_frombuffer"): _frombuffer,
    ("_codecs", "encode"): _encode,
}
