"""What all contestants stand on: one root file system, one pod of the same properties for each, and nothing left behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from types import TracebackType

from benchmark.programs import CannotRun, output

CHECKOUT = Path(__file__).resolve().parent.parent.parent
POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: bench
spec:
  restartPolicy: Never
  securityContext:
    runAsUser: 1000
    runAsGroup: 1000
    sysctls:
    - {name: net.core.somaxconn, value: "1024"}
    - {name: kernel.msgmax, value: "65536"}
  containers:
  - name: main
    image: busybox
    command: [sleep, infinity]
"""


class Ground:
    """A folder with `store`, `root`, `pod.yaml` and what contestants add; `with` removes it all."""

    def __init__(self) -> None:
        # A name that podman takes as a part of an image's: mkdtemp's may end in `_`.
        self.folder = Path(tempfile.gettempdir()) / f"ecirun-bench-{os.urandom(6).hex()}"
        self.folder.mkdir(0o755)
        self.store = self.folder / "store"
        self.root = self.folder / "root"
        self.pod = self.folder / "pod.yaml"
        self.stack = contextlib.ExitStack()

    def __enter__(self) -> Ground:
        try:
            self.pod.write_text(POD)
            os.environ["ECIRUN_STORE"] = str(self.store)
            os.environ["ECIRUN_CACHE"] = str(self.folder / "cache")
            from ecirun.image.build import build_image
            from ecirun.image.progress import SILENT
            from ecirun.image.recipe import recipe_for

            recipe = recipe_for("busybox")
            assert recipe is not None
            (image,) = build_image(recipe, str(self.store), SILENT)
            shutil.copytree(image.rootfs, self.root, symlinks=True)
        except BaseException:
            shutil.rmtree(self.folder)
            raise
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        try:
            self.stack.close()
        finally:
            shutil.rmtree(self.folder)

    def floor(self) -> str:
        """The floor's program, compiled now. Raises CannotRun."""
        program = self.folder / "floor"
        if not program.exists():
            compiler = shutil.which("gcc") or shutil.which("cc")
            if compiler is None:
                raise CannotRun("needs gcc to be compiled")
            output([compiler, "-O2", "-o", str(program), str(Path(__file__).parent / "floor.c")])
        return str(program)
