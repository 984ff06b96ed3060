"""Image in, instances out: what every method ends as, and what every figure and file comes from."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from itertools import groupby, islice, product
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import torch

from maskless.errors import UserError
from maskless.resizing import MAX_PIXELS, resized, resized_labels
from maskless.seams import LabelledWindow, compact, stitch
from maskless.spacing import same_spacing, spacing_of
from maskless.windows import Orientation, Tiling, View, Window, oriented

#: Beyond this ratio of two plausible pixel spacings, one of them is wrong.
MOST_RESAMPLING = 16

#: An image of more pixels than in so many squares of this side is known as a whole by such squares of it.
SAMPLES, SAMPLE_PX = 16, 256

#: Test-time averaging by name: the orientations in which the network sees the image.
ORIENTATIONS: Mapping[str, tuple[Orientation, ...]] = {
    "none": ((False, False, False),),
    "flips": tuple((False, rows, cols) for rows, cols in product((False, True), repeat=2)),
    "dihedral": tuple((t, rows, cols) for t, rows, cols in product((False, True), repeat=3)),
}


@runtime_checkable
class Segmenter(Protocol):
    """Anything that finds the nuclei of an image."""

    def segment(self, image: np.ndarray, mpp: float | None = None) -> np.ndarray:
        """Instances int32 (H, W), ids 1..N, 0 = background, of RGB uint8 (H, W, 3) at `mpp` µm/px."""
        ...

    def maps(self, image: np.ndarray, mpp: float | None = None) -> dict[str, np.ndarray]:
        """The maps behind the instances by name: float32 (H, W) or (C, H, W)."""
        ...


@dataclass(frozen=True)
class Seen:
    """What a network has seen in an image of `shape` = (H, W) px: all that its chain needs.

    `maps` are joined, float32 (h, w) or (C, h, w) at the network's pixel spacing; or, for maps that are not
    joined, `windows` are the windows with the maps of each, and `seen_shape` is (h, w).
    """

    shape: tuple[int, int]
    seen_shape: tuple[int, int]
    maps: Mapping[str, np.ndarray] | None = None
    windows: Iterable[tuple[Window, Mapping[str, np.ndarray]]] = ()


class MapSegmenter:
    """A network's dense maps, joined from overlapping windows, and a post-processing chain.

    `predict` takes float32 (B, 3, h, w), pixels in [0, 1] less `mean` over `std`, and gives each map as
    (B, h, w) or (B, C, h, w); its networks are in evaluation mode on `device`. `chain` makes labels, int
    (h, w) with 0 = background, of float32 maps (h, w) or (C, h, w). `window_px`, `overlap_px` and
    `multiple_px` are in the network's pixels, which are `mpp` µm wide; an image of another known spacing is
    resampled to it, and its labels back. At most `batch` windows are given to the network at once.

    `join` says how windows become an image. 'blend' joins the maps, then runs the chain once; the result is
    that of one large window if the network's receptive radius is at most overlap_px / 4. 'own' runs the chain
    in each window and gives each nucleus one owner (`seams.stitch`), for maps like embeddings that mean
    nothing beside those of another window. `average` is test-time averaging over 4 flips or all 8 symmetries
    of the square, for maps of scalars and for 'blend'. `colour` is what is done to the colours of the whole
    image first, uint8 (H, W, 3), so that all windows see the same change. `prepare` is for networks whose
    maps depend on what the image is like as a whole, as by instance norm: it is given the image, or squares
    of a large one, spread evenly, float32 (N, 3, h, w) as `predict` is; what it prepares holds for all
    windows of that image. One of a single window needs none; but with `prepare_px` all are prepared, by
    squares of exactly that side, for a network that takes no other until it is.

    Raises UserError for settings that cannot work, for images that are not uint8 (H, W, 3), and for maps and
    labels of another shape than their window's.
    """

    def __init__(
        self,
        *,
        predict: Callable[[torch.Tensor], Mapping[str, torch.Tensor]],
        chain: Callable[[Mapping[str, np.ndarray]], np.ndarray],
        mean: Sequence[float],
        std: Sequence[float],
        window_px: int = 1024,
        overlap_px: int = 128,
        multiple_px: int = 32,
        join: Literal["blend", "own"] = "blend",
        mpp: float | None = None,
        average: Literal["none", "flips", "dihedral"] = "none",
        device: str | torch.device = "cpu",
        batch: int = 1,
        autocast: torch.dtype | None = None,
        channels_last: bool = False,
        colour: Callable[[np.ndarray], np.ndarray] | None = None,
        prepare: Callable[[torch.Tensor], AbstractContextManager[None]] | None = None,
        prepare_px: int | None = None,
    ) -> None:
        if join not in ("blend", "own"):
            raise UserError(f"join={join!r} must be 'blend' or 'own'")
        if average not in ORIENTATIONS:
            raise UserError(f"average={average!r} must be one of {', '.join(ORIENTATIONS)}")
        if join == "own" and average != "none":
            raise UserError(
                f"average={average!r} needs join='blend': what windows find on their own is not averaged"
            )
        if batch < 1:
            raise UserError(f"batch={batch} windows must be at least 1")
        self.predict, self.chain, self.join, self.average = predict, chain, join, average
        self.colour, self.prepare, self.prepare_px = colour, prepare, prepare_px
        self._squares: np.ndarray | None = None  # of the whole that images are known to be parts of
        self.tiling = Tiling(window_px, overlap_px, multiple_px)
        self.mpp = spacing_of(mpp)
        self.device, self.batch, self.autocast = torch.device(device), batch, autocast
        self.layout = torch.channels_last if channels_last else torch.contiguous_format
        # (x / 255 - mean) / std as one product and one difference, on the device.
        self._scale = torch.tensor([1 / (255 * s) for s in std], dtype=torch.float32)[:, None, None]
        self._shift = torch.tensor([m / s for m, s in zip(mean, std, strict=True)], dtype=torch.float32)
        self._shift = self._shift[:, None, None]

    def segment(self, image: np.ndarray, mpp: float | None = None) -> np.ndarray:
        """Instances int32 (H, W), ids 1..N, of RGB uint8 (H, W, 3) at `mpp` µm/px (None: as trained)."""
        return self.find(self._seen(image, mpp))

    def look(self, image: np.ndarray, mpp: float | None = None) -> Seen:
        """The first half of `segment`, the network's; `find` is the other, which may run beside the next."""
        seen = self._seen(image, mpp)
        return replace(seen, windows=list(seen.windows))

    def find(self, seen: Seen) -> np.ndarray:
        """The second half of `segment`: instances int32 (H, W), ids 1..N, of what the network has seen."""
        if seen.maps is not None:
            labels = self._labels(seen.maps)
        else:
            windows = [LabelledWindow(*window.corner_px, self._labels(maps)) for window, maps in seen.windows]
            labels = stitch(windows, seen.seen_shape)
        return compact(resized_labels(labels, seen.shape))

    def look_at_mean(
        self, weights: Sequence[float], images: Sequence[np.ndarray], mpp: float | None = None
    ) -> Seen:
        """As `look`, with the weighted mean of the maps of several images of the same tissue.

        Raises UserError with 'own', whose maps are not joined.
        """
        if self.join == "own":
            raise UserError("maps of several images are averaged for join='blend' alone")
        total = sum(weights)
        mean: dict[str, np.ndarray] = {}
        for weight, image in zip(weights, images, strict=True):
            for name, values in self._joined(self._prepared(image, mpp)).items():
                mean[name] = mean.get(name, 0) + np.float32(weight / total) * values
        return Seen(images[0].shape[:2], next(iter(mean.values())).shape[-2:], mean)

    def _seen(self, image: np.ndarray, mpp: float | None) -> Seen:
        """As `look`, but windows that are not joined are predicted as they are asked for."""
        resampled = self._prepared(image, mpp)
        shapes = image.shape[:2], resampled.shape[:2]
        if self.join == "blend":
            return Seen(*shapes, self._joined(resampled))
        return Seen(*shapes, windows=self._predicted(resampled))

    @property
    def square_px(self) -> int:
        """The side of the squares that `knowing` takes, in the network's pixels."""
        multiple = self.tiling.multiple_px
        return self.prepare_px or max(SAMPLE_PX // multiple, 1) * multiple

    @contextmanager
    def knowing(self, squares: np.ndarray) -> Iterator[None]:
        """Inside, every image is a part of one whole, known by `squares` of it at the network's spacing.

        They are uint8 (N, square_px, square_px, 3). The colours of the parts are changed as those of the
        squares together (by a `colour` that has a `like`; others see each part alone), and what depends on
        the image as a whole is prepared by them: once, or, where the parts are averaged over orientations,
        for each anew, by the squares as they are then turned.
        """
        own = self.colour, self._squares
        if like := getattr(self.colour, "like", None):
            self.colour = like(squares.reshape(-1, *squares.shape[2:]))
        coloured = np.stack([self.colour(square) for square in squares]) if self.colour else squares
        try:
            with self._prepared_by(coloured) if self.prepare and not self._turns else nullcontext():
                self._squares = coloured
                yield
        finally:
            self.colour, self._squares = own

    def maps(self, image: np.ndarray, mpp: float | None = None) -> dict[str, np.ndarray]:
        """The joined maps by name, float32 (H, W) or (C, H, W); with 'own', each pixel from one window."""
        return resized_maps(self._joined(self._prepared(image, mpp)), image.shape[:2])

    def steps(self, image: np.ndarray, mpp: float | None = None) -> dict[str, np.ndarray]:
        """The joined maps and then each result of the chain by name, (H, W) or (C, H, W), as in `maps`.

        Raises UserError where there is no such chain for the whole image: with 'own', and with a chain that
        has no `results`.
        """
        return self.steps_of(self._seen(image, mpp))

    def steps_of(self, seen: Seen) -> dict[str, np.ndarray]:
        """As `steps`, of what the network has seen, by `look` or by `look_at_mean`."""
        if seen.maps is None or not hasattr(self.chain, "results"):
            raise UserError(
                "this method has no post-processing chain of the whole image whose steps could be shown"
            )
        found = {**seen.maps, **self.chain.results(seen.maps)}
        return {
            name: (resized_labels if values.dtype.kind in "biu" else _resized_map)(values, seen.shape)
            for name, values in found.items()
        }

    def _prepared(self, image: np.ndarray, mpp: float | None) -> np.ndarray:
        """The whole image in the colours, and at the pixel spacing, of the training."""
        _check_image(image)
        image = self.colour(image) if self.colour else image
        spacing = spacing_of(mpp)
        if spacing is None or self.mpp is None:
            return image
        ratio = spacing / self.mpp
        if not 1 / MOST_RESAMPLING <= ratio <= MOST_RESAMPLING:
            raise UserError(
                f"the image is said to have {spacing:g} µm/px, but the model was trained at {self.mpp:g} "
                "µm/px: give the image's spacing as mpp=..., in µm/px"
            )
        if same_spacing(spacing, self.mpp):
            return image
        height, width = (max(1, round(side * ratio)) for side in image.shape[:2])
        if height * width > MAX_PIXELS:
            raise UserError(
                f"the image, {image.shape[1]} x {image.shape[0]} px at {spacing:g} µm/px, becomes {width} x "
                f"{height} px at the model's {self.mpp:g} µm/px, and more than {MAX_PIXELS // 10**6} million "
                "are too many at once: cut it into smaller images, or mend mpp= or power= if that is wrong"
            )
        return resized(image, (height, width))

    def _joined(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """The maps of the whole image; each window is added to them as it comes."""
        weight = 1 / len(ORIENTATIONS[self.average])
        joined: dict[str, np.ndarray] = {}
        for window, maps in self._predicted(image):
            for name, values in maps.items():
                if name not in joined:
                    joined[name] = np.zeros((*values.shape[:-2], *image.shape[:2]), np.float32)
                window.add(values, joined[name], ramp=self.join == "blend", weight=weight)
        return joined

    def _predicted(self, image: np.ndarray) -> Iterator[tuple[Window, dict[str, np.ndarray]]]:
        """Every window with its maps, `batch` windows at a time; without what lies in the padding."""
        orientations = ORIENTATIONS[self.average]
        # What is prepared of an image holds as long as it is not turned.
        for together in [orientations] if self.prepare is None else [(one,) for one in orientations]:
            views = (View.of(image, orientation, self.tiling) for orientation in together)
            windows = (window for view in views for window in view.windows())
            with self._knowing(image, together[0]):
                for _, of_one_size in groupby(windows, key=lambda window: window.view.side_px):
                    while chunk := list(islice(of_one_size, self.batch)):
                        yield from self._chunk(chunk)

    def _chunk(self, windows: Sequence[Window]) -> Iterator[tuple[Window, dict[str, np.ndarray]]]:
        """Windows of one size, each with its maps."""
        maps = self._forward(np.stack([window.pixels for window in windows]))
        for k, window in enumerate(windows):
            height, width = window.shape
            yield window, {name: of[k][..., :height, :width] for name, of in maps.items()}

    @property
    def _turns(self) -> bool:
        """Whether the network sees an image in several orientations."""
        return self.average != "none"

    def _knowing(self, image: np.ndarray, orientation: Orientation) -> AbstractContextManager[None]:
        """What is prepared of the whole image, in an orientation."""
        if self.prepare is None:
            return nullcontext()
        if self._squares is not None:
            turned = np.ascontiguousarray(oriented(self._squares, orientation, rows=1, cols=2))
            return self._prepared_by(turned) if self._turns else nullcontext()
        image = oriented(image, orientation, rows=0, cols=1)
        if self.prepare_px is None and all(
            len(self.tiling.along(length).starts_px) == 1 for length in image.shape[:2]
        ):
            return nullcontext()
        return self._prepared_by(self._samples(image))

    def _prepared_by(self, samples: np.ndarray) -> AbstractContextManager[None]:
        """What is prepared by samples uint8 (N, h, w, 3) of an image."""
        assert self.prepare is not None
        with torch.inference_mode(), self._precision():
            return self.prepare(self._normalised(samples))

    def _samples(self, image: np.ndarray) -> np.ndarray:
        """What the whole image is known by, uint8 (N, h, w, 3)."""
        if self.prepare_px:
            return _spread_squares(image, self.prepare_px)
        multiple = self.tiling.multiple_px
        if image.shape[0] * image.shape[1] <= SAMPLES * SAMPLE_PX**2:
            behind = [(0, -length % multiple) for length in image.shape[:2]]
            return np.pad(image, [*behind, (0, 0)], mode="reflect")[None]
        return _spread_squares(image, max(min(SAMPLE_PX, *image.shape[:2]) // multiple, 1) * multiple)

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.device.type, self.autocast, enabled=self.autocast is not None)

    def _normalised(self, pixels: np.ndarray) -> torch.Tensor:
        """What the network is given of windows uint8 (B, h, w, 3): float32 (B, 3, h, w)."""
        batch = torch.from_numpy(pixels).to(self.device).permute(0, 3, 1, 2)
        batch = batch.to(torch.float32, memory_format=self.layout)
        return batch.mul_(self._scale.to(self.device)).sub_(self._shift.to(self.device))

    def _forward(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        """The maps float32 (B, h, w) or (B, C, h, w) of windows uint8 (B, h, w, 3)."""
        with torch.inference_mode():
            with self._precision():
                maps = dict(self.predict(self._normalised(pixels)))
            arrays = {name: values.float().cpu().numpy() for name, values in maps.items()}
        expected = (len(pixels), *pixels.shape[1:3])
        for name, values in arrays.items():
            if values.ndim not in (3, 4) or (values.shape[0], *values.shape[-2:]) != expected:
                raise UserError(
                    f"the network's map {name!r} has the shape {values.shape}; for {expected[0]} windows of "
                    f"{expected[1]}x{expected[2]} px it must be {expected} or have channels after the first"
                )
        return arrays

    def _labels(self, maps: Mapping[str, np.ndarray]) -> np.ndarray:
        labels = np.asarray(self.chain(maps))
        shape = next(iter(maps.values())).shape[-2:]
        if labels.dtype.kind not in "iu" or labels.shape != shape or labels.min() < 0:
            raise UserError(
                f"the post-processing chain gave {labels.dtype} {labels.shape}; it must end in labels, "
                f"integers of shape {shape} that are 0 or more"
            )
        return labels.astype(np.int32, copy=False)


def resized_maps(maps: Mapping[str, np.ndarray], shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Maps float32 (h, w) or (C, h, w) at `shape` = (H, W) px."""
    return {name: _resized_map(values, shape) for name, values in maps.items()}


def _resized_map(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if values.shape[-2:] == shape:
        return values
    channels = values.reshape(-1, *values.shape[-2:])
    return np.stack([resized(channel, shape) for channel in channels]).reshape(*values.shape[:-2], *shape)


def _spread_squares(image: np.ndarray, side: int) -> np.ndarray:
    """Squares of an image in a grid from edge to edge, uint8 (N, side, side, 3); a small one is reflected.

    A grid of one row, or of one column, is in the middle.
    """
    behind = [(0, max(0, side - length)) for length in image.shape[:2]]
    image = np.pad(image, [*behind, (0, 0)], mode="reflect")
    ends = [length - side for length in image.shape[:2]]
    most = [1 + -(-end // side) for end in ends]
    rows = min(most[0], SAMPLES, max(1, round((SAMPLES * most[0] / most[1]) ** 0.5)))
    cols = min(most[1], SAMPLES // rows)
    corners = product(
        *(
            np.linspace(0, end, n).astype(int) if n > 1 else [end // 2]
            for end, n in zip(ends, (rows, cols), strict=True)
        )
    )
    return np.stack([image[row : row + side, col : col + side] for row, col in corners])


def _check_image(image: np.ndarray) -> None:
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        what = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise UserError(f"the image is {what}; a Segmenter takes RGB, uint8 of shape (H, W, 3)")
    if image.size == 0:
        raise UserError(f"the image has no pixels: its shape is {image.shape}")
