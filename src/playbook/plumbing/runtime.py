"""The machine a stage runs on: threads, device, precision, seeds. Results are bit-identical only where all agree."""

import ctypes
import os
import platform
import random
import resource
import sys
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from playbook.plumbing.errors import InputError


@dataclass(frozen=True)
class RuntimeConfig:
    """The `runtime` section of params.yaml."""

    threads: int = 2
    """CPU threads of torch. Another number gives other bits (sums are split differently)."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of matrix products; weights and optimizer state stay float32. `auto`: bfloat16 where the hardware has it."""
    seed: int = 1

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise InputError("threads", "at least 1", self.threads)


@dataclass(frozen=True)
class Runtime:
    """`RuntimeConfig` resolved on this machine."""

    device: torch.device
    dtype: torch.dtype
    """Of matrix products: torch.float32 or torch.bfloat16."""
    threads: int
    seed: int

    @property
    def precision(self) -> str:
        """ "float32" or "bfloat16"."""
        return str(self.dtype).removeprefix("torch.")

    def facts(self) -> dict[str, Any]:
        """What must agree for bits to agree; stands under "run" in every metrics file that holds a weights hash."""
        cpu = torch.backends.cpu.get_cpu_capability()
        gpu = {"gpu": torch.cuda.get_device_name(self.device)} if self.device.type == "cuda" else {}
        return {"threads": self.threads, "precision": self.precision, "device": str(self.device), **gpu} | {
            "torch": torch.__version__, "cpu": cpu, "python": platform.python_version()
        }  # fmt: skip


def start(config: RuntimeConfig) -> Runtime:
    """Set threads, seed every generator, choose device and precision."""
    keep_freed_memory()
    keep_few_kernels()
    torch.set_num_threads(config.threads)
    device = _device(config.device)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS is not deterministic
    # a GPU's fused attention adds up its gradients in a fixed order only where a mere warning would not do
    # (torch.use_deterministic_algorithms does the same, but loads torch's compiler for it, which takes a second)
    torch.set_deterministic_debug_mode("error" if device.type == "cuda" else "warn")
    # that would also fill every new tensor with NaN first, for 7% of a step (a switch that torch's types do not know)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    seed_everything(config.seed)
    has_bf16 = _has_bfloat16(device)
    if config.precision == "bfloat16" and not has_bf16:
        raise InputError(
            "runtime.precision", f"a precision that {device} computes in hardware", "bfloat16", "set it to auto"
        )
    wide = config.precision == "float32" or not has_bf16
    return Runtime(device, torch.float32 if wide else torch.bfloat16, config.threads, config.seed)


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch (all devices)."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def keep_freed_memory() -> None:
    """Ask glibc to keep large freed blocks instead of handing them back to the kernel.

    Every training step frees and takes the same tens of megabytes; getting them back from the kernel costs a page
    fault for each 4 kB, a quarter of the step on two cores. Elsewhere than on glibc this does nothing.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "gnu_get_libc_version"):
        trim_threshold, top_pad, mmap_max = -1, -2, -4  # M_* of malloc.h
        libc.mallopt(mmap_max, 0)
        libc.mallopt(trim_threshold, 2**31 - 1)
        libc.mallopt(top_pad, 64 * 2**20)


def keep_few_kernels() -> None:
    """Bound what torch keeps for products of each shape in bfloat16 on a CPU, unless the user's environment says more.

    Targets that carry loss are as many as they are, so nearly every step has shapes of its own; at about a megabyte
    each the thousands that are kept by default come to four gigabytes in fine-tuning. Results are the same.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")
    os.environ.setdefault("LRU_CACHE_CAPACITY", "64")


def _device(wanted: str) -> torch.device:
    have = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wanted == "auto":
        wanted = "cuda" if have["cuda"] else "cpu"
    if not have[wanted]:
        raise InputError("runtime.device", f"a device of this machine: {[d for d in have if have[d]]}", wanted)
    return torch.device(wanted)


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and bool(torch.cpu._is_avx512_bf16_supported())


def peak_rss_mb() -> float:
    """The most memory that this process has held so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)
