"""Executes notebooks without a browser, and fails on the first cell that does.

    headless.py --clear NOTEBOOK…     takes outputs out of notebooks, which are committed without
    headless.py --into DIR NOTEBOOK…  refuses notebooks with outputs, executes them, and writes what came out
"""

import argparse
import re
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from jupyter_client import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

#: Longer than any cell takes by far, in seconds.
PATIENCE = 300


def main() -> int:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--clear", action="store_true")
    arguments.add_argument("--into", type=Path)
    arguments.add_argument("notebooks", type=Path, nargs="+")
    given = arguments.parse_args()
    for path in given.notebooks:
        notebook = nbformat.read(path, as_version=4)
        if given.clear:
            clear(notebook)
            nbformat.write(notebook, path)
            continue
        nbformat.validate(notebook)
        if used := cells_with_outputs(notebook):
            print(f"{path}: cells {used} have outputs; `notebooks/run --clear` takes them out")
            return 1
        if failure := execute(notebook, path, given.into):
            print(failure)
            return 1
    return 0


def code(notebook) -> list[tuple[int, dict]]:
    """Cells of code, by their number in the notebook from 1."""
    cells = enumerate(notebook.cells, start=1)
    return [(number, cell) for number, cell in cells if cell.cell_type == "code"]


def cells_with_outputs(notebook) -> list[int]:
    return [number for number, cell in code(notebook) if cell.outputs or cell.execution_count is not None]


def clear(notebook) -> None:
    for _, cell in code(notebook):
        cell.outputs = []
        cell.execution_count = None
        cell.metadata = {}
    # The kernel's own: which interpreter it was.
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = {"name": "python"}


def execute(notebook, path: Path, into: Path | None) -> str | None:
    """What went wrong, if anything did. What came out is kept either way."""
    began = time.monotonic()
    place = {"metadata": {"path": str(path.parent.resolve())}}
    failure = None
    with TemporaryDirectory() as sockets:
        # Sockets in the file system: no port of this machine is opened.
        kernel = AsyncKernelManager(kernel_name="python3", transport="ipc", ip=f"{sockets}/kernel")
        client = NotebookClient(notebook, km=kernel, timeout=PATIENCE, resources=place)
        try:
            client.execute(cleanup_kc=True)
        except CellExecutionError as error:
            last = [number for number, cell in code(notebook) if cell.execution_count is not None][-1]
            trace = re.sub(r"\x1b\[[0-9;]*m", "", error.traceback)
            failure = f"{trace}\n{path}: cell {last} failed: {error.ename} {error.evalue}"
    if into:
        into.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, into / path.name)
    if not failure:
        print(f"{path.name}: {len(code(notebook))} cells in {time.monotonic() - began:.1f} s")
    return failure


if __name__ == "__main__":
    sys.exit(main())
