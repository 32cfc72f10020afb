"""Arrays of objects are read without running what a pickle asks for."""

import io
import os
import pickle
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from trcaugment.datasets.unpickling import load_npy
from trcaugment.errors import DatasetError


class _Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


class _System:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.system, (f"touch {self.path}",))


def save_pickle(path, data):
    """A `.npy` file of one object, whose pickle is given."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|O", "fortran_order": False, "shape": ()})
    path.write_bytes(header.getvalue() + data)
    return path


def save(path, content, protocol=4):
    return save_pickle(path, pickle.dumps(np.array(content, dtype=object), protocol=protocol))


CONTENT = {
    "indexes": np.arange(5),
    "scale_factors": np.array([0.9, 0.95, 1.0]),
    "trials": np.array(["walk1", "läuft"], dtype=object),
    "names": np.array(["a", "bc"]),
    "nested": {"test": [np.int64(3), 4.5, None, True], "pair": (1, "x")},
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
}


def assert_equal(first, second):
    assert type(first) is type(second)
    if isinstance(first, dict):
        assert first.keys() == second.keys()
        for key in first:
            assert_equal(first[key], second[key])
    elif isinstance(first, list | tuple):
        for a, b in zip(first, second, strict=True):
            assert_equal(a, b)
    elif isinstance(first, np.ndarray):
        np.testing.assert_array_equal(first, second)
        assert first.dtype == second.dtype
    else:
        assert first == second


@pytest.mark.parametrize("protocol", range(6))
def test_what_numpy_saves_is_read_at_every_pickle_protocol(tmp_path, protocol):
    path = save(tmp_path / "a.npy", CONTENT, protocol)
    assert_equal(load_npy(path), np.load(path, allow_pickle=True).item())


def test_what_numpy_saves_itself_is_read(tmp_path):
    np.save(tmp_path / "dict.npy", CONTENT)
    assert_equal(load_npy(tmp_path / "dict.npy"), CONTENT)
    np.save(tmp_path / "objects.npy", np.array(["a", 1, None], dtype=object))
    assert load_npy(tmp_path / "objects.npy").tolist() == ["a", 1, None]
    np.save(tmp_path / "plain.npy", CONTENT["fortran"])
    assert_equal(load_npy(tmp_path / "plain.npy"), CONTENT["fortran"])


def test_old_names_of_numpy_are_known(tmp_path):
    data = pickle.dumps(np.array({"a": np.arange(3)}, dtype=object), protocol=2)
    assert b"numpy._core" in data or b"numpy.core" in data
    old = data.replace(b"numpy._core", b"numpy.core")
    assert_equal(load_npy(save_pickle(tmp_path / "old.npy", old)), {"a": np.arange(3)})


@pytest.mark.parametrize("kind", [_Touch, _System])
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_code_is_refused_and_not_run(tmp_path, kind, protocol):
    proof = tmp_path / "proof"
    path = save(tmp_path / "evil.npy", {"indexes": [kind(proof)]}, protocol)
    with pytest.raises(DatasetError, match=r"evil\.npy: refused, it names the function .*Nothing was run"):
        load_npy(path)
    assert not proof.exists()
    np.load(path, allow_pickle=True)  # the same file does run code elsewhere
    assert proof.exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("builtins", "eval"),
        ("builtins", "getattr"),
        ("numpy", "load"),
        ("numpy.core.multiarray", "fromfile"),
        ("numpy", "dtype.__class__"),
        ("numpy._core.multiarray", "_reconstruct.__globals__"),
        ("functools", "partial"),
        ("trcaugment.datasets.unpickling", "load_npy"),
    ],
)
def test_only_numpys_building_blocks_have_names(tmp_path, module, name):
    data = pickle.PROTO + b"\x04" + b"".join(_short(part) for part in (module, name)) + pickle.STACK_GLOBAL + b"."
    with pytest.raises(DatasetError, match="refused, it names the function"):
        load_npy(save_pickle(tmp_path / "evil.npy", data))


def _short(text):
    return pickle.SHORT_BINUNICODE + bytes([len(text)]) + text.encode()


def test_numpys_own_types_cannot_be_changed(tmp_path):
    """A pickle that sets the state of a dtype changes a copy."""
    header = pickle.PROTO + b"\x04" + _short("numpy") + _short("dtype") + pickle.STACK_GLOBAL
    make = _short("f8") + pickle.TUPLE1 + pickle.REDUCE
    state = pickle.dumps((3, ">", None, None, None, -1, -1, 0), protocol=4)[2:-1]
    path = save_pickle(tmp_path / "evil.npy", header + make + state + pickle.BUILD + b".")
    with suppress(DatasetError):
        load_npy(path)
    assert np.dtype("f8").isnative
    assert np.array([1.0]).tobytes() == np.array([1.0], "=f8").tobytes()


@pytest.mark.parametrize("keep", [0, 5, 60, 100, -1, -20])
def test_damaged_files_are_refused(tmp_path, keep):
    np.save(tmp_path / "a.npy", CONTENT)
    data = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(data[:keep])
    with pytest.raises(DatasetError, match=r"a\.npy: damaged, or no \.npy file"):
        load_npy(tmp_path / "a.npy")


def test_no_file_and_no_array_are_refused(tmp_path):
    with pytest.raises(DatasetError, match=r"none\.npy: cannot be read"):
        load_npy(tmp_path / "none.npy")
    (tmp_path / "text.npy").write_text("hello, this is text")
    with pytest.raises(DatasetError, match="damaged"):
        load_npy(tmp_path / "text.npy")
