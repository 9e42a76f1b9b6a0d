"""Model: a network's file together with its contract, found and checked before any worker starts."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge.core.contract import Contract, File, is_contract
from edge.core.errors import ModelError
from edge.core.modelfile import check_onnx, read_file, sha256
from edge.core.preprocess import Preprocess, plane

SHIPPED = Path(__file__).resolve().parent.parent / "models"
_SUFFIXES = (".onnx", ".om", ".ort", ".ckpt", ".pth", ".pt", ".tflite", ".pb")
"""A name that ends like this is a path. Other dots belong to the name: `portrait.v2`."""


class Model:
    """One file that keeps a contract.

    name: as in the graph; of a path, its stem. size: (h, w) at which the network runs. channels: 4 where the picture's
    tensor carries the previous alpha. sha256: of the bytes that were checked, in hex.
    """

    def __init__(
        self,
        name: str,
        path: Path,
        contract: Contract,
        sha256: str,
        size: tuple[int, int],
        channels: int = 3,
        branch: str = "full",
    ) -> None:
        self.name = name
        self.path = path
        self.contract = contract
        self.sha256 = sha256
        self.size = size
        self.channels = channels
        self.branch = branch

    @property
    def raw_shape(self) -> tuple[int, int]:
        """(h, w) of the `alpha` that the network makes."""
        return self.shape("alpha")

    @property
    def states(self) -> dict[str, tuple[int, ...]]:
        """The shape of each recurrent state, by the name of its input."""
        return {state.input: state.at(self.size) for state in self.contract.states}

    @property
    def takes_prior(self) -> bool:
        """Whether this file reads the previous alpha."""
        prior = self.contract.prior
        return prior is not None and (bool(prior.name) or self.channels == 4)

    def shape(self, output: str) -> tuple[int, int]:
        """(h, w) of an output of the contract, by the name of the plane: `alpha`, `lr_alpha`."""
        stride = self.contract.outputs[output].stride  # type: ignore[index]
        return (-(-self.size[0] // stride), -(-self.size[1] // stride))

    def preprocess(self, types: dict[str, Any] | None = None) -> Preprocess:
        """What turns pictures into this network's tensors, with memory of its own: one for each network that is loaded.

        types: the dtype by input name where it is not float32."""
        prior = self.contract.prior if self.takes_prior else None
        return Preprocess(self.contract.image, self.size, self.channels, prior, types)

    def planes(self, tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What the network gave, by the tensors' names, as planes and states by the contract's names: see `Network`."""
        outputs = self.contract.outputs.items()
        made: dict[str, np.ndarray] = {name: plane(tensors[o.name], o) for name, o in outputs if o.name in tensors}
        made.update({s.input: np.asarray(tensors[s.output], np.float32) for s in self.contract.states})
        return made

    def read(self) -> bytes:
        """The file's bytes, which are still the ones that were checked: hand these to the runtime, never the path."""
        data = read_file(self.path)
        if sha256(data) != self.sha256:
            raise ModelError(f"{self.path} was replaced after it was checked: start again to check it anew")
        return data

    def to_dict(self) -> dict[str, Any]:
        """Plain values, to go to a worker."""
        return {
            "name": self.name,
            "path": str(self.path),
            "contract": self.contract.to_dict(),
            "sha256": self.sha256,
            "size": list(self.size),
            "channels": self.channels,
            "branch": self.branch,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Model:
        contract, (h, w) = Contract.from_dict(values["contract"]), values["size"]
        rest = {key: values[key] for key in ("name", "sha256", "channels", "branch")}
        return cls(path=Path(values["path"]), contract=contract, size=(h, w), **rest)

    @classmethod
    def find(
        cls, name: str, folder: Path, suffixes: Sequence[str] = (".onnx",), branch: str = "full", channels: int = 3
    ) -> Model:
        """The model of a path (relative to `folder`) or of a name, its file checked.

        A name stands for a contract shipped in `models/`, or for a model beside the graph. Of a contract's files it takes
        one of this branch, rather with this many channels, then by the order of suffixes, that is here.
        Raises ModelError: unknown, missing, a pointer or a page instead of a file, truncated, wrong hash, no contract.
        """
        if _is_path(name):
            return cls._from_path(_resolve(name, folder, suffixes), suffixes)
        shipped = SHIPPED / f"{name}.yaml"
        if shipped.is_file():
            contract = Contract.load(shipped)
            file, path = _choose(contract, _places(folder), suffixes, branch, channels)
            return cls._checked(name, path, contract, file)
        for suffix in suffixes:
            if (folder / (name + suffix)).is_file():
                return cls._from_path(folder / (name + suffix), suffixes)
        raise ModelError(f"model '{name}' is not known{_near(name)}")

    @classmethod
    def _from_path(cls, path: Path, suffixes: Sequence[str]) -> Model:
        if path.is_dir():
            raise ModelError(f"{path} is not a file but a folder: give the path of the model in it")
        if path.suffix not in suffixes:
            raise ModelError(f"{path}: the device loads {' or '.join(suffixes)}, not {path.suffix}: convert the model")
        beside = path.with_suffix(".yaml")
        contract = Contract.load(beside) if is_contract(beside) else None
        return cls._checked(path.stem, path, contract)

    @classmethod
    def _checked(cls, name: str, path: Path, contract: Contract | None, file: File | None = None) -> Model:
        """Read the file once; find its contract by its hash where none came with it; compare."""
        data = read_file(path)
        digest = sha256(data)
        contract = contract or _by_hash(digest)
        file = file or (_listed(contract, path, digest) if contract else None)
        if path.suffix == ".onnx" and not (file and file.sha256 == digest):
            check_onnx(path, data)
        if contract is None:
            raise ModelError(_stranger(path, digest))
        file = file or File(path.name, channels=4 if contract.prior and not contract.prior.name else 3)
        if file.sha256 and file.sha256 != digest:
            raise ModelError(_wrong(path, digest, file.sha256, contract))
        size = file.size or contract.image.size
        if size is None:
            raise ModelError(f"{path}: its contract '{contract.name}' gives no size: add image.size, or list the file with one")
        return cls(name, path, contract, digest, size, file.channels, file.branch)


def known() -> list[str]:
    """The names of the shipped contracts."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def _is_path(name: str) -> bool:
    return "/" in name or Path(name).suffix in _SUFFIXES


def _resolve(name: str, folder: Path, suffixes: Sequence[str]) -> Path:
    """The path meant: with its suffix, or with the first of the device's suffixes that is there."""
    path = folder / Path(name).expanduser()
    tries = [path, *(path.with_name(path.name + suffix) for suffix in suffixes)]
    if "/" not in name:
        tries.append(SHIPPED / name)
    return next((p for p in tries if p.is_file()), path)


def _places(folder: Path) -> tuple[Path, ...]:
    return (SHIPPED, folder, folder / "models")


def _choose(
    contract: Contract, places: Sequence[Path], suffixes: Sequence[str], branch: str, channels: int
) -> tuple[File, Path]:
    fits = [f for f in contract.files if f.branch == branch and Path(f.path).suffix in suffixes]
    if not contract.files:
        raise ModelError(
            f"model '{contract.name}' is a contract without a file ({contract.source}): "
            f"copy {SHIPPED / contract.name}.yaml beside your model, under its name, and give the model's path"
        )
    if not fits:
        raise ModelError(f"model '{contract.name}' has no file for branch '{branch}' that ends in {' or '.join(suffixes)}")
    fits.sort(key=lambda f: (f.channels != channels, list(suffixes).index(Path(f.path).suffix)))
    for file in fits:
        for place in places:
            if (place / file.path).is_file():
                return file, place / file.path
    raise ModelError(
        f"model '{contract.name}' does not come with Edgeflow ({contract.licence}): get {fits[0].path} from "
        f"{contract.source} and put it into {places[1]}, or give its path"
    )


def _shipped_with(text: str) -> Iterator[Contract]:
    """Shipped contracts that have this text in them: cheaper than to parse them all."""
    for path in sorted(SHIPPED.glob("*.yaml")):
        if text in path.read_text(encoding="utf-8"):
            yield Contract.load(path)


def _by_hash(digest: str) -> Contract | None:
    return next(_shipped_with(digest), None)


def _listed(contract: Contract, path: Path, digest: str) -> File | None:
    """The contract's entry for this file: by its hash, else by its name."""
    by_hash = (f for f in contract.files if f.sha256 == digest)
    by_name = (f for f in contract.files if Path(f.path).name == path.name)
    return next(by_hash, None) or next(by_name, None)


def _stranger(path: Path, digest: str) -> str:
    """Why a file without a contract is refused: a damaged copy of a known one, or one that we do not know."""
    for contract in _shipped_with(path.name):
        for file in contract.files:
            if Path(file.path).name == path.name:
                return _wrong(path, digest, file.sha256, contract)
    return (
        f"{path} has no contract, so its inputs cannot be known: write {path.stem}.yaml beside it (copy one from "
        f"{SHIPPED}), or use one of: {', '.join(known())}"
    )


def _wrong(path: Path, digest: str, expected: str, contract: Contract) -> str:
    return (
        f"{path} has the wrong sha256 ({digest[:12]}…, contract '{contract.name}' says {expected[:12]}…): it is damaged "
        "or another file; download it again, or write a contract of its own beside it"
    )


def _near(name: str) -> str:
    near = difflib.get_close_matches(name, known(), 1)
    meant = f". Did you mean '{near[0]}'?" if near else "."
    return f"{meant} Known: {', '.join(known())}; or give a path, such as ./{name}.onnx"
