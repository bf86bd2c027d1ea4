"""ONNX files under TensorRT (8.5 or later), as on a Jetson.

Written against NVIDIA's documented Python interface; it has not been run for this version, as no
machine with TensorRT was at hand. Memory on the GPU is torch's. An engine is built for one shape
of images when the first ones come (minutes on a Jetson) and kept beside the ONNX file; one that was
made for another file, GPU or version of TensorRT has another name and is left alone.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import tensorrt
import torch
from numpy.typing import NDArray

from semloc_ros.errors import ConfigError, ModelError, expected
from semloc_ros.networks.graphs import check_images, image_size

_WORKSPACE_BYTES = 1 << 30
_DIGITS = 12  # of a digest, in names of files


class TensorrtGraph:
    """See `graphs.Graph`. FP32, TF32 where the GPU has it."""

    computed_by = "TensorRT on the GPU"

    def __init__(self, path: Path, device: str, planes: int | None) -> None:
        if device == "cpu" or not torch.cuda.is_available():
            got = "cpu" if device == "cpu" else "no GPU that torch finds"
            raise ConfigError(expected("device", "a GPU, for TensorRT", got))
        self.path = path
        self._content = path.read_bytes()
        self._logger = tensorrt.Logger(tensorrt.Logger.ERROR)
        parsed = _Parsed(path, self._content, self._logger)
        self.size = image_size(path, parsed.inputs, planes)
        self._input, self.outputs = parsed.inputs[0][0], parsed.outputs
        self.metadata = _metadata(self._content)
        self._contexts: dict[tuple[int, ...], Any] = {}

    def run(
        self, images: NDArray[np.float32], outputs: tuple[str, ...] | None = None
    ) -> list[NDArray[Any]]:
        """The named outputs, all if none are named, of images (B, planes, H, W)."""
        check_images(self, images)
        shape = tuple(images.shape)
        if shape not in self._contexts:
            engine = self._engine(shape)
            self._contexts[shape] = (engine, engine.create_execution_context())
        engine, context = self._contexts[shape]
        given = torch.from_numpy(np.ascontiguousarray(images, np.float32)).cuda()
        context.set_input_shape(self._input, shape)
        context.set_tensor_address(self._input, given.data_ptr())
        found = {name: _memory(engine, context, name) for name in self.outputs}
        for name, memory in found.items():
            context.set_tensor_address(name, memory.data_ptr())
        stream = torch.cuda.current_stream()
        if not context.execute_async_v3(stream.cuda_stream):
            raise ConfigError(expected(f"{self.path}: images", "what the engine takes", shape))
        stream.synchronize()
        return [found[name].cpu().numpy() for name in outputs or self.outputs]

    def _engine(self, shape: tuple[int, ...]) -> Any:
        """The engine for images of one shape, built now unless it was before."""
        key = f"{tensorrt.__version__} {torch.cuda.get_device_name()}".encode()
        digest = hashlib.sha256(self._content + key).hexdigest()[:_DIGITS]
        size = "x".join(map(str, shape))
        kept = self.path.with_name(f"{self.path.stem}.{size}.{digest}.engine")
        runtime = tensorrt.Runtime(self._logger)
        if kept.is_file():
            engine = runtime.deserialize_cuda_engine(kept.read_bytes())
            if engine is not None:
                return engine
        plan = bytes(_Parsed(self.path, self._content, self._logger).built(shape))
        _keep(kept, plan)
        return runtime.deserialize_cuda_engine(plan)


class _Parsed:
    """A network as TensorRT reads it from an ONNX file."""

    def __init__(self, path: Path, content: bytes, logger: Any) -> None:
        flags = tensorrt.NetworkDefinitionCreationFlag
        explicit = getattr(flags, "EXPLICIT_BATCH", None)  # always so from version 10 on
        self._path = path
        self._builder = tensorrt.Builder(logger)
        self._network = self._builder.create_network(0 if explicit is None else 1 << int(explicit))
        parser = tensorrt.OnnxParser(self._network, logger)
        if not parser.parse(content):
            reason = parser.get_error(0).desc() if parser.num_errors else "unreadable"
            raise ModelError(expected(str(path), "what TensorRT can read", reason))
        network = self._network
        given = [network.get_input(number) for number in range(network.num_inputs)]
        made = [network.get_output(number) for number in range(network.num_outputs)]
        self.inputs: list[tuple[str, list[object]]] = [(one.name, list(one.shape)) for one in given]
        self.outputs = tuple(one.name for one in made)

    def built(self, shape: tuple[int, ...]) -> Any:
        """The plan of an engine for images of one shape."""
        config = self._builder.create_builder_config()
        config.set_memory_pool_limit(tensorrt.MemoryPoolType.WORKSPACE, _WORKSPACE_BYTES)
        profile = self._builder.create_optimization_profile()
        profile.set_shape(self.inputs[0][0], shape, shape, shape)
        config.add_optimization_profile(profile)
        plan = self._builder.build_serialized_network(self._network, config)
        if plan is None:
            raise ModelError(expected(str(self._path), "what TensorRT can build", "no engine"))
        return plan


def _memory(engine: Any, context: Any, name: str) -> torch.Tensor:
    """Room on the GPU for an output."""
    kind = np.empty(0, tensorrt.nptype(engine.get_tensor_dtype(name)))
    shape = tuple(context.get_tensor_shape(name))
    return torch.empty(shape, dtype=torch.from_numpy(kind).dtype, device="cuda")


def _keep(path: Path, plan: bytes) -> None:
    """Write the plan, in one rename, where that is possible; it is built anew otherwise."""
    fresh = path.with_suffix(".partial")
    try:
        fresh.write_bytes(plan)
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)


def _metadata(content: bytes) -> dict[str, str]:
    import onnx

    model = onnx.load_model_from_string(content)
    return {one.key: one.value for one in model.metadata_props}
