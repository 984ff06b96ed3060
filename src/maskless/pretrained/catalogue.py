"""The models of other people that can be used, and where each one's weights are expected."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from maskless.errors import UserError, did_you_mean
from maskless.pretrained.environments import Environment, home

_ADAPTERS = Path(__file__).parent / "adapters"

STARDIST = Environment("stardist", (("stardist==0.9.2", "tensorflow==2.21.0"),))
CELLPOSE = Environment("cellpose", (("cellpose==4.2.1.1", "torch==2.14.1", "torchvision==0.29.1"),))
CELLPOSE3 = Environment("cellpose3", (("cellpose==3.1.1.2", "torch==2.13.0"),))
TIATOOLBOX = Environment("tiatoolbox", (("tiatoolbox==2.1.3",),))
#: What deepliif pins no longer installs; these are what its inference imports, in later releases.
DEEPLIIF = Environment(
    "deepliif",
    (
        ("torch==2.14.1", "torchvision==0.29.1", "numpy", "numba", "pillow", "dask", "requests", "scipy",
         "scikit-image", "opencv-python-headless", "packaging", "dominate", "beautifulsoup4",
         "tifffile", "zarr"),
        ("--no-deps", "deepliif==1.2.7"),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Model:
    """One model.

    `adapter` is a file of `adapters`, whose packages are in `environment`, or beside ours if it is None: then
    `module` is what is imported and `extra` what installs it. `weights` is the file or folder that is looked
    for below `home()`, and `parts` what such a folder must hold; `get` says how to get it. `stains` are those
    that it has learnt from. `clicks` if it needs the points of an image.
    """

    title: str
    adapter: str
    environment: Environment | None
    weights: str
    get: str
    stains: Sequence[str]
    licence: str
    paper: str
    parts: Sequence[str] = ()
    module: str = ""
    extra: str = ""
    clicks: bool = False

    @property
    def path(self) -> Path:
        """The file of its adapter."""
        return _ADAPTERS / f"{self.adapter}.py"

    @property
    def weights_path(self) -> Path:
        """Where its weights are looked for."""
        return home() / "weights" / self.weights

    @property
    def installed(self) -> bool:
        """Whether its packages are there."""
        return self.environment.installed if self.environment else find_spec(self.module) is not None

    def install(self, name: str) -> str:
        """The line that installs the packages of the model of this name."""
        if self.environment:
            return f"maskless pretrained install={name}"
        return f"pip install 'maskless[{self.extra}]'"

    def lacks(self, weights: Path) -> str:
        """The first file that is not there, of the weights at this path; empty if there is none such."""
        files = [weights / part for part in self.parts] or [weights]
        return next((str(file) for file in files if not file.is_file()), "")

    def refuse_unready(self, name: str, weights: str | None) -> Path:
        """The path of its weights. Raises UserError if its packages or its weights are not there."""
        if not self.installed:
            raise UserError(f"the packages of {name} are not installed: {self.install(name)}")
        path = Path(weights).expanduser() if weights else self.weights_path
        if missing := self.lacks(path):
            raise UserError(f"{name} needs its weights, and there is no file {missing}: {self.get}")
        return path


_TIATOOLBOX_WEIGHTS = (
    "get {} from https://huggingface.co/TIACentre/TIAToolbox_pretrained_weights and put it there"
)
_CELLPOSE3_WEIGHTS = "get it from https://www.cellpose.org/models/{} and put it there"

MODELS = {
    "stardist": Model(
        title="StarDist 2D_versatile_he",
        adapter="stardist",
        environment=STARDIST,
        weights="2D_versatile_he",
        parts=("config.json", "weights_best.h5", "thresholds.json"),
        get="unpack https://github.com/stardist/stardist-models/releases/download/v0.1/"
        "python_2D_versatile_he.zip there",
        stains=("H&E",),
        licence="BSD 3-Clause; learnt from MoNuSeg (CC BY-NC-SA 4.0) and TNBC (CC BY 4.0)",
        paper="Schmidt et al., Cell Detection with Star-convex Polygons, MICCAI 2018",
    ),
    "cellpose": Model(
        title="Cellpose-SAM cpsam",
        adapter="cellpose",
        environment=CELLPOSE,
        weights="cpsam",
        get="get cpsam from https://huggingface.co/mouseland/cellpose-sam and put it there",
        stains=("H&E", "IHC"),
        licence="BSD 3-Clause; learnt from data that is CC BY-NC",
        paper="Pachitariu et al., Cellpose-SAM: superhuman generalization for cellular segmentation, 2025",
    ),
    "cellpose_nuclei": Model(
        title="Cellpose nuclei",
        adapter="cellpose3",
        environment=CELLPOSE3,
        weights="nucleitorch_0",
        get=_CELLPOSE3_WEIGHTS.format("nucleitorch_0"),
        stains=("H&E",),
        licence="BSD 3-Clause; learnt from data that is CC BY-NC",
        paper="Stringer et al., Cellpose: a generalist algorithm for cellular segmentation, 2021",
    ),
    "cellpose_cyto3": Model(
        title="Cellpose cyto3",
        adapter="cellpose3",
        environment=CELLPOSE3,
        weights="cyto3",
        get=_CELLPOSE3_WEIGHTS.format("cyto3"),
        stains=("H&E",),
        licence="BSD 3-Clause; learnt from data that is CC BY-NC",
        paper="Stringer and Pachitariu, Cellpose3: one-click image restoration, 2025",
    ),
    "instanseg": Model(
        title="InstanSeg brightfield_nuclei",
        adapter="instanseg",
        environment=None,
        module="instanseg",
        extra="instanseg",
        weights="brightfield_nuclei/instanseg.pt",
        get="unpack brightfield_nuclei.zip of https://github.com/instanseg/instanseg/releases there",
        stains=("H&E", "IHC"),
        licence="Apache-2.0",
        paper="Goldsborough et al., InstanSeg: an embedding-based instance segmentation algorithm, 2024",
    ),
    "hovernet": Model(
        title="HoVer-Net hovernet_original-consep",
        adapter="hovernet",
        environment=TIATOOLBOX,
        weights="hovernet_original-consep.pth",
        get=_TIATOOLBOX_WEIGHTS.format("hovernet_original-consep.pth"),
        stains=("H&E",),
        licence="BSD 3-Clause; the weights as CoNSeP, which they have learnt from",
        paper="Graham et al., HoVer-Net, Medical Image Analysis 2019; Pocock et al., TIAToolbox, 2022",
    ),
    "hovernet_pannuke": Model(
        title="HoVer-Net hovernet_fast-pannuke",
        adapter="hovernet",
        environment=TIATOOLBOX,
        weights="hovernet_fast-pannuke.pth",
        get=_TIATOOLBOX_WEIGHTS.format("hovernet_fast-pannuke.pth"),
        stains=("H&E",),
        licence="BSD 3-Clause; learnt from PanNuke (CC BY-NC-SA 4.0)",
        paper="Graham et al., HoVer-Net, Medical Image Analysis 2019; Pocock et al., TIAToolbox, 2022",
    ),
    "nuclick": Model(
        title="NuClick nuclick_original-pannuke",
        adapter="nuclick",
        environment=TIATOOLBOX,
        weights="nuclick_original-pannuke.pth",
        get=_TIATOOLBOX_WEIGHTS.format("nuclick_original-pannuke.pth"),
        stains=("H&E",),
        licence="BSD 3-Clause; learnt from PanNuke (CC BY-NC-SA 4.0)",
        paper="Alemi Koohbanani et al., NuClick, Medical Image Analysis 2020; Pocock et al., 2022",
        clicks=True,
    ),
    "deepliif": Model(
        title="DeepLIIF",
        adapter="deepliif",
        environment=DEEPLIIF,
        weights="DeepLIIF_Latest_Model",
        parts=("train_opt.txt", *(f"G{k}.pt" for k in (1, 2, 3, 4, 51, 52, 53, 54, 55))),
        get="unpack DeepLIIF_Latest_Model.zip of https://zenodo.org/record/4751737 there",
        stains=("IHC",),
        licence="Apache-2.0 with Commons Clause: for non-commercial academic purposes",
        paper="Ghahremani et al., DeepLIIF, Nature Machine Intelligence 2022",
    ),
}


def model(name: str) -> Model:
    """A model by its name. Raises UserError if there is none."""
    if name not in MODELS:
        raise UserError(f"there is no pretrained model {name!r}{did_you_mean(name, MODELS)}")
    return MODELS[name]


def environment(name: str) -> Environment:
    """The environment that a model needs. Raises UserError if there is no such model, or it needs none."""
    found = model(name)
    if found.environment is None:
        raise UserError(f"{name} runs beside maskless, in no environment of its own: {found.install(name)}")
    return found.environment
