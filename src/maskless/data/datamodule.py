"""The one DataModule: samples by address, whole images for validation."""

import warnings
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from maskless.address import generator, item_of
from maskless.data.derive import complete
from maskless.data.labelled import labelled
from maskless.data.labeller import Labeller
from maskless.data.scale import at_spacing, training_spacing
from maskless.data.scales import at_power, finest, read_for_scales, refuse_without_powers
from maskless.data.source import Source, Undecodable
from maskless.data.transforms import ON_GRID, Pipeline
from maskless.errors import UserError, listed
from maskless.signals import Item, Need, Role, Sample, Signal

#: Decoded images that are kept, by all loading processes together, so that a small data set is read once.
CACHE_BYTES = 2 * 2**30
#: So many in a row that cannot be decoded are no accident.
_MOST_UNDECODABLE = 100
#: What is done to the colours of a whole image, RGB uint8 (H, W, 3).
Colour = Callable[[np.ndarray], np.ndarray]


class TrainingSet(Dataset):
    """Sample n of every role, a pure function of (seed, stage, role, n).

    `dataset[n]` is {role: {signal: tensor}}: image uint8 (crop_px, crop_px, 3), instances int32 and the other
    signals on the grid (crop_px, crop_px), each role through its own pipeline. Annotation comes with the
    region in which it is complete, if its source has one. Images of another known spacing than `mpp`, in
    µm/px, or without it than that of the main source, are resampled to it.

    A `labeller` makes of each whole image of the main source what is learnt instead of what it `needs`, as
    `labelled` says. `left` has the folder of each map that an earlier stage has
    left, ITEM.npy an image.

    Where the main source's scales are needed, sample n is a crop of an image at one of the objective
    `powers`, the (n mod how many)-th, so that every batch of a multiple of that has as many of each: its
    `image`, and as `scales` the number of its power, int64 (). The image is that of the source's scales where
    it stores them, else the source's image made smaller. `colour` is what is done to the colours of
    each whole image of the main source, uint8 (H, W, 3), on reading.
    """

    def __init__(
        self,
        sources: Mapping[Role, Source],
        needs: Collection[Need],
        pipelines: Mapping[Role, Pipeline],
        seed: int,
        stage: str,
        cache_bytes: int = CACHE_BYTES,
        labeller: Labeller | None = None,
        left: Mapping[Signal, Path] | None = None,
        mpp: float | None = None,
        powers: Sequence[float] = (),
        colour: Colour | None = None,
    ) -> None:
        self.powers, self.colour = tuple(powers), colour
        self.pipelines, self.seed, self.stage, self.cache_bytes = pipelines, seed, stage, cache_bytes
        self.labeller, self.left = labeller, dict(left or {})
        self.sources = {role: sources[role] for role in sorted({need.role for need in needs})}
        self.signals = {r: sorted({n.signal for n in needs if n.role is r}) for r in self.sources}
        for role, signals in self.signals.items():
            if Signal.REGION in self.sources[role].offers and set(signals) - {Signal.IMAGE}:
                self.signals[role] = sorted({*signals, Signal.REGION})
        if Signal.SCALES in self.signals.get(Role.MAIN, ()):
            refuse_without_powers(sources[Role.MAIN], self.powers, mpp)
            mpp = finest(self.powers)
        self.mpp = mpp or (training_spacing(sources[Role.MAIN]) if Role.MAIN in sources else None)
        self.items = {role: self._items(role) for role in self.sources}
        for role, by_scale in self.items.items():
            carried = {Signal.IMAGE, Signal.SCALES, *ON_GRID, *self._consumed(role)}
            for signal in set(self.signals[role]) - carried:
                raise UserError(
                    f"training crops cannot carry {signal} yet: they carry image, {', '.join(ON_GRID)}"
                )
            if not all(by_scale):
                raise UserError(
                    f"{self.sources[role].name} has no training images in split "
                    f"{self.sources[role].split!r}, which the {role} role needs"
                    f"{self.sources[role].where_else()}"
                )
            for signal in sorted((set(self.signals[role]) & self.sources[role].offers) - {Signal.REGION}):
                _refuse_without(signal, self.sources[role], by_scale)
        self._cache: OrderedDict[tuple[Role, str, int], Sample] = OrderedDict()
        self._cached_bytes = 0

    def __getitem__(self, n: int) -> dict[Role, dict[Signal, Tensor]]:
        return {role: self._draw(role, n) for role in self.sources}

    def _draw(self, role: Role, n: int) -> dict[Signal, Tensor]:
        k, scale = divmod(n, len(self.items[role]))
        sample = self._decodable(role, k, scale)
        drawn = self.pipelines[role](sample.signals, generator(self.seed, self.stage, role, n))
        tensors = {signal: torch.from_numpy(array) for signal, array in drawn.items()}
        scaled = Signal.SCALES in self.signals[role]
        return {**tensors, Signal.SCALES: torch.tensor(scale)} if scaled else tensors

    def _items(self, role: Role) -> list[Sequence[Item]]:
        """The items to learn from, of each power that they are shown at."""
        source = self.sources[role]
        if Signal.SCALES in self.signals[role]:
            return [source.items_at("train", power) for power in self.powers]
        return [source.items("train")]

    def _decodable(self, role: Role, k: int, scale: int) -> Sample:
        """The k-th sample of a power; in place of one that cannot be decoded, which is said, the next."""
        items = self.items[role][scale]
        first = item_of(k, len(items), self.seed, self.stage, role)
        for tried in range(_MOST_UNDECODABLE):
            try:
                return self._read(role, items[(first + tried) % len(items)], scale)
            except Undecodable as error:
                warnings.warn(f"left out: {error}", stacklevel=2)
        raise UserError(
            f"{_MOST_UNDECODABLE} images of {self.sources[role].name} one after the other cannot be decoded: "
            "maskless prepare shows what is wrong"
        )

    def _read(self, role: Role, item: Item, scale: int) -> Sample:
        """The whole image with its signals, at the spacing of the training or at the power of that number."""
        key = (role, item.id, scale)
        if key in self._cache:
            self._cache.move_to_end(key)
            return self._cache[key]
        sample = self._whole(role, item)
        if Signal.SCALES in self.signals[role]:
            sample = at_power(sample, self.powers[scale])
        else:
            sample = self._labelled(role, at_spacing(sample, self.mpp))
        if not self.sources[role].kept_decoded:
            return sample
        self._cache[key] = sample
        self._cached_bytes += _size(sample)
        while self._cached_bytes > self.cache_bytes and len(self._cache) > 1:
            self._cached_bytes -= _size(self._cache.popitem(last=False)[1])
        return sample

    def _whole(self, role: Role, item: Item) -> Sample:
        """What the source has of an image, and what an earlier stage has left of it."""
        wanted = [signal for signal in self.signals[role] if signal not in self.left]
        source = self.sources[role]
        wanted = [read_for_scales(source) if signal is Signal.SCALES else signal for signal in wanted]
        sample = complete(source.read(item, wanted), wanted)
        if role is Role.MAIN:
            if self.colour:
                _recolour(sample, self.colour)
            maps = {signal: np.load(folder / f"{item.id}.npy") for signal, folder in self.left.items()}
            sample.signals.update(maps)
        return sample

    def _consumed(self, role: Role) -> frozenset[Signal]:
        """The signals that the labeller makes its own of."""
        return self.labeller.needs if self.labeller and role is Role.MAIN else frozenset()

    def _labelled(self, role: Role, sample: Sample) -> Sample:
        """The sample with its labeller's target in place of what that is made of."""
        if self.labeller is None or role is not Role.MAIN:
            return sample
        kept = Sample(sample.item, dict(sample.signals), sample.mpp, sample.power)
        for signal in set(kept.signals) - {Signal.IMAGE, Signal.REGION}:
            del kept.signals[signal]
        kept.signals.update(labelled(self.labeller, sample.signals))
        return kept


def _refuse_without(signal: Signal, source: Source, by_scale: Iterable[Sequence[Item]]) -> None:
    """Raise UserError for items to learn from that have not a signal which the source has of others."""
    if type(source).offers_of is Source.offers_of:  # all have the same, and tiles are a million
        return
    items = list(dict.fromkeys(item for items in by_scale for item in items))
    if without := [item.id for item in items if signal not in source.offers_of(item)]:
        raise UserError(
            f"{len(without)} of {len(items)} training images of {source.name} have no {signal} "
            f"({listed(without)}), which this method learns from"
            + (f": {source.where_some_lack}" if source.where_some_lack else "")
        )


def _recolour(sample: Sample, colour: Colour) -> None:
    """Change the colours of the image of a sample, and of those at each of its powers, in place."""
    if Signal.IMAGE in sample.signals:
        sample.signals[Signal.IMAGE] = colour(sample[Signal.IMAGE])
    if Signal.SCALES in sample.signals:
        sample.signals[Signal.SCALES] = {p: colour(image) for p, image in sample[Signal.SCALES].items()}


def _size(sample: Sample) -> int:
    return sum(value.nbytes for value in sample.signals.values() if isinstance(value, np.ndarray))


class WholeImages(Dataset):
    """The items of one part, whole, with what they are scored against where the source has it."""

    def __init__(self, source: Source, items: Collection[Item]) -> None:
        self.source, self.items = source, tuple(items)
        self.wanted = source.to_score

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Sample:
        return complete(self.source.read(self.items[index], self.wanted), self.wanted)


class AddressSampler(Sampler[list[int]]):
    """The addresses of each step's batch on rank r of w: the r-th `batch` of the w * `batch` of a step.

    One after the other, so that a batch of a multiple of as many as there are powers has as many images of
    each on every rank. Goes on from the step that is next to the end of that step's epoch of `steps`.
    """

    def __init__(self, data: "DataModule", rank: int, world: int) -> None:
        self.data, self.rank, self.world = data, rank, world

    def __iter__(self) -> Iterator[list[int]]:
        batch, steps, first = self.data.batch, self.data.steps, self.data.step
        for step in range(first, (first // steps + 1) * steps):
            start = (step * self.world + self.rank) * batch
            yield list(range(start, start + batch))

    def __len__(self) -> int:
        return self.data.steps


class DataModule(LightningDataModule):
    """Feeds one stage of a method.

    `sources` fill the roles; `needs` are the stage's own: its training step can see nothing else. `batch`
    samples a step and process, `steps` an epoch. `step` counts the training steps done and is stored with
    every checkpoint, so that a killed run goes on with the very next sample. `augment` is by role;
    `labeller`, `left`, `mpp`, `powers` and `colour` are as in `TrainingSet`.
    """

    def __init__(
        self,
        sources: Mapping[Role, Source],
        needs: Collection[Need],
        *,
        stage: str,
        seed: int,
        augment: Mapping[Role, Mapping[str, Any]],
        crop_px: int,
        batch: int,
        steps: int,
        workers: int = 0,
        labeller: Labeller | None = None,
        left: Mapping[Signal, Path] | None = None,
        mpp: float | None = None,
        powers: Sequence[float] = (),
        colour: Colour | None = None,
    ) -> None:
        super().__init__()
        self.sources, self.batch, self.steps, self.workers = sources, batch, steps, workers
        pipelines = {role: Pipeline(augment.get(role, {}), crop_px) for role in sources}
        cache_bytes = CACHE_BYTES // max(workers, 1)
        self.training = TrainingSet(
            sources, needs, pipelines, seed, stage, cache_bytes, labeller, left, mpp, powers, colour
        )
        self.step = 0

    def state_dict(self) -> dict[str, Any]:
        return {"step": self.step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.step = int(state_dict["step"])

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        # A whole image stays where it is: the segmenter moves its windows.
        if isinstance(batch, Sample):
            return batch
        return super().transfer_batch_to_device(batch, device, dataloader_idx)

    @property
    def _rank_and_world(self) -> tuple[int, int]:
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)

    def train_dataloader(self) -> DataLoader:
        return DataLoader(
            self.training,
            batch_sampler=AddressSampler(self, *self._rank_and_world),
            num_workers=self.workers,
            # Workers that live on would keep the sampler of the first epoch's step.
            persistent_workers=False,
            pin_memory=torch.cuda.is_available(),
        )

    def val_dataloader(self) -> DataLoader:
        main = self.sources[Role.MAIN]
        rank, world = self._rank_and_world
        items = main.scorable("val")
        # With fewer images than processes some look at the first one too: scores are kept by image.
        return DataLoader(WholeImages(main, items[rank::world] or items[:1]), batch_size=None)
