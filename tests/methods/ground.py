"""What the step of a stage with several optimisers asks of Lightning, so that it can be taken by hand."""

from types import SimpleNamespace

import torch

from maskless.methods.stage import Stage


class Ground:
    """Stands below `stage` in Lightning's place. `moved` tells, a step of an optimiser, what it has moved.

    A network is named by the first `depth` parts of the names of its weights.
    """

    def __init__(self, stage: Stage, depth: int = 1) -> None:
        self.stage, self.depth, self.logged, self.moved = stage, depth, {}, []
        self.learners = [self._seen(learner) for learner in stage.configure_optimizers()]
        stage.optimizers = lambda: self.learners  # type: ignore[method-assign]
        stage.toggle_optimizer = self._toggle  # type: ignore[method-assign]
        stage.untoggle_optimizer = lambda _: self._learn(self.learners)  # type: ignore[method-assign]
        stage.manual_backward = lambda loss: loss.backward()  # type: ignore[method-assign]
        stage.log_dict = self.logged.update  # type: ignore[method-assign]
        stage._trainer = SimpleNamespace(  # type: ignore[assignment]
            precision_plugin=None, global_step=0, global_rank=0
        )

    def _toggle(self, learner: torch.optim.Optimizer) -> None:
        self.stage.requires_grad_(False)
        self._learn([learner])

    def _learn(self, learners: list[torch.optim.Optimizer]) -> None:
        for learner in learners:
            for group in learner.param_groups:
                for weight in group["params"]:
                    weight.requires_grad_(True)

    def _seen(self, learner: torch.optim.Optimizer) -> torch.optim.Optimizer:
        step = learner.step

        def watched() -> None:
            before = {name: value.detach().clone() for name, value in self.stage.named_parameters()}
            step()
            after = dict(self.stage.named_parameters())
            changed = [name for name, value in before.items() if not torch.equal(value, after[name])]
            self.moved.append({".".join(name.split(".")[: self.depth]) for name in changed})

        learner.step = watched  # type: ignore[method-assign]
        return learner

    def step(self, batch: dict, seed: int = 1) -> dict[str, float]:
        torch.manual_seed(seed)
        self.stage.training_step(batch, 0)
        return {name: float(value) for name, value in self.logged.items()}
