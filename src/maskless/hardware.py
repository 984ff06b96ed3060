"""Where and how precisely a stage is computed."""

import os
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from maskless.errors import UserError, did_you_mean

PRECISIONS = ("auto", "32-true", "bf16-mixed", "16-mixed", "64-true")


@dataclass(frozen=True)
class Hardware:
    """One choice of `hardware=`; checked when made, so that nothing starts that cannot run.

    `precision='auto'` is bf16-mixed where the processor has matrix instructions for bf16 (AMX, AVX512-BF16)
    and 32-true elsewhere, where bf16 is slower. Raises UserError for what this machine does not have.
    """

    accelerator: str = "cpu"
    devices: int = 1
    nodes: int = 1
    precision: str = "auto"
    channels_last: bool = True
    tf32: bool = False
    compile: bool = False
    workers: int = 0

    def __post_init__(self) -> None:
        if self.accelerator not in ("cpu", "gpu"):
            raise UserError(
                f"hardware.accelerator={self.accelerator!r}{did_you_mean(self.accelerator, ['cpu', 'gpu'])}"
            )
        if self.precision not in PRECISIONS:
            raise UserError(
                f"hardware.precision={self.precision!r}{did_you_mean(self.precision, PRECISIONS)}"
            )
        if self.devices < 1 or self.nodes < 1 or self.workers < 0:
            raise UserError("hardware.devices and hardware.nodes are at least 1, hardware.workers at least 0")
        if self.accelerator == "cpu" and self.precision == "16-mixed":
            raise UserError(
                "hardware.precision=16-mixed works on a GPU only: on a CPU take bf16-mixed, 32-true or auto"
            )
        if self.accelerator == "gpu" and not torch.cuda.is_available():
            raise UserError("this hardware needs an NVIDIA GPU, and torch sees none here: take hardware=cpu")
        if self.accelerator == "gpu" and self.devices > torch.cuda.device_count():
            raise UserError(
                f"hardware.devices={self.devices}, but torch sees {torch.cuda.device_count()} GPUs here"
            )

    @property
    def resolved_precision(self) -> str:
        """The precision that Lightning is given."""
        if self.precision != "auto":
            return self.precision
        if self.accelerator == "gpu":
            return "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"
        return "bf16-mixed" if _cpu_computes_bf16() else "32-true"

    @property
    def autocast(self) -> torch.dtype | None:
        """What inference computes in: the type of the mixed precision, None for full precision."""
        return {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}.get(self.resolved_precision)

    @property
    def device(self) -> torch.device:
        """The device of inference."""
        return torch.device("cuda" if self.accelerator == "gpu" else "cpu")

    def prepare(self, module: nn.Module) -> None:
        """Lay out and compile the networks of `module`, in place; weights keep their names."""
        if self.channels_last:
            module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if self.tf32:
            torch.set_float32_matmul_precision("high")
        if self.compile:
            for network in module.children():
                network.compile()

    def trainer_arguments(self, *, adversaries: bool = False) -> dict[str, Any]:
        """For lightning.Trainer. Ranks are spawned or SLURM's; the command line never runs again.

        With `adversaries`, a step has several losses, none of which reaches all networks.
        """
        several = self.devices * self.nodes > 1
        by_slurm = "SLURM_NTASKS" in os.environ and os.environ.get("SLURM_JOB_NAME") not in (
            "bash",
            "interactive",
        )
        partly = "_find_unused_parameters_true" if adversaries else ""
        return {
            "accelerator": self.accelerator,
            "devices": self.devices,
            "num_nodes": self.nodes,
            "precision": self.resolved_precision,
            "strategy": f"{'ddp' if by_slurm else 'ddp_spawn'}{partly}" if several else "auto",
            "use_distributed_sampler": False,
        }


def _cpu_computes_bf16() -> bool:
    return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
