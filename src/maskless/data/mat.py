"""MAT files (MATLAB 4 to 7.2) in the style of HoVer-Net: a label image, and the class of each nucleus."""

from collections.abc import Callable, Mapping
from io import BytesIO
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat, whosmat

from maskless.data.mat_layout import refuse_malformed
from maskless.errors import UserError, did_you_mean

#: More is not read at once: a small file can claim to hold a great deal.
_MOST_NUMBERS = 150_000_000
_MOST_BYTES = 16 * _MOST_NUMBERS
_NUMERIC = frozenset(
    {"double", "single", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))}
)


def mat_instances(path: Path, size: tuple[int, int] | None = None) -> NDArray[np.int32]:
    """`inst_map` of a MAT file as int32 (H, W), ids as in the file, 0 = background.

    `size` is the (H, W) of the image that it belongs to, if it is to be checked against it. MATLAB stores
    most numbers as floating point, which is fine while they are whole. Raises UserError for a file that is
    missing, damaged, of MATLAB 7.3, or without the key; and for another shape, and for what is no id, with
    its place.
    """
    return _whole_numbers(path, "inst_map", size)


def mat_classes(path: Path, instances: NDArray[np.int32], names: Mapping[int, str]) -> dict[int, str]:
    """The class of each id of `instances`, from `inst_type` by way of `names`, by rising id.

    `inst_type` has one code a nucleus, in the order of their ids, which need not be consecutive. Raises
    UserError as `mat_instances` does; for another number of codes than of ids; and for a code that `names`
    does not have, with its id and entry.
    """
    ids = np.unique(instances[instances > 0]).tolist()
    codes = _whole_numbers(path, "inst_type", vector=True).ravel().tolist()
    if len(codes) != len(ids):
        raise UserError(
            f"{path} has {len(codes)} codes in inst_type for the {len(ids)} nuclei of inst_map: get it again"
        )
    for entry, (identity, code) in enumerate(zip(ids, codes, strict=True), start=1):
        if code not in names:
            raise UserError(
                f"{path} gives nucleus {identity} (entry {entry} of inst_type) the class {code}, but classes "
                f"are {min(names)} to {max(names)}"
            )
    return {identity: names[code] for identity, code in zip(ids, codes, strict=True)}


def mat_classes_by_pixel(
    path: Path, instances: NDArray[np.int32], names: Mapping[int, str]
) -> dict[int, str]:
    """As `mat_classes`, from `type_map`: the class of most pixels of a nucleus. Ids of none are absent."""
    ids, index = np.unique(instances, return_inverse=True)
    types = _whole_numbers(path, "type_map", instances.shape)
    known = np.isin(types, list(names)) & (instances > 0)
    votes = np.zeros((len(ids), max(names) + 1), np.int64)
    np.add.at(votes, (index.reshape(instances.shape)[known], types[known]), 1)
    return {int(ids[row]): names[int(votes[row].argmax())] for row in np.flatnonzero(votes.any(axis=1))}


def _whole_numbers(
    path: Path, key: str, size: tuple[int, ...] | None = None, vector: bool = False
) -> NDArray[np.int32]:
    """A variable of a MAT file as int32 with two dimensions; of `size`, or one row or column if `vector`."""
    held = {name: (shape, kind) for name, shape, kind in _read(path, whosmat)}
    if key not in held:
        raise UserError(f"{path} has no {key}{did_you_mean(key, held)}")
    shape, kind = held[key]
    if kind not in _NUMERIC:
        raise UserError(f"{path} holds {key} as {kind}, where numbers are expected")
    if len(shape) != 2 or prod(shape) > _MOST_NUMBERS or (vector and min(shape) > 1):
        wanted = "one number a nucleus" if vector else "an id a pixel"
        raise UserError(f"{path} holds {key} in the shape {_by(shape)}, where {wanted} is expected")
    if size is not None and shape != tuple(size):
        raise UserError(
            f"{path} has {key} of {_by(shape)} px (rows x columns), but its image is {_by(size)} px"
        )
    values = _read(path, loadmat, variable_names=[key])[key]
    if np.iscomplexobj(values):
        raise UserError(f"{path} holds {key} as complex numbers, where whole numbers are expected")
    with np.errstate(invalid="ignore"):
        whole = values.astype(np.int32)
    wrong = np.argwhere((whole != values) | (whole < 0))
    if len(wrong):
        row, column = wrong[0]
        raise UserError(
            f"{path} holds {values[row, column]:g} in {key} (row {row}, column {column}, counted from 0), "
            "where whole numbers from 0 to 2147483647 are expected"
        )
    return np.ascontiguousarray(whole)


def _read(path: Path, reader: Callable[..., Any], **options: Any) -> Any:
    """What one of scipy's readers says of a file. Every failure becomes a sentence that names the file."""
    try:
        content = path.read_bytes()
        refuse_malformed(content, _MOST_BYTES)
        return reader(BytesIO(content), **options)
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist") from error
    except NotImplementedError as error:
        raise UserError(
            f"{path} is a MAT file of MATLAB 7.3 (HDF5), which is not read: save it with -v7"
        ) from error
    except Exception as error:  # decoders raise anything at all on a damaged file
        raise UserError(f"{path} is no MAT file, or cut short or damaged: get it again") from error


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
