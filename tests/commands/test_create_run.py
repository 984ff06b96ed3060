from maskless.commands.objects import create_run
from maskless.data.readers.synthetic import Synthetic
from maskless.signals import Role


def test_the_stored_method_is_the_one_that_was_built(tmp_path):
    """What the schedule sets is part of the method, so that a run loads again without the schedule."""
    config = {
        "method": {"_target_": "maskless.x", "width": 64, "epochs": 60, "first": {"epochs": 2}},
        "schedule": {"width": 8, "epochs": 1, "steps": 3, "batch": None},
        "runs_dir": str(tmp_path),
        "study": "s",
        "seed": 0,
        "hardware": {"precision": "32-true"},
        "command": ["maskless", "train"],
    }
    run = create_run(config, {Role.MAIN: Synthetic(size_px=32, tiles={"train": 1})}, [])
    assert run.config["method"] == {"_target_": "maskless.x", "width": 8, "epochs": 1, "first": {"epochs": 1}}
