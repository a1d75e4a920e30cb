"""onnxruntime: its providers, those built in and those that work here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from app.doctor.finding import Finding
from app.doctor.gpu import gpu_lines
from app.doctor.libraries import missing_libraries
from app.doctor.networks import NEEDED, WEIGHTS
from app.doctor.packages import INSTALL, Version, installed_version
from app.doctor.probe import Answer, AskProbe, ask_probe

_LIMIT_S = 90.0
INSTALL_GPU = "pip install -r requirements-gpu.txt"
INSTALL_TENSORRT = "pip install tensorrt"
_PACKAGES = ("onnxruntime", "onnxruntime-gpu")
_CUDA, _TENSORRT = _TRIED = ("CUDAExecutionProvider", "TensorrtExecutionProvider")


def look_at_onnxruntime(
    ask: AskProbe = ask_probe,
    version: Version = installed_version,
    has_gpu: Callable[[], bool] | None = None,
    network: Path = WEIGHTS / NEEDED,
) -> list[Finding]:
    """Version and providers, and whether a session gets them.

    Args:
        ask: runs a probe.
        version: of a package.
        has_gpu: whether there is one to use; nvidia-smi is asked if None.
        network: what sessions are made of.
    """
    packages = [package for package in _PACKAGES if version(package)]
    if not packages:
        return [Finding("onnxruntime", "MISS", "not installed", INSTALL)]
    again = f"pip uninstall -y {' '.join(_PACKAGES)} && {INSTALL}"
    answer = ask("onnx", _LIMIT_S, str(network))
    about = next((fact for fact in answer.facts if "providers" in fact), None)
    if about is None:
        return [Finding("onnxruntime", "MISS", f"cannot be used: {answer.why()}", again)]
    providers = about["providers"]
    if "CPUExecutionProvider" not in providers:
        text = f"{' and '.join(packages)} overwrote each other's files"
        return [Finding("onnxruntime", "MISS", text, again)]
    tried = {fact["provider"]: fact for fact in answer.facts if "provider" in fact}
    usable = [name for name in providers if name not in _TRIED or tried.get(name, {}).get("usable")]
    about_it = f"{packages[-1]} {about['version']}"
    text = f"{about_it}, built in: {_listed(providers)}, usable here: {_listed(usable)}"
    if len(packages) > 1:
        text += f"; {' and '.join(packages)} overwrite each other's files"
        return [Finding("onnxruntime", "note", text, again)]
    findings = [Finding("onnxruntime", "ok", text)]
    gpu = has_gpu() if has_gpu is not None else bool(gpu_lines()[0])
    if not gpu:
        return findings
    findings += [_provider(name, tried.get(name), answer) for name in _TRIED if name in providers]
    if _CUDA not in providers:
        text = f"there is a GPU, but {packages[-1]} has no provider for it"
        findings.append(Finding("CUDA", "note", text, f"pip uninstall -y {packages[-1]} && {INSTALL_GPU}"))
    return findings


def _provider(provider: str, fact: Mapping[str, object] | None, answer: Answer) -> Finding:
    subject = f"{_short(provider)} provider"
    if fact is not None and fact["usable"]:
        return Finding(subject, "ok", "a session runs with it")
    library = f"providers_{_short(provider).lower()}"
    complaints = [line for line in answer.complaints.splitlines() if library in line]
    libraries = missing_libraries("\n".join(complaints))
    told = f"{answer.complaints}\n{fact.get('error', '') if fact else ''}"
    of_tensorrt = any("nvinfer" in name or "nvonnx" in name for name in libraries)
    fix = INSTALL_TENSORRT if of_tensorrt else INSTALL_GPU
    if libraries:
        return Finding(subject, "note", f"not usable: {', '.join(libraries)} cannot be found", fix)
    if "insufficient" in told:
        return Finding(subject, "note", "not usable: the driver is too old for it", "update NVIDIA's driver")
    why = "it falls back to the CPU" if fact is not None else answer.why()
    return Finding(subject, "note", f"not usable: {why}", fix)


def _listed(providers: Sequence[str]) -> str:
    return ", ".join(map(_short, providers))


def _short(provider: str) -> str:
    return {_CUDA: "CUDA", _TENSORRT: "TensorRT"}.get(provider, provider.removesuffix("ExecutionProvider"))
