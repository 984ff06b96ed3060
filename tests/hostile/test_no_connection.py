"""No command goes beyond this machine unless it was asked to.

Every test is watched (`no_connection` in conftest.py): a connection that any process tries fails the test
that began it. Here is one for each command, so that none is forgotten, and a proof that the watch sees
what it has to.
"""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from layouts import write_folder
from traced import beyond, traced, why_not

from maskless.commands import demo, optimise
from maskless.commands.help import COMMANDS
from maskless.networks.resnet18 import LAYERS
from maskless.networks.resnet_unet import ResNetEncoder

TINY = ("dataset.size_px=96", "dataset.tiles={train: 1}")
WORDS = {
    "prepare": ["dataset.tiles={train: 1, val: 1, test: 1}"],
    "choose": ["input={images}", "output={out}", "weights={weights}", "number=2"],
    "train": ["resume={run}"],
    "optimise": ["search=le_bescond_2022", "method=supervised_pix2pix", "search.trials=1"],
    "evaluate": ["run={run}"],
    "predict": [
        "run={run}",
        "input={images}",
        "output={out}",
        "formats=[labels,geojson,csv,parquet,steps]",
    ],
    "translate": ["translator={translator}", "dataset=synthetic", *TINY, "output={out}"],
    "compare": ["runs={run}", "output={out}.html"],
    "export": ["run={run}", "output={out}.safetensors"],
    "pretrained": [],
    "demo": ["output={out}"],
}


class Enough(Exception):
    """Where a command goes on with others, each of which is here by itself."""


def stop(*_: object) -> None:
    raise Enough


def test_every_command_is_here():
    assert set(WORDS) == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_stays_on_this_machine(command, trained, tmp_path, cli, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "_maskless", stop)
    monkeypatch.setattr(optimise, "run_job", stop)
    names = ["a", "b", "c", "d", "e", "f"]
    where = {
        "run": shutil.copytree(trained, tmp_path / "run"),
        "images": write_folder(tmp_path / "images", names, labelled=False) / "images",
        "weights": tmp_path / "weights.pth",
        "out": tmp_path / "out",
    }
    if command == "translate":
        both = ("method=translation", "dataset=synthetic", "target=synthetic", "target.size_px=96", *TINY)
        assert cli("train", *both, "mpp=0.25", "preset=tiny", "runs_dir=trained").code == 0
        (where["translator"],) = (tmp_path / "trained" / "default").iterdir()
    torch.save(ResNetEncoder(layers=LAYERS).state_dict(), where["weights"])
    words = [word.format(**where) if "{" in word and ": " not in word else word for word in WORDS[command]]
    assert cli(command, "--help").code == 0
    try:
        done = cli(command, *words)
    except Enough:
        return
    assert done.code == 0, done


def test_the_ways_there_without_a_command(cli):
    assert cli("--help").code == cli("--version").code == cli().code == 0


def test_choosing_patches_asks_before_it_downloads(refusal, tmp_path):
    images = write_folder(tmp_path, ["a", "b", "c"], labelled=False) / "images"
    assert "weights=imagenet downloads" in refusal("choose", f"input={images}", "output=out")


IMPORTS = """
import importlib, pkgutil, maskless
for module in pkgutil.walk_packages(maskless.__path__, "maskless."):
    importlib.import_module(module.name)
"""


def test_no_module_asks_for_anything_when_it_is_imported():
    environment = {name: value for name, value in os.environ.items() if "ALBUMENTATIONS" not in name}
    subprocess.run([sys.executable, "-c", IMPORTS], env=environment, check=True)


@pytest.mark.parametrize("here", [True, False])
@pytest.mark.parametrize("way", ["urlopen('http://192.0.2.1/')", "urlopen('https://nowhere.invalid/')"])
def test_the_watch_sees_what_is_tried(tmp_path: Path, monkeypatch, way, here):
    mark = tmp_path / "mark"
    monkeypatch.setenv("NETWORK_MARK", str(mark))
    code = f"from urllib.request import urlopen\ntry:\n    {way}\nexcept OSError:\n    pass"
    if here:
        exec(code, {})
    else:
        subprocess.run([sys.executable, "-c", code], check=True)
    assert "socket." in mark.read_text()


def test_the_watch_lets_this_machine_talk_to_itself(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass
    assert socket.getaddrinfo("localhost", 80)


@pytest.mark.debian("strace")
@pytest.mark.parametrize(
    ("way", "seen"),
    [
        ("bash -c 'exec 3<>/dev/tcp/192.0.2.1/80'", 'inet_addr("192.0.2.1")'),
        ("sh -c \"bash -c 'exec 3<>/dev/udp/2001:db8::1/9' & wait\"", '"2001:db8::1"'),
        ("bash -c 'exec 3<>/dev/tcp/nowhere.invalid/80'", ""),
        (
            "bash -c 'exec 3<>/dev/tcp/127.0.0.1/1; exec 3<>/dev/tcp/::1/1; exec 3<>/dev/tcp/localhost/1'",
            None,
        ),
    ],
)
def test_the_watch_of_whole_programs_sees_what_is_no_python(tmp_path: Path, way: str, seen: str | None):
    if why_not():
        pytest.skip(why_not())
    trace = tmp_path / "trace"
    subprocess.run([*traced(trace), "timeout", "2", "sh", "-c", way], stderr=subprocess.DEVNULL, check=False)
    tried = list(beyond(trace))
    assert "connect(" in trace.read_text()
    assert any(seen in call for call in tried) if seen is not None else not tried


@pytest.mark.debian("strace")
def test_what_a_whole_program_tries_fails_its_test(network_mark: Path, run_watched):
    if why_not():
        pytest.skip(why_not())
    before = network_mark.read_text()
    run_watched(["timeout", "2", "bash", "-c", "exec 3<>/dev/tcp/192.0.2.1/80"], check=False)
    tried = network_mark.read_text()
    network_mark.write_text(before)
    assert "192.0.2.1" in tried.removeprefix(before)
