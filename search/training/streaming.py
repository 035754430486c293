"""Images of any size that are decoded and augmented one by one, in data workers."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from warnings import catch_warnings, filterwarnings

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate
from torchvision.transforms import v2

from ...devices.label import shorter_side
from ...space import Preprocessing, UserError
from ..data import ByteArray, Images, Part, choose, normalise
from .recipe import Recipe
from .splits import EVALUATION_BATCH, Batch, channel_tensors
from .team import Team


class _Decoded(Dataset[tuple[Tensor, int] | UserError]):
    """Images uint8 (3, S, S), made of those in a file, and their labels; an error where one cannot be read.

    The error is given, not raised: what a data worker raises comes out as the text of its traceback.
    Draws for an image are by `seed` and its index, so that they are the same whoever decodes it.
    """

    def __init__(self, part: Part[Images], make: Callable[[ByteArray], Tensor], seed: int) -> None:
        self.part = part
        self.make = make
        self.seed = seed

    def __getitem__(self, index: int) -> tuple[Tensor, int] | UserError:
        try:
            pixels = self.part.images.original(index)
        except UserError as error:
            return error
        with torch.random.fork_rng(devices=[]):  # the process that trains draws too, for dropout
            torch.default_generator.manual_seed(self.seed + index)
            return self.make(pixels), int(self.part.labels[index])


@dataclass(frozen=True, eq=False)
class StreamedSplit:
    """Images that do not fit into memory, or whose crops want their full size.

    Attributes:
        input_size: Side of the crops in pixels.
        resize_to: Side in pixels that the shorter one is scaled to before the centre crop for scoring.
        workers: Processes that decode and augment; 0 for none beside this one.
        mean: Of each channel of the training images, in 0 to 1, (3,), on the device that trains.
        std: Standard deviation of each channel, likewise.
    """

    part: Part[Images]
    input_size: int
    resize_to: int
    workers: int
    mean: Tensor
    std: Tensor

    @classmethod
    def of(
        cls, part: Part[Images], preprocessing: Preprocessing, device: torch.device, *, workers: int
    ) -> "StreamedSplit":
        mean, std = channel_tensors(preprocessing, device)
        return cls(part, preprocessing.input_size, preprocessing.resize_to, workers, mean, std)

    def __len__(self) -> int:
        return len(self.part.labels)

    def first(self, count: int) -> "StreamedSplit":
        return replace(self, part=choose(self.part, np.arange(min(count, len(self)))))

    def training_batches(self, recipe: Recipe, generator: torch.Generator, team: Team) -> Iterator[Batch]:
        """As `Split.training_batches`: a random part of the image, 8 to 100 % of its area, resized.

        Raises:
            UserError: Naming the file that cannot be read.
        """
        size = recipe.whole_batch(len(self), team.size)
        order = torch.randperm(len(self), generator=generator, device=generator.device).cpu()
        chosen = torch.split(order, size)[: len(self) // size]
        steps: list[v2.Transform] = [v2.RandomResizedCrop(self.input_size, antialias=True)]
        if recipe.flip:
            steps.append(v2.RandomHorizontalFlip())
        if recipe.rotation > 0:
            steps.append(v2.RandomRotation(recipe.rotation, v2.InterpolationMode.BILINEAR))
        seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
        make = partial(_augmented, v2.Compose(steps))
        yield from self._load([team.share(batch).tolist() for batch in chosen], make, seed)

    def evaluation_batches(self, team: Team) -> Iterator[Batch]:
        mine = team.share(torch.arange(len(self)))
        batches = [batch.tolist() for batch in torch.split(mine, EVALUATION_BATCH)]
        yield from self._load(batches, partial(_centre, self.resize_to, self.input_size))

    def _load(
        self, batches: Sequence[list[int]], make: Callable[[ByteArray], Tensor], seed: int = 0
    ) -> Iterator[Batch]:
        with catch_warnings():
            # How many data workers suit the machine is the policy's to choose.
            filterwarnings("ignore", message="This DataLoader will create")
            loaded = iter(
                DataLoader(
                    _Decoded(self.part, make, seed),
                    batch_sampler=batches,
                    num_workers=self.workers,
                    generator=torch.Generator(),  # or the loader would draw from torch's
                    collate_fn=_collate,
                    pin_memory=self.mean.device.type == "cuda",
                )
            )
        with _room_for_batches():
            for batch in loaded:
                if isinstance(batch, UserError):
                    raise batch
                images, labels = batch
                pixels = images.to(self.mean.device, non_blocking=True)
                yield normalise(pixels, self.mean, self.std), labels.to(self.mean.device, non_blocking=True)


def _augmented(transform: v2.Transform, pixels: ByteArray) -> Tensor:
    made: Tensor = transform(torch.from_numpy(pixels).permute(2, 0, 1))
    return made


def _centre(resize_to: int, size: int, pixels: ByteArray) -> Tensor:
    # By Pillow, as on a device without torch; torch's own differs by a grey level, and from CPU to CPU.
    made = shorter_side(Image.fromarray(pixels), resize_to, size)
    return torch.tensor(made).permute(2, 0, 1)


@contextmanager
def _room_for_batches() -> Iterator[None]:
    """Say in one line that the memory is full through which data workers hand batches over."""
    try:
        yield
    except RuntimeError as error:
        if not any(sign in str(error) for sign in ("shared memory", "</torch_")):
            raise
        raise UserError(
            "--data-workers: need room for their batches, but /dev/shm is full; make it larger "
            "(`docker run --shm-size=2g`), or give --data-workers 0"
        ) from error


def _collate(items: list[tuple[Tensor, int] | UserError]) -> Batch | UserError:
    """A batch, or the first error among what was to be in it."""
    for item in items:
        if isinstance(item, UserError):
            return item
    images, labels = default_collate(items)
    return images, labels
