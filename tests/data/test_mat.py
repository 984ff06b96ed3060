import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.io import loadmat, savemat

from maskless.data.mat import mat_classes, mat_classes_by_pixel, mat_instances
from maskless.data.mat_layout import refuse_malformed
from maskless.errors import UserError

REAL = Path(os.environ.get("MASKLESS_DATA", "")) / "mat_samples" / "masks"
with_real_data = pytest.mark.skipif(
    "MASKLESS_DATA" not in os.environ or not REAL.is_dir(), reason="MASKLESS_DATA has no mat_samples/"
)
NAMES = {1: "other", 2: "inflammatory", 5: "fibroblast"}


def some_instances() -> NDArray[np.int32]:
    """Ids 3, 40 and 7, (6, 8); the ids do not rise from left to right."""
    instances = np.zeros((6, 8), np.int32)
    instances[1:3, 0:2], instances[1:5, 3:5], instances[0:2, 6:8] = 3, 40, 7
    return instances


def write(file: Path, **held: Any) -> Path:
    savemat(file, held)
    return file


@pytest.mark.parametrize("dtype", ["float64", "float32", "int32", "uint16", "int64"])
@pytest.mark.parametrize("form", ["4", "5"])
def test_ids_are_read_as_they_are_whatever_numbers_they_are_stored_in(
    tmp_path: Path, dtype: str, form: str
) -> None:
    if (form, dtype) == ("4", "int64"):
        pytest.skip("MATLAB 4 had no such numbers")
    file = tmp_path / "a.mat"
    savemat(file, {"inst_map": some_instances().astype(dtype), "other": "text"}, format=form)
    found = mat_instances(file, (6, 8))
    assert found.dtype == np.int32
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, some_instances())


@pytest.mark.parametrize("shape", [(-1, 1), (1, -1)])
def test_classes_follow_the_rising_ids(tmp_path: Path, shape: tuple[int, int]) -> None:
    codes = np.array([5.0, 2.0, 1.0]).reshape(shape)
    file = write(tmp_path / "a.mat", inst_type=codes)
    classes = mat_classes(file, some_instances(), NAMES)
    assert list(classes.items()) == [(3, "fibroblast"), (7, "inflammatory"), (40, "other")]


def test_no_nuclei_have_no_classes(tmp_path: Path) -> None:
    nothing = np.zeros((6, 8), np.int32)
    file = write(tmp_path / "a.mat", inst_map=nothing, inst_type=np.zeros((0, 0)), type_map=nothing)
    assert not mat_instances(file).any()
    assert mat_classes(file, nothing, NAMES) == mat_classes_by_pixel(file, nothing, NAMES) == {}


def test_the_class_of_most_pixels_is_that_of_the_nucleus(tmp_path: Path) -> None:
    instances = some_instances()
    types = np.select([instances == 3, instances == 40], [5, 2])
    types[1, 0], types[4, 3] = 2, 0
    file = write(tmp_path / "a.mat", type_map=types)
    assert mat_classes_by_pixel(file, instances, NAMES) == {3: "fibroblast", 40: "inflammatory"}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.full((6, 8), 1.5), r"holds 1\.5 in inst_map \(row 0, column 0, counted from 0\)"),
        (np.where(np.arange(48).reshape(6, 8) == 19, np.nan, 1), r"holds nan in inst_map \(row 2, column 3,"),
        (np.where(np.arange(48).reshape(6, 8) == 47, -2, 1), r"holds -2 in inst_map \(row 5, column 7,"),
        (np.full((6, 8), 2**40), r"holds 1\.09951e\+12 in inst_map"),
        (np.full((6, 8), np.inf), "holds inf in inst_map"),
        (np.ones((6, 8), complex) * 1j, "inst_map as complex numbers"),
        (np.ones((6, 8), bool), "inst_map as logical, where numbers are expected"),
        (np.full((6, 8), "x", object), "inst_map as cell, where numbers are expected"),
        (np.array([{"a": 1}], object), "inst_map as cell"),
        ({"a": 1}, "inst_map as struct"),
        ("text", "inst_map as char"),
        (np.zeros((6, 8, 2)), "inst_map in the shape 6 x 8 x 2, where an id a pixel"),
        (np.zeros((8, 6)), r"inst_map of 8 x 6 px \(rows x columns\), but its image is 6 x 8 px"),
    ],
)
def test_what_is_no_label_image_is_named_with_its_place(tmp_path: Path, values: Any, words: str) -> None:
    file = write(tmp_path / "bad.mat", inst_map=values)
    with pytest.raises(UserError, match=rf"bad\.mat .*{words}"):
        mat_instances(file, (6, 8))


@pytest.mark.parametrize(
    ("codes", "words"),
    [
        ([5, 2], "has 2 codes in inst_type for the 3 nuclei"),
        ([5, 2, 1, 1], "has 4 codes in inst_type for the 3 nuclei"),
        ([5, 9, 1], r"gives nucleus 7 \(entry 2 of inst_type\) the class 9, but classes are 1 to 5"),
        ([5, 2, 0], r"gives nucleus 40 \(entry 3 of inst_type\) the class 0"),
        ([5, 2.5, 1], r"holds 2\.5 in inst_type \(row 0, column 1,"),
        ([[5, 2], [1, 1]], "inst_type in the shape 2 x 2, where one number a nucleus"),
    ],
)
def test_classes_that_are_none_are_named_with_nucleus_and_entry(
    tmp_path: Path, codes: Any, words: str
) -> None:
    file = write(tmp_path / "bad.mat", inst_type=np.array(codes))
    with pytest.raises(UserError, match=rf"bad\.mat .*{words}"):
        mat_classes(file, some_instances(), NAMES)


def test_a_key_that_is_not_there_is_answered_with_the_near_ones(tmp_path: Path) -> None:
    file = write(tmp_path / "a.mat", inst_mab=some_instances())
    with pytest.raises(UserError, match=r"a\.mat has no inst_map; did you mean 'inst_mab'\?"):
        mat_instances(file)


def test_a_file_of_matlab_7_3_is_refused_with_what_to_do(tmp_path: Path) -> None:
    header = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM"
    file = tmp_path / "new.mat"
    file.write_bytes(header.ljust(512, b"\0") + b"\x89HDF\r\n\x1a\n")
    with pytest.raises(UserError, match=r"new\.mat is a MAT file of MATLAB 7\.3 \(HDF5\).*save it with -v7"):
        mat_instances(file)


@pytest.mark.parametrize("content", [b"", b"\x80\x04N.", b"\x89PNG\r\n\x1a\n" * 30, bytes(300), b"x" * 4000])
def test_what_is_no_mat_file_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "bad.mat"
    file.write_bytes(content)
    with pytest.raises(UserError, match=r"bad\.mat (is no MAT file|has no inst_map)"):
        mat_instances(file)


@pytest.mark.parametrize("compressed", [False, True])
def test_a_file_that_was_cut_short_or_damaged_is_refused(tmp_path: Path, compressed: bool) -> None:
    file = tmp_path / "cut.mat"
    noise = np.random.default_rng(0).integers(0, 9, (60, 80)).astype(float)
    savemat(file, {"inst_map": noise}, do_compression=compressed)
    whole = file.read_bytes()
    for broken in (
        whole[: len(whole) // 2],
        whole[:400] + bytes(200) + whole[600:] if compressed else whole[:140],
    ):
        file.write_bytes(broken)
        with pytest.raises(UserError, match=r"cut\.mat (is no MAT file, or cut short|has no inst_map)"):
            mat_instances(file)


def test_a_small_file_that_claims_to_be_enormous_is_refused_by_its_header(tmp_path: Path) -> None:
    file = write(tmp_path / "huge.mat", inst_map=np.zeros((57, 91)))
    content = file.read_bytes()
    shape = np.array([57, 91], "<i4").tobytes()
    assert content.count(shape) == 1
    file.write_bytes(content.replace(shape, np.array([60_000, 60_000], "<i4").tobytes()))
    with pytest.raises(UserError, match=r"huge\.mat holds inst_map in the shape 60000 x 60000"):
        mat_instances(file)


@pytest.mark.parametrize("packed", [False, True])
def test_other_kinds_of_variables_do_no_harm(tmp_path: Path, packed: bool) -> None:
    others = {"s": {"a": 1, "b": ["x", "yy"]}, "c": np.array([1, "a", np.ones((2, 3))], object), "t": "täxt"}
    savemat(tmp_path / "a.mat", {**others, "inst_map": some_instances()}, do_compression=packed)
    np.testing.assert_array_equal(mat_instances(tmp_path / "a.mat"), some_instances())


@pytest.mark.parametrize("kind", [0, 8, 13 << 8, 200, 2**31])
def test_a_tag_of_no_type_is_refused_before_the_library_meets_it(tmp_path: Path, kind: int) -> None:
    file = tmp_path / "a.mat"
    savemat(file, {"inst_map": np.arange(1.5, 2001.5).reshape(40, 50)})
    content = file.read_bytes()
    tag = np.array([9, 40 * 50 * 8], "<u4").tobytes()  # doubles, and their bytes
    assert content.count(tag) == 1
    file.write_bytes(content.replace(tag, np.array([kind, 40 * 50 * 8], "<u4").tobytes()))
    with pytest.raises(UserError, match=r"a\.mat is no MAT file, or cut short or damaged"):
        mat_instances(file)


def test_a_packed_variable_of_any_size_is_not_unpacked() -> None:
    packed = zlib.compress(bytes(10_000_000))
    header = b" " * 124 + b"\0\1IM"
    with pytest.raises(ValueError, match="too large"):
        refuse_malformed(header + np.array([15, len(packed)], "<u4").tobytes() + packed, 1_000_000)


def test_missing_files_are_named(tmp_path: Path) -> None:
    write(tmp_path / "a.mat", inst_map=some_instances())
    with pytest.raises(UserError, match="a does not exist"):  # .mat is not added
        mat_instances(tmp_path / "a")


@with_real_data
@pytest.mark.parametrize(("name", "nuclei"), [("patch1", 20), ("patch2", 47), ("patch3", 58)])
def test_real_files_have_a_class_a_nucleus_in_the_order_of_their_ids(name: str, nuclei: int) -> None:
    file = REAL / f"{name}.mat"
    names = {code: str(code) for code in range(1, 8)}
    instances = mat_instances(file, (256, 256))
    classes = mat_classes(file, instances, names)
    ids = list(classes)
    assert len(ids) == nuclei
    assert ids == sorted(ids) != list(range(1, nuclei + 1))
    # Two more witnesses to the order: the classes of the pixels, and the centroids (x, y).
    assert mat_classes_by_pixel(file, instances, names) == classes
    for identity, (x, y) in zip(ids, loadmat(file)["inst_centroid"], strict=True):
        rows, columns = np.nonzero(instances == identity)
        assert (columns.mean(), rows.mean()) == pytest.approx((x, y), abs=1e-6)
