"""Tells onnxruntime's version, the providers built in, and those a session on a network really gets."""

from __future__ import annotations

import contextlib
import importlib
import sys

from app.doctor.probes.answer import tell

_TRIED = ("CUDAExecutionProvider", "TensorrtExecutionProvider")


def main(network: str) -> None:
    import onnxruntime

    providers = onnxruntime.get_available_providers()
    tell(version=onnxruntime.__version__, providers=providers)
    if hasattr(onnxruntime, "preload_dlls") and "CUDAExecutionProvider" in providers:
        onnxruntime.preload_dlls(directory="")  # pip's CUDA libraries, before those of the system
    with contextlib.suppress(ImportError):
        importlib.import_module("tensorrt")  # brings its libraries into the process
    for provider in _TRIED:
        if provider in providers:
            try:
                session = onnxruntime.InferenceSession(network, providers=[provider])
                tell(provider=provider, usable=provider in session.get_providers())
            except Exception as error:  # noqa: BLE001 — whatever it raises, the provider is not usable
                tell(provider=provider, usable=False, error=" ".join(str(error).split()))


if __name__ == "__main__":
    main(sys.argv[1])
